// SPDX-License-Identifier: MIT
#include "libos/exos/processor.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "libos/exos/area.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/heap.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/sched.hpp"

namespace exos {

namespace {

constinit std::array<Processor, abi::max_cpus> all;
constinit std::size_t count = 1;
constexpr std::size_t stack_pages = 16;   // as the first root env's: the pager may run on it

void bind_area(Processor& processor, abi::UserArea& area) {
  task_area(area) = {.self = &area, .env = processor.env.slot().raw(), .processor = &processor};
}

extern "C" [[gnu::naked, gnu::section(".text.entry"), gnu::used]] void exos_processor_start() {
  asm volatile("xor %ebp, %ebp\n call exos_run_processor\n ud2\n");
}
extern "C" [[gnu::used]] void exos_run_processor() { sched::root_loop(); }

// An env that takes exceptions only to report the library's errors, as the first root env does.
Status make_root(Processor& processor) {
  auto* area = static_cast<abi::UserArea*>(allocate_pages(1));
  auto* stack = static_cast<std::byte*>(allocate_pages(stack_pages));
  if (area == nullptr || stack == nullptr) return Fail{Errno::nomem};
  const auto made = own::account.create_env(TRY(take_slot()), own::space, own::table, frame_of_page(area));
  if (!made) return Fail{to_errno(made.error())};
  processor.env = *made;
  bind_area(processor, *area);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&exos_exception_entry),
                                .gs_base = reinterpret_cast<std::uint64_t>(area), .monitor = own::self.slot()};
  const auto configured = processor.env.configure(entries);
  if (!configured) return Fail{to_errno(configured.error())};
  const auto started = processor.env.start(rt::Va{reinterpret_cast<std::uint64_t>(&exos_processor_start)},
                                           rt::Va{stack + stack_pages * abi::page_size});
  if (!started) return Fail{to_errno(started.error())};
  return {};
}

Status bind_slices(const Processor& processor, std::uint32_t first) {
  for (std::uint32_t i = 0; i < abi::slices_per_cpu; ++i) {
    const auto bound = own::slices.bind(first + i, processor.env);
    if (!bound) return Fail{to_errno(bound.error())};
  }
  return {};
}

}  // namespace

std::span<Processor> processors() { return std::span{all}.first(count); }

// A change of the state slot is one in every space of the container, and the kernel waits until all processors have seen it.
bool barrier_on_processors() {
  if (count == 1) return true;
  static constinit void* page = nullptr;
  if (page == nullptr) page = allocate_pages(1);
  if (page == nullptr) return false;
  const auto at = reinterpret_cast<std::uint64_t>(page);
  return own::space.protect(at, 1, abi::map_read | abi::map_owned) &&
         own::space.protect(at, 1, abi::map_read | abi::map_write | abi::map_owned | guard::state_flags());
}

std::size_t processors_to_come() {
  const auto slices = own::slices.read();
  if (!slices || slices->count == 0) return 1;   // the first processor's alone
  return std::min<std::size_t>(1 + slices->count / abi::slices_per_cpu, all.size());
}

Status start_processors() {
  all[0].env = own::self;
  bind_area(all[0], *reinterpret_cast<abi::UserArea*>(abi::map::state_root_area));
  const std::size_t wanted = processors_to_come();
  for (std::size_t i = 1; i < wanted; ++i) {
    all[i].index = static_cast<std::uint32_t>(i);
    TRY_VOID(make_root(all[i]));
  }
  count = wanted;   // from here on they can be given something to do
  for (std::size_t i = 1; i < wanted; ++i)
    TRY_VOID(bind_slices(all[i], static_cast<std::uint32_t>(i - 1) * abi::slices_per_cpu));
  return {};
}

}  // namespace exos
