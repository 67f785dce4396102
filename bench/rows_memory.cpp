// SPDX-License-Identifier: MIT
// Page faults, protection, mapping. Appel1 and Appel2 are the two programs of Appel and Li's comparison of 1991.
#include "bench/measure.hpp"

namespace bench {
namespace {

constexpr std::uint64_t pages = 100;
std::uint64_t base;          // of `pages` mapped pages
std::uint64_t protect_next;  // Appel1: what the handler protects

std::uint64_t page(std::uint64_t index) { return base + index * page_size; }

void protect_now(std::uint64_t va, std::uint64_t count, std::uint32_t flags) {
  static_cast<void>(rt::update_one(abi::no_slot, rt::protect_op(va, count, flags)));
}

bool on_fault(std::uint64_t address, std::uint64_t) {
  protect_now(address & ~(page_size - 1), 1, read_write);
  return true;
}
bool on_fault_protecting(std::uint64_t address, std::uint64_t) {
  const std::array ops{rt::protect_op(protect_next, 1, abi::map_read),
                       rt::protect_op(address & ~(page_size - 1), 1, read_write)};
  static_cast<void>(call::space_update.raw(abi::no_slot, ops.data(), ops.size()));
  return true;
}

void protection() {
  measure_each("protect_1", 100, [] { protect_now(base, 1, abi::map_read); });
  measure_each("protect_1_pair", 100, [] {
    protect_now(base, 1, abi::map_read);
    protect_now(base, 1, read_write);
  });
  measure_each("protect_1_list", 100, [] {
    const rt::SpaceOp op = rt::protect_op(base, 1, abi::map_read);
    static_cast<void>(call::space_update.raw(abi::no_slot, &op, 1));
  });
  measure(
      "protect_100", 1, [] { protect_now(base, pages, read_write); }, [] { protect_now(base, pages, abi::map_read); });
  measure(
      "unprotect_100", 1, [] { protect_now(base, pages, abi::map_read); },
      [] { protect_now(base, pages, read_write); });
  measure_each("dirty", 1000, [] {
    const std::uint64_t entry = load(abi::pte_window(base));
    asm volatile("" : : "r"(entry & abi::pte_dirty));
  });
}

void faults() {
  {
    const Handling handling{on_fault};
    measure(
        "protection_fault", pages, [] { protect_now(base, pages, abi::map_read); },
        [] {
          for (std::uint64_t i = 0; i < pages; ++i) store(page(i), i);
        });
    measure(
        "appel2", pages, [] { protect_now(base, pages, read_write); },
        [] {
          protect_now(base, pages, abi::map_read);
          for (std::uint64_t i = 0; i < pages; ++i) store(page(i), i);
        });
  }
  // All are protected but the last, which the first fault protects; and so on: one is open at any time.
  const Handling handling{on_fault_protecting};
  protect_now(base, pages, abi::map_read);
  measure(
      "appel1", pages, [] { protect_next = page(pages - 1); },
      [] {
        for (std::uint64_t i = 0; i < pages; ++i) {
          const std::uint64_t at = page(i * 37 % pages);  // every page once, in no order
          store(at, i);
          protect_next = at;
        }
      });
  protect_now(base, pages, read_write);
}

void fresh(std::string_view key, std::uint64_t count, std::uint64_t operations) {
  const std::uint64_t va = new_va(count);
  static_cast<void>(rt::map_new(abi::no_slot, va, 1, read_write | abi::map_owned, boot::account));  // its page tables
  static_cast<void>(rt::unmap(abi::no_slot, va, 1));
  measure_each(key, operations, [=] {
    static_cast<void>(rt::update_one(abi::no_slot, rt::map_new_op(va, count, read_write | abi::map_owned, boot::account)));
    static_cast<void>(rt::update_one(abi::no_slot, rt::unmap_op(va, count)));
  });
}

void mapping() {
  fresh("map_unmap", 1, 50);
  fresh("map_unmap_100", 100, 4);
  const Page shared = new_page();
  const std::uint64_t va = new_va();
  measure_each("map_again", 50, [=] {
    const std::array ops{rt::map_op(va, shared.frame, 1, read_write, boot::account), rt::unmap_op(va, 1)};
    static_cast<void>(call::space_update.raw(abi::no_slot, ops.data(), ops.size()));
  });
  measure_each("frame_alloc_free", 50, [] {
    const auto frame = call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0);
    static_cast<void>(call::frame_free.raw(boot::account, FrameNumber{*frame}, 1));
  });
}

}  // namespace

void memory() {
  base = new_va(pages);
  must(rt::map_new(abi::no_slot, base, pages, read_write | abi::map_owned, boot::account));
  protection();
  faults();
  mapping();
}

}  // namespace bench
