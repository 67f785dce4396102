// SPDX-License-Identifier: MIT
#include "libos/exos/guard.hpp"

#include "abi/container.hpp"
#include "libos/exos/area.hpp"
#include "libos/exos/heap.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/protection_keys.hpp"
#include "libos/exos/task.hpp"

namespace exos::guard {

namespace {

constexpr Entries unguarded{exos_call_entry, exos_foreign_entry, exos_exception_entry, exos_upcall_entry, exos_task_entry};
constexpr Entries guarded{exos_guarded_call_entry, exos_guarded_foreign_entry, exos_guarded_exception_entry, exos_guarded_upcall_entry,
                          exos_guarded_task_entry};
constexpr std::uint32_t data_flags = abi::map_read | abi::map_write | abi::map_owned;

constinit std::uint32_t flags = 0;   // map_key(key): the guard is on

std::size_t area_pages() { return is_on() ? 2 : 1; }

// What init and the heap have mapped so far; read-only pages need no key.
void close_present() {
  for_each_present(abi::map::state_base, abi::map::state_swap, [](std::uint64_t va, std::uint64_t entry) {
    const std::uint32_t owned = (entry & abi::pte_owned) != 0 ? abi::map_owned : 0;
    if ((entry & abi::pte_write) != 0 && !own::space.protect(va, 1, abi::map_read | abi::map_write | owned | flags)) __builtin_trap();
    return true;
  });
  const auto& info = *reinterpret_cast<const abi::container::StartInfo*>(abi::map::state_start_info);
  if (info.swap_pages != 0 && !own::space.protect(info.swap_va, info.swap_pages, abi::map_read | abi::map_write | flags)) __builtin_trap();
}

}  // namespace

void start() {
  if (!keys::exist()) return;
  flags = abi::map_key(key);
  close_present();
}

bool is_on() { return flags != 0; }
std::uint32_t state_flags() { return flags; }
const Entries& entries() { return is_on() ? guarded : unguarded; }

bool heals(std::uint64_t address, std::uint64_t error) {
  constexpr std::uint64_t error_write = 1 << 1, error_key = 1 << 5;  // [intel/vol3 4.7]
  return is_on() && (error & (error_write | error_key)) == error_key && address - abi::map::state_base < abi::slot_size;
}

bool begin_anew(Task& task, const abi::EnvState& state) {
  constexpr std::uint64_t page_fault = 14, error_key = 1 << 5;
  if (state.code != page_fault || (state.error & error_key) == 0) return false;   // at the first write of an entry: nothing is half done
  const abi::Registers& r = state.registers;
  abi::EventFrame& event = task.area->exception;
  task.frame = task_area(*task.area).frame;
  *task.frame = {.r15 = r.r15, .r14 = r.r14, .r13 = r.r13, .r12 = r.r12, .rbp = r.rbp, .rbx = r.rbx, .rax = r.rax, .rdi = r.rdi,
                 .rsi = r.rsi, .rdx = r.rdx, .r10 = r.r10, .r8 = r.r8, .r9 = r.r9, .rcx = r.rcx, .r11 = r.r11, .call = ~std::uint64_t{0},
                 .rip = event.rip, .cs = 0x33, .rflags = event.rflags, .rsp = event.rsp, .ss = 0x2b, .vector = ~std::uint64_t{0}};
  event.busy = task.area->upcall.busy = 0;
  task.shut_out = true;
  return task.env.start(rt::Va{reinterpret_cast<std::uint64_t>(entries().task)}, task.frame, 0).has_value();
}

abi::UserArea* allocate_area() {
  auto* area = static_cast<abi::UserArea*>(allocate_pages(area_pages()));
  if (area == nullptr || !is_on()) return area;
  if (own::space.protect(reinterpret_cast<std::uint64_t>(area + 1), 1, data_flags)) return area;
  release_area(area);
  return nullptr;
}

void release_area(abi::UserArea* area) { release_pages(area, area_pages()); }

}  // namespace exos::guard
