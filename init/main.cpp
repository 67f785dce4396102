// SPDX-License-Identifier: MIT
// The first env: archive, library image, container; then it sleeps until the container's root env is done.
// Machine stop codes: 0 the library OS halted with 0, 1 it ended otherwise, 2 it could not be started.
#include "init/container.hpp"
#include "init/reclaim.hpp"
#include "init/slots.hpp"
#include "libos/rt/clock.hpp"
#include "libos/rt/log.hpp"
#include "libos/rt/start.hpp"

namespace {

namespace given = init::given;

constexpr std::uint32_t library_failed = 1, cannot_start = 2;

// A library that forgot its monitor is found dead after at most this long.
constexpr std::uint64_t look_again_ns = 250'000'000;

void log_registers(const abi::Registers& r) {
  rt::log("init:   rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx);
  rt::log("init:   rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}", r.rsi, r.rdi, r.rbp, r.rsp);
  rt::log("init:   r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}", r.r8, r.r9, r.r10, r.r11);
  rt::log("init:   r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x}", r.r12, r.r13, r.r14, r.r15);
  rt::log("init:   fs  {:016x} gs  {:016x} rflags {:08x}", r.fs_base, r.gs_base, r.rflags);
}

[[noreturn]] void end_machine(const abi::EnvState& state) {
  if (state.state == abi::RunState::halted && state.code == 0) given::machine.stop(0);
  if (state.state == abi::RunState::halted) {
    rt::log("init: the library OS halted with code {}", state.code);
  } else {
    rt::log("init: the library OS is stuck: exception {} (error {:#x}) at rip {:#x}, address {:#x}", state.code,
            state.error, state.registers.rip, state.address);
    log_registers(state.registers);
  }
  given::machine.stop(library_failed);
}

// Without the information page there is no clock; the scale of deadlines is then unknown, and only the wake is left.
[[nodiscard]] std::optional<rt::Clock> map_clock(std::uint64_t va) {
  const auto info = given::info.run();
  if (!info || !init::own_space.map(va, {info->first, 1}, abi::map_read, given::info))
    return std::nullopt;
  return rt::Clock{*reinterpret_cast<const abi::SystemInfo*>(va)};
}

[[noreturn]] void watch(const std::optional<rt::Clock>& clock, const init::Plan& plan) {
  init::Reclaimer reclaimer{plan, clock ? clock->now().raw() : 0};
  for (;;) {
    // The rest of the slice goes to the library, so that it starts at once. While it runs (on another processor), or
    // when it has no use for the time, the call may refuse it: then the slice's owner gets it.
    const abi::Nanoseconds deadline =
        clock ? abi::Nanoseconds{std::min(clock->now().raw() + look_again_ns, reclaimer.next_ns())} : abi::forever;
    if (!init::slots::env.yield_to_and_sleep(deadline)) static_cast<void>(rt::sleep(deadline));
    if (clock) reclaimer.step(clock->now().raw());
    const auto state = init::slots::env.state();
    if (!state) continue;  // it runs
    if (state->state == abi::RunState::halted || state->state == abi::RunState::stuck) end_machine(*state);
  }
}

}  // namespace

std::uint64_t program(const abi::boot::Facts& facts) {
  const auto archive = init::open_archive(facts);
  if (!archive) given::machine.stop(cannot_start);
  const auto image = init::build_image(*archive);
  if (!image) given::machine.stop(cannot_start);
  const std::span run = archive->run.data;
  const auto plan = init::read_plan({reinterpret_cast<const char*>(run.data()), run.size()});
  if (!plan) {
    rt::log("init: the run description's swap or reclaim lines are malformed");
    given::machine.stop(cannot_start);
  }
  const auto clock = map_clock(base::align_up(facts.free_va, abi::page_size));
  if (const auto built = init::build_container(*archive, *image, *plan); !built) {
    rt::log("init: cannot build the container: {}", built.error());
    given::machine.stop(cannot_start);
  }
  if (const auto started = init::start_container(*image); !started) {
    rt::log("init: cannot start the container: {}", started.error());
    given::machine.stop(cannot_start);
  }
  watch(clock, *plan);
}
