// SPDX-License-Identifier: MIT
// Who hands out a library OS's own slots and addresses, for those that have no better plan. No heap: a bit per slot, in
// the object itself.
#pragma once

#include "libos/rt/kinds.hpp"

namespace rt {

// Slots [first, 64 * Leaves) of the own table; leaves are added when they are needed, paid by the account.
template <std::uint32_t Leaves = 16>
class SlotPool {
 public:
  // `leaves`: those that the table has already.
  constexpr SlotPool(CapSlot first, AccountWith<abi::AccountRight::allocate> account, std::uint32_t leaves = 1)
      : account_{account}, leaves_{leaves} {
    for (std::uint32_t slot = 0; slot < first.raw(); ++slot) mark(slot);
  }
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  Result<CapSlot> take() {
    for (std::uint32_t leaf = 0; leaf < Leaves; ++leaf) {
      if (used_[leaf] == ~std::uint64_t{0}) continue;
      if (leaf >= leaves_) {
        TRY_VOID(Table{}.grow(leaf, account_));
        leaves_ = leaf + 1;
      }
      const auto bit = static_cast<std::uint32_t>(std::countr_one(used_[leaf]));
      mark(leaf * abi::slots_per_leaf + bit);
      return CapSlot{leaf * abi::slots_per_leaf + bit};
    }
    return base::Unexpected{Error::over_limit};
  }
  // The slot is empty again.
  void give_back(CapSlot slot) {
    used_[slot.raw() / abi::slots_per_leaf] &= ~(std::uint64_t{1} << slot.raw() % abi::slots_per_leaf);
  }

 private:
  static_assert(abi::slots_per_leaf == 64);
  constexpr void mark(std::uint32_t slot) { used_[slot / 64] |= std::uint64_t{1} << slot % 64; }
  std::array<std::uint64_t, Leaves> used_{};
  AccountWith<abi::AccountRight::allocate> account_;
  std::uint32_t leaves_;
};

// Addresses, taken and never given back.
class AddressRun {
 public:
  constexpr AddressRun(std::uint64_t begin, std::uint64_t end) : next_{base::align_up(begin, page_size)}, end_{end} {}
  Result<std::uint64_t> take(std::uint64_t pages, std::uint64_t alignment = page_size) {
    const std::uint64_t at = base::align_up(next_, alignment);
    if (at < next_ || pages > (end_ - std::min(at, end_)) / page_size) return base::Unexpected{Error::out_of_range};
    next_ = at + pages * page_size;
    return at;
  }

 private:
  std::uint64_t next_, end_;
};

}  // namespace rt
