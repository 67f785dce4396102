// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/clock.hpp"

#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/per_cpu.hpp"
#include "kernel/dev/log.hpp"

namespace aegis::arch {
namespace {

using Register = LocalApic::Register;

constinit ClockParameters parameters{};
constinit std::uint64_t tsc_hz = 0, apic_hz = 0;
constinit bool by_tsc = false;

// Programmable interval timer, channel 2, whose gate port 0x61 opens without any interrupt. [intel 8254]
constexpr std::uint16_t pit_channel2 = 0x42, pit_command = 0x43, pit_gate = 0x61;
constexpr std::uint64_t pit_hz = 1'193'182;

// Under emulation the window is short, because with -icount every microsecond of it is a thousand instructions; the
// local APIC of an emulator counts nanoseconds, which makes up for it.
constexpr std::uint16_t pit_window_emulated = 240, pit_window = 20'000;  // counts: 201 us, 16.8 ms
constexpr std::uint64_t billion = 1'000'000'000;

// value * factor / divisor over a 128-bit product; the quotient must fit.
std::uint64_t multiply_divide(std::uint64_t value, std::uint64_t factor, std::uint64_t divisor) {
  std::uint64_t low, high;
  asm("mulq %3" : "=a"(low), "=d"(high) : "a"(value), "r"(factor) : "cc");
  AEGIS_ASSERT(high < divisor);
  asm("divq %2" : "+a"(low), "+d"(high) : "r"(divisor) : "cc");
  return low;
}

std::uint64_t multiply_shift(std::uint64_t value, std::uint64_t factor, std::uint32_t shift) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(Wide{value} * factor >> shift);
}

std::uint16_t read_pit() {
  x86::out8(pit_command, 0x80);  // latch channel 2
  const std::uint32_t low = x86::in8(pit_channel2), high = x86::in8(pit_channel2);
  return static_cast<std::uint16_t>(low | high << 8);
}

struct Sample {
  std::uint64_t tsc;
  std::uint32_t apic;
  std::uint16_t pit;
};

// All three at one moment: of a few readings, the one that took the shortest (an emulator translates code at
// first).
Sample read_all() {
  Sample best{};
  std::uint64_t shortest = ~std::uint64_t{0};
  for (int attempt = 0; attempt < 12; ++attempt) {
    const std::uint64_t before = x86::rdtsc();
    const std::uint16_t pit = read_pit();
    const std::uint32_t apic = local_apic().read(Register::timer_current);
    const std::uint64_t after = x86::rdtsc();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = {.tsc = before + shortest / 2, .apic = apic, .pit = pit};
  }
  return best;
}

// Waits until the counter is at or below `limit`. False when it stands still.
bool wait_for_pit(std::uint16_t limit) {
  const std::uint16_t first = read_pit();
  for (int attempt = 0; attempt < 1'000'000; ++attempt) {
    const std::uint16_t now = read_pit();
    if (now <= limit) return true;
    if (attempt == 1000 && now == first) return false;
  }
  return false;
}

struct Rates {
  std::uint64_t tsc, apic;
};

std::optional<Rates> measure_against_pit() {
  const std::uint8_t gate = x86::in8(pit_gate);
  x86::out8(pit_gate, static_cast<std::uint8_t>((gate & ~2u) | 1u));  // gate open, speaker off
  x86::out8(pit_command, 0xb4);                                       // channel 2, both bytes, rate generator
  x86::out8(pit_channel2, 0xff);
  x86::out8(pit_channel2, 0xff);
  local_apic().write(Register::timer_initial, ~std::uint32_t{0});
  const std::uint32_t window = features().hypervisor ? pit_window_emulated : pit_window;
  if (!wait_for_pit(0xfff0)) return std::nullopt;  // it has left its start value
  const Sample start = read_all();
  if (!wait_for_pit(static_cast<std::uint16_t>(start.pit - window))) return std::nullopt;
  const Sample end = read_all();
  local_apic().write(Register::timer_initial, 0);
  x86::out8(pit_gate, gate);

  const auto counts = static_cast<std::uint64_t>(start.pit - end.pit);
  const std::uint64_t apic_ticks = start.apic - end.apic, tsc_ticks = end.tsc - start.tsc;
  const std::uint64_t apic = multiply_divide(apic_ticks, pit_hz, counts);
  const bool nanoseconds = features().hypervisor && apic > billion / 100 * 97 && apic < billion / 100 * 103;
  if (nanoseconds && apic_ticks > 0) return Rates{multiply_divide(tsc_ticks, billion, apic_ticks), billion};
  return Rates{multiply_divide(tsc_ticks, pit_hz, counts), apic};
}

// The processor's own word on its TSC, exact where there is one. [intel/vol3 18.7.3]
std::uint64_t tsc_hz_from_cpuid() {
  if (x86::cpuid(0).eax < 0x15) return 0;
  const x86::Cpuid ratio = x86::cpuid(0x15);
  if (ratio.eax == 0 || ratio.ebx == 0 || ratio.ecx == 0) return 0;
  return std::uint64_t{ratio.ecx} * ratio.ebx / ratio.eax;
}

}  // namespace

const ClockParameters& clock_parameters() { return parameters; }

void calibrate_clock(std::uint64_t boot_tsc) {
  const std::uint64_t known = tsc_hz_from_cpuid();
  const auto measured = measure_against_pit();
  if (!measured && known == 0) dev::log("aegis: no clock to calibrate by: taking the TSC to run at 1 GHz\n");
  tsc_hz = known != 0 ? known : measured ? measured->tsc : billion;
  apic_hz = measured ? measured->apic : billion;
  by_tsc = features().tsc_deadline;
  parameters = {.base = boot_tsc, .mul = multiply_divide(std::uint64_t{1} << ClockParameters::shift, billion, tsc_hz)};
}

void enable_timer() {
  local_apic().write(Register::timer, by_tsc ? vector::timer | LocalApic::timer_by_tsc : vector::timer);
  asm volatile("mfence" : : : "memory");  // before the first write of the deadline MSR [intel/vol3 10.5.4.1]
}

Nanoseconds now() {
  return Nanoseconds{multiply_shift(x86::rdtsc() - parameters.base, parameters.mul, parameters.shift)};
}

std::uint64_t time_stamp() { return x86::rdtsc(); }

void set_timer(Nanoseconds deadline) {
  this_per_cpu().timer_deadline_ns = deadline.raw();
  if (deadline == abi::forever) {
    if (by_tsc) return x86::wrmsr(x86::Msr::tsc_deadline, 0);
    return local_apic().write(Register::timer_initial, 0);
  }
  const std::uint64_t present = now().raw();
  std::uint64_t delta = deadline.raw() > present ? deadline.raw() - present : 0;
  if (delta > billion) delta = billion;  // timer_expired() sets it again
  if (by_tsc) return x86::wrmsr(x86::Msr::tsc_deadline, x86::rdtsc() + multiply_divide(delta, tsc_hz, billion) + 1);
  const std::uint64_t ticks = multiply_divide(delta, apic_hz, billion) + 1;  // 0 would stop it
  local_apic().write(Register::timer_initial, static_cast<std::uint32_t>(ticks < 0xffff'ffff ? ticks : 0xffff'ffff));
}

bool timer_expired() {
  PerCpu& self = this_per_cpu();
  if (self.timer_deadline_ns == abi::forever.raw()) return false;  // it was under way when it was stopped
  if (now().raw() >= self.timer_deadline_ns) {
    self.timer_deadline_ns = abi::forever.raw();
    return true;
  }
  set_timer(Nanoseconds{self.timer_deadline_ns});
  return false;
}

void wait_ns(std::uint64_t ns) {
  const std::uint64_t end = now().raw() + ns;
  while (now().raw() < end) x86::pause();
}

}  // namespace aegis::arch
