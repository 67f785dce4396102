// SPDX-License-Identifier: MIT
// The start of the machine, in order. Entered from boot.S on the boot stack and the boot page tables.
#include "kernel/arch/x86_64/clock.hpp"
#include "kernel/arch/x86_64/early_memory.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/boot/acpi.hpp"
#include "kernel/boot/loader.hpp"
#include "kernel/dev/console.hpp"
#include "kernel/dev/io_apic.hpp"
#include "kernel/dev/log.hpp"
#include "kernel/dev/power.hpp"
#include "kernel/dev/rtc.hpp"
#include "kernel/dev/serial.hpp"

extern "C" {
extern const std::byte image_start[], image_end[];
extern const std::uint64_t boot_tsc;
[[noreturn]] void kmain(std::uint32_t magic, std::uint32_t info);
}

namespace aegis::boot {
namespace {

constinit LoaderInfo loader{};
constinit AcpiFacts acpi{};
constinit arch::PerCpu& self = arch::boot_processor;

// Low memory stays out of use: firmware data, and the page that other processors start on.
constexpr std::uint64_t low_reserved = 0x1'0000;

void read_handover(std::uint32_t magic, std::uint32_t info) {
  if (!read_loader(magic, info, loader))
    arch::panic("the loader gave no memory map (PVH or multiboot2)", __FILE__, __LINE__);
  if (!read_acpi(loader.rsdp, acpi)) dev::log("aegis: no ACPI tables: one processor\n");
  if (acpi.processors_left_out > 0) dev::log("aegis: ", acpi.processors_left_out, " processors too many, left out\n");
}

void set_memory() {
  const std::array reserved{
      traps::MemoryRange{0, low_reserved},
      traps::MemoryRange{arch::physical(image_start).raw(), arch::physical(image_end).raw()},
      traps::MemoryRange{base::align_down(loader.archive.start, base::page_size),
                         base::align_up(loader.archive.end, base::page_size)}};
  arch::set_memory(loader.memory(), reserved);
}

std::uint64_t wall_clock() {  // at time 0
  std::uint64_t given = 0;
  for (const char c : loader.option("wall")) {
    if (c < '0' || c > '9') break;
    given = given * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (given != 0) return given;
  const auto read = dev::read_wall_clock();
  return read ? *read - arch::now().raw() : 0;
}

// What is reserved but for the archive, which the core is told of by itself.
std::span<const traps::MemoryRange> reserved_without_archive() {
  static constinit std::array<traps::MemoryRange, 24> ranges{};
  std::size_t count = 0;
  const std::uint64_t archive = base::align_down(loader.archive.start, base::page_size);
  for (const auto& range : arch::early_reserved())
    if (loader.archive.start == loader.archive.end || range.start != archive) ranges[count++] = range;
  return std::span{ranges}.first(count);
}

void start_core() {
  const arch::Features& f = arch::features();
  const arch::ClockParameters& clock = arch::clock_parameters();
  const traps::BootRecord record{.ram = loader.memory(),
                                 .reserved = reserved_without_archive(),
                                 .archive = loader.archive,
                                 .command_line = loader.command(),
                                 .cpus = arch::cpu_count(),
                                 .wall_base_ns = wall_clock(),
                                 .boot_tsc = boot_tsc,
                                 .tsc_base = clock.base,
                                 .tsc_mul = clock.mul,
                                 .tsc_shift = clock.shift,
                                 .xcr0 = f.xcr0,
                                 .xsave_size = f.xsave_size,
                                 .features = (f.pku ? abi::cpu_pku : 0) | abi::cpu_fsgsbase |
                                             (f.avx ? abi::cpu_avx : 0) | (f.rdrand ? abi::cpu_rdrand : 0)};
  if (!traps::start(record)) arch::power_off(125);
}

// On the first processor's own stack, with the final page tables.
void continue_boot() {
  dev::find_io_apics(std::span{acpi.io_apics}.first(acpi.io_apic_count));  // interrupt lines, all masked
  dev::prepare_power_off(acpi.power_off);                                  // how to switch off
  arch::calibrate_clock(boot_tsc);                                         // time runs
  arch::enable_timer();                                                    // and can interrupt
  arch::start_processors(std::span{acpi.apic_ids}.first(acpi.apic_count)); // the others, which wait
  dev::find_console(loader.command(), acpi.io_apic_count);                 // the link to the host
  start_core();                                                            // frame table, root account, first env
  arch::run_processors();                                                  // to ring 3
}

}  // namespace
}  // namespace aegis::boot

void kmain(std::uint32_t magic, std::uint32_t info) {
  using namespace aegis;
  using namespace aegis::boot;
  dev::log_serial().initialise();                    // the log
  arch::add_processor(self);                         // this one is number 0
  arch::find_features();                             // or stop
  arch::seed_stack_protector();                      // nothing on the stack is returned to
  read_handover(magic, info);                        // memory map, archive, command line, ACPI
  set_memory();                                      // early frames can be taken
  arch::patch_smap_sites();                          // the last writes to text
  arch::build_interrupt_table();                     // and to what becomes constant
  arch::build_kernel_tables(loader.memory());        // W^X
  arch::load_kernel_tables();
  dev::silence_legacy_controllers();                 // no request left over from the firmware
  arch::local_apic().find();                         // its mode and place
  arch::prepare_processor(self, 0);                  // stacks, task state
  arch::initialise_processor(self);                  // control registers, segments, local APIC
  self.apic_id = arch::local_apic().id();
  arch::continue_on_stack(self.kernel_stack, continue_boot);
}
