// SPDX-License-Identifier: MIT
// What the information pages must not tell: addresses of the kernel, other than those that a program itself has tried;
// anything to one who holds less of them; and nobody writes to them.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

// In the half of the address space that is the kernel's. All ones, 64 or 32 of them, stand for "none" in several tables.
bool is_kernel_address(std::uint64_t word) {
  return word >> 47 == 0x1'ffff && word != ~0ull && word != 0xffff'ffff'0000'0000;
}

std::span<const std::uint32_t> info_words() {
  const abi::CapInfo info = must(rt::read_cap(boot::info));
  return {reinterpret_cast<const std::uint32_t*>(&system_info()), info.count * page_size / 4};
}

// Enough of everything that the tables and rings keep something of it. No address of the kernel's is named here.
void leave_traces() {
  Domain d = make_domain();
  start(d, [](std::uint64_t) {
    for (int i = 0; i < 20; ++i) {
      static_cast<void>(catch_fault([] { load(0x1234'5000); }));
      static_cast<void>(catch_fault([] { asm volatile("ud2"); }));
      must(call::env_yield(abi::no_slot));
    }
    rt::halt(0);
  });
  for (int i = 0; i < 40; ++i) static_cast<void>(call::env_yield(d.env));
  must(call::env_sleep(now_ns() + 100'000, abi::no_slot));
  const Page page = new_page();
  must(rt::protect(abi::no_slot, page.va, 1, abi::map_read));
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
  static_cast<void>(run(d));
  destroy(d);
}

void no_kernel_addresses() {
  must(call::trace_set(boot::machine, (1u << abi::trace_event_count) - 1));
  leave_traces();
  std::uint64_t found = 0;
  const std::span<const std::uint32_t> words = info_words();
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::uint64_t word = std::uint64_t{words[i + 1]} << 32 | words[i];
    if (!is_kernel_address(word) || ++found > 5) continue;
    fail(here(), base::Text<120>{"an information page has {:#x} at byte {:#x}", word, i * 4}.view());
  }
  expect_equal(found, 0ull, "addresses of the kernel");
  must(call::trace_set(boot::machine, 0));
}

void nobody_writes() {
  const auto first = reinterpret_cast<std::uint64_t>(&system_info());
  const abi::CapInfo info = must(rt::read_cap(boot::info));
  for (std::uint64_t page = 0; page < info.count; ++page) {
    const std::uint64_t va = first + page * page_size;
    expect_fault([=] { store(va, 1); }, exception::page_fault, va, "a store");
    expect_error(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_write), Error::missing_right, "protect");
    expect_error(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_execute), Error::missing_right, "protect");
  }
  const std::uint64_t va = new_va();
  for (const std::uint32_t flags : {abi::map_write, abi::map_execute})
    expect_refused(rt::map(abi::no_slot, va, FrameNumber{info.base}, 1, abi::map_read | flags, boot::info), "a mapping");
  // Nor under an account, as a copy's original, or as an object.
  expect_refused(rt::map(abi::no_slot, va, FrameNumber{info.base}, 1, abi::map_read | abi::map_write, boot::account),
                 "a mapping under the account");
  expect_refused(call::frame_free(boot::account, FrameNumber{info.base}, 1), "freeing");
  expect_refused(call::frame_cap(boot::account, new_slot(), FrameNumber{info.base}, 1, abi::all_rights), "a capability");
  expect_refused(call::account_claim(boot::account, new_slot(), FrameNumber{info.base}), "a claim");
}

// A container that was given the first page alone.
constexpr std::uint32_t given_slot = 20;
void looks_further(std::uint64_t frame) {
  const CapSlot given{given_slot};
  const std::uint64_t va = 0x3'0000'0000;
  must(rt::map(boot::space, va, FrameNumber{frame}, 1, abi::map_read, given));
  expect_equal(load(va), abi::info_magic, "the first page");
  for (const std::uint64_t more : {1ull, 2ull, 1000ull, ~0ull}) {
    expect_error(rt::map(boot::space, va + page_size, FrameNumber{frame + more}, 1, abi::map_read, given),
                 Error::out_of_range, "another page");
    expect_error(call::cap_derive(given, CapSlot{given_slot + 1}, abi::all_rights, frame + more, 1), Error::out_of_range,
                 "a wider capability");
  }
  expect_error(rt::map(boot::space, va + page_size, FrameNumber{frame}, 2, abi::map_read, given), Error::out_of_range,
               "one page more");
  expect_refused(rt::map(boot::space, va + page_size, FrameNumber{frame + 1}, 1, abi::map_read, boot::account),
                 "under its account");
  // A copy is a copy: it does not follow.
  must(rt::copy(boot::space, va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  store(va, 0);
  expect_fault([=] { load(va + page_size); }, exception::page_fault, va + page_size, "behind it");
  // Revoking what it was given takes nothing from anybody else.
  must(rt::revoke(given));
}

void a_part_is_a_part() {
  const abi::CapInfo info = must(rt::read_cap(boot::info));
  Domain d = make_domain();
  must(call::cap_grant(boot::info, d.table, CapSlot{given_slot}, bits(abi::FramesRight::read), info.base, 1));
  run_body(d, looks_further, info.base);
  expect_equal(system_info().magic, abi::info_magic, "ours is as it was");
  destroy(d);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  no_kernel_addresses();
  nobody_writes();
  a_part_is_a_part();
  finish();
}
