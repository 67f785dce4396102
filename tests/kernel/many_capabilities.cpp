// SPDX-License-Identifier: MIT
// One env with a million capabilities: a look-up and a derivation cost the same as with a few, and revoking a tree of a
// million takes time in proportion, in steps of bounded length. In instructions: the machine runs with -icount shift=0.
#include "tests/kernel/guest.hpp"

using namespace guest;

namespace {

constexpr std::uint32_t million = 1'000'000, few = 1000, first_slot = 2048;

std::uint64_t tsc() {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
}

void grow_to(std::uint32_t slots) {
  for (std::uint32_t leaf = first_slot / abi::slots_per_leaf; leaf * abi::slots_per_leaf < first_slot + slots; ++leaf)
    must(call::table_grow(abi::no_slot, leaf, boot::account, abi::any_frame));
}

// A tree in which each has four children; the mean instructions of the last `few` derivations.
std::uint64_t derive_tree(CapSlot root, std::uint32_t from, std::uint32_t to) {
  std::uint64_t start = 0;
  for (std::uint32_t i = from; i < to; ++i) {
    if (i == to - few) start = tsc();
    const CapSlot source = i < 4 ? root : CapSlot{first_slot + i / 4 - 1};
    must(call::cap_derive(source, CapSlot{first_slot + i}, abi::all_rights, 0, 0));
  }
  return (tsc() - start) / few;
}

struct Revoked {
  std::uint64_t total, longest, steps;
};
Revoked revoke_tree(CapSlot root) {
  Revoked r{};
  for (;;) {
    const std::uint64_t start = tsc();
    const abi::Status answer = call::cap_revoke(root);
    const std::uint64_t took = tsc() - start;
    r.total += took;
    ++r.steps;
    if (took > r.longest) r.longest = took;
    if (answer.has_value()) return r;
    expect_error(answer, Error::again);
  }
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  const CapSlot root = new_slot();
  must(call::space_create(boot::account, root, abi::any_frame));
  grow_to(million);
  const std::uint64_t at_few = derive_tree(root, 0, few);
  const Revoked small = revoke_tree(root);
  static_cast<void>(derive_tree(root, 0, few));
  const std::uint64_t at_million = derive_tree(root, few, million);
  rt::log("cap_derive: {} instructions with 1,000 capabilities, {} with 1,000,000", at_few, at_million);
  expect(at_million <= at_few + 20, "a derivation costs no more with a million");
  expect_ok(rt::read_cap(CapSlot{first_slot + million - 1}), "the last one is there");
  const Revoked large = revoke_tree(root);
  rt::log("cap_revoke of 1,000: {} instructions, {} steps, longest {}", small.total, small.steps, small.longest);
  rt::log("cap_revoke of 1,000,000: {} instructions, {} steps, longest {}", large.total, large.steps, large.longest);
  expect_error(rt::read_cap(CapSlot{first_slot}), Error::empty_slot);
  expect_error(rt::read_cap(CapSlot{first_slot + million / 2}), Error::empty_slot);
  expect_error(rt::read_cap(CapSlot{first_slot + million - 1}), Error::empty_slot);
  expect(large.total <= small.total * 1100, "in proportion to its size");
  expect(large.longest <= 50'000, "a step is short");
  finish();
}
