// SPDX-License-Identifier: MIT
#include "libos/exos/capability_slots.hpp"

#include "abi/container.hpp"
#include "libos/exos/heap.hpp"
#include "libos/exos/own.hpp"

namespace exos {

namespace {

constexpr std::uint32_t words = 512;  // one word of bits per leaf; so many leaves are used at most
static_assert(words <= abi::leaves_per_table);
static_assert(abi::slots_per_leaf == 64);
constinit std::array<std::uint64_t, words> used{(std::uint64_t{1} << abi::container::first_free.raw()) - 1};
constinit std::uint32_t leaves = 1;   // leaf 0 came with the container
constinit std::uint32_t hint = 0;     // no leaf below it has a free slot

}  // namespace

Result<abi::CapSlot> take_slot() {
  for (std::uint32_t leaf = hint; leaf < words; ++leaf) {
    if (leaf == leaves) {
      const auto grown = rt::Table{}.grow(leaf, own::account);
      if (!grown) return Fail{to_errno(grown.error())};
      ++leaves;
    }
    if (used[leaf] == ~std::uint64_t{0}) continue;
    const auto bit = static_cast<std::uint32_t>(std::countr_one(used[leaf]));
    used[leaf] |= std::uint64_t{1} << bit;
    hint = leaf;
    return abi::CapSlot{leaf * 64 + bit};
  }
  return Fail{Errno::again};
}

void return_slot(abi::CapSlot slot) {
  const std::uint32_t leaf = slot.raw() / 64;
  used[leaf] &= ~(std::uint64_t{1} << slot.raw() % 64);
  if (leaf < hint) hint = leaf;
}

Errno to_errno(abi::Error error) {
  switch (error) {
    case abi::Error::over_limit:
    case abi::Error::no_frame: ++memory_failures; return Errno::nomem;
    case abi::Error::bad_address: return Errno::fault;
    default: return Errno::io;
  }
}

}  // namespace exos
