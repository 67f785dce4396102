// SPDX-License-Identifier: MIT
// What the hostile programs share: bad numbers of every sort, and witnesses that nothing changed.
#pragma once

#include "tests/kernel/domain.hpp"

namespace attack {

using namespace guest;

// Addresses that no call may read or write for a caller in ring 3.
inline constexpr std::array<std::uint64_t, 18> evil_addresses{
    0,                            // nothing is mapped there
    1,
    0x0000'1234'5678'9000,        // below the end, unmapped
    abi::user_end,                // just behind it
    abi::user_end - 1,
    0x0000'7fff'ffff'ffff,
    0x0000'8000'0000'0000,        // the hole
    0x0001'0000'0000'0000,
    0x4141'4141'4141'4141,
    0x7fff'ffff'ffff'ffff,
    0x8000'0000'0000'0000,
    0xfffe'ffff'ffff'ffff,
    abi::window_base,             // readable in ring 3, but no memory of the caller's
    0xffff'8040'2010'0000,        // the top table itself
    0xffff'c000'0000'0000,
    0xffff'ffff'8010'0000,        // the kernel's text
    0xffff'ffff'ffff'f000,
    0xffff'ffff'ffff'ffff,
};

// Slots that cannot hold anything.
inline constexpr std::array<std::uint32_t, 7> slots_outside{
    abi::slots_per_table, abi::slots_per_table + 1, 1u << 16, 1u << 24, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff};

// Any failure will do; success is the attack's success.
template <typename T>
bool expect_refused(const abi::Result<T>& got, std::string_view what, Where at = here()) {
  return expect(!got.has_value(), base::Text<120>{"{} was allowed", what}.view(), at);
}

// A page whose contents tell whether somebody wrote to it.
class Canary {
 public:
  explicit Canary(const Page& page) : page_{page} {
    for (std::size_t i = 0; i < page_size / 8; ++i) page_.words()[i] = pattern(i);
  }
  void check(std::string_view after, Where at = here()) const {
    for (std::size_t i = 0; i < page_size / 8; ++i) {
      if (page_.word(i) == pattern(i)) continue;
      return fail(at, base::Text<120>{"canary word {} changed by {}", i, after}.view());
    }
  }
  [[nodiscard]] const Page& page() const { return page_; }
  [[nodiscard]] static constexpr std::uint64_t pattern(std::size_t i) {
    return 0xca11'ab1e'0000'0000 ^ (i * 0x9e37'79b9'7f4a'7c15);
  }

 private:
  Page page_;
};

inline void expect_same_account(const abi::AccountInfo& before, CapSlot account, std::string_view what,
                                Where at = here()) {
  abi::AccountInfo now = must(rt::read_account(account));
  now.run_ns = before.run_ns;  // time goes on
  if (std::memcmp(&before, &now, sizeof now) == 0) return;
  fail(at,
       base::Text<200>{"{} changed the account: used {} -> {}, objects {} -> {}, children {} -> {}", what,
                       rt::use_of(before, abi::Resource::frames), rt::use_of(now, abi::Resource::frames), rt::use_of(before, abi::Resource::objects), rt::use_of(now, abi::Resource::objects), before.children, now.children}
           .view());
}

// Any call, rax and six arguments as given. The protected control transfers bring registers that C++ wants kept.
[[gnu::naked]] inline rt::RawAnswer any_call(std::uint64_t, const std::uint64_t*) {
  asm volatile(
      "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
      "mov %rdi, %rax\n mov %rsi, %r11\n"
      "mov 0(%r11), %rdi\n mov 8(%r11), %rsi\n mov 16(%r11), %rdx\n"
      "mov 24(%r11), %r10\n mov 32(%r11), %r8\n mov 40(%r11), %r9\n"
      "syscall\n"
      "cld\n"
      "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
      "ret\n");
}

// Deterministic, so that a failure can be had again.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace attack
