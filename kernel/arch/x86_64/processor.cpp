// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/processor.hpp"

#include "kernel/arch/x86_64/clock.hpp"
#include "kernel/arch/x86_64/early_memory.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/trap.hpp"
#include "kernel/dev/log.hpp"

extern "C" {
extern const std::byte trampoline_start[], trampoline_end[];
constinit aegis::arch::PerCpu boot_processor{};
constinit aegis::arch::PerCpu* starting_processor = nullptr;  // read by ap_start64
[[noreturn]] void processor_main(aegis::arch::PerCpu* self);
}

namespace aegis::arch {
namespace {

constexpr std::uint64_t kernel_stack_size = 4 * base::page_size, interrupt_stack_size = base::page_size;
constexpr std::uint64_t trampoline_page = 0x8000;  // in low memory that early_memory never gives out
constexpr std::uint64_t ms = 1'000'000;

constinit std::array<PerCpu*, abi::max_cpus> processors{};
constinit std::atomic<std::uint32_t> processor_count{0};
constinit std::atomic<bool> released{false};

std::uint64_t make_stack(std::uint64_t size) {  // its end; the hole below it comes from the mapping before
  const PhysicalAddress frames = take_early_frames(size / base::page_size);
  return reinterpret_cast<std::uint64_t>(map_window(frames, size, Caching::normal)) + size;
}

bool wait_online(const PerCpu& p, std::uint64_t limit_ns) {
  for (const std::uint64_t end = now().raw() + limit_ns; now().raw() < end; relax())
    if (p.online.load(std::memory_order_acquire)) return true;
  return p.online.load(std::memory_order_acquire);
}

// [intel/vol3 9.4.4.1]: INIT, then up to two start-up interrupts. Emulated processors need no 10 ms in between.
bool start(PerCpu& p) {
  constexpr auto page = static_cast<std::uint8_t>(trampoline_page >> base::page_bits);
  std::atomic_ref{starting_processor}.store(&p, std::memory_order_release);
  local_apic().send_init(p.apic_id);
  wait_ns(features().hypervisor ? ms / 100 : 10 * ms);
  local_apic().send_startup(p.apic_id, page);
  if (wait_online(p, 2 * ms)) return true;
  local_apic().send_startup(p.apic_id, page);
  return wait_online(p, 200 * ms);
}

}  // namespace

void add_processor(PerCpu& p) {
  const std::uint32_t id = processor_count.load(std::memory_order_relaxed);
  p.self = &p;
  p.cpu.id = CpuId{id};
  processors[id] = &p;
  processor_count.store(id + 1, std::memory_order_release);
}

void prepare_processor(PerCpu& p, std::uint32_t apic_id) {
  Stacks stacks{};
  stacks.kernel_end = make_stack(kernel_stack_size);
  for (auto& end : stacks.interrupt_end) end = make_stack(interrupt_stack_size);
  p.self = &p;
  p.apic_id = apic_id;
  prepare_descriptors(p, stacks);
}

void initialise_processor(PerCpu& p) {
  enable_features();
  load_descriptors(p);
  local_apic().enable();
}

void start_processors(std::span<const std::uint32_t> apic_ids) {
  if (apic_ids.size() < 2) return;
  std::memcpy(direct(PhysicalAddress{trampoline_page}), trampoline_start,
              static_cast<std::size_t>(trampoline_end - trampoline_start));
  for (const std::uint32_t apic_id : apic_ids) {
    if (apic_id == boot_processor.apic_id) continue;
    if (cpu_count() == abi::max_cpus) {
      dev::log("aegis: more than ", abi::max_cpus, " processors: the rest stays off\n");
      return;
    }
    auto* p = new (direct(take_early_frames(base::pages_for(sizeof(PerCpu))))) PerCpu{};
    prepare_processor(*p, apic_id);
    p->cpu.id = CpuId{cpu_count()};
    if (start(*p)) {
      add_processor(*p);
      continue;
    }
    std::atomic_ref{starting_processor}.store(nullptr, std::memory_order_release);  // too late now
    dev::log("aegis: the processor with local APIC ", apic_id, " does not start: left out\n");
  }
}

void run_processors() {
  released.store(true, std::memory_order_release);  // pairs with the acquire in processor_main
  PerCpu& self = this_per_cpu();
  traps::start_cpu(self.cpu);
  enter_user(self);
}

// --- api.hpp ---------------------------------------------------------------------------------------------------------

PerCpu& per_cpu(CpuId id) { return *processors[id.raw()]; }
Cpu& this_cpu() { return this_per_cpu().cpu; }
Cpu& cpu(CpuId id) { return per_cpu(id).cpu; }
std::uint32_t cpu_count() { return processor_count.load(std::memory_order_acquire); }

}  // namespace aegis::arch

// A started processor arrives here from boot.S on its own stack, with the kernel's tables loaded.
void processor_main(aegis::arch::PerCpu* self) {
  using namespace aegis;
  using namespace aegis::arch;
  load_kernel_tables();
  initialise_processor(*self);
  enable_timer();
  self->online.store(true, std::memory_order_release);
  while (!released.load(std::memory_order_acquire)) relax();
  traps::start_cpu(self->cpu);
  enter_user(*self);
}
