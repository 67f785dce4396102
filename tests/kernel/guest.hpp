// SPDX-License-Identifier: MIT
// What test programs that run as the first env (tests/kernel, tests/hostile) share: expectations that print where they
// failed, unused slots and addresses, and faults that are caught. No vector registers: built with the ring-3 flags.
#pragma once

#include "abi/boot.hpp"
#include "libos/rt/clock.hpp"
#include "libos/rt/events.hpp"
#include "libos/rt/log.hpp"
#include "libos/rt/objects.hpp"
#include "libos/rt/space.hpp"
#include "libos/rt/start.hpp"

namespace guest {

using abi::CapSlot;
using abi::Error;
using abi::FrameNumber;
using abi::page_size;
using rt::Va;
using rt::bits;
namespace call = rt::call;
namespace boot = abi::boot;

// --- expectations -------------------------------------------------------------------------------------------------
struct Where {
  const char* file;
  int line;
};
[[nodiscard]] constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return {file, line};
}

// Counts a failure and prints `FAIL file:line text`.
void fail(Where at, std::string_view text);
[[nodiscard]] std::uint64_t failures();
// Prints PASS and powers off with 0 when nothing failed, else with 1.
[[noreturn]] void finish();
// After a failure that makes the rest senseless.
[[noreturn]] void give_up(Where at, std::string_view text);

inline bool expect(bool ok, std::string_view what, Where at = here()) {
  if (!ok) fail(at, what);
  return ok;
}

template <typename T, typename U>
bool expect_equal(const T& got, const U& want, std::string_view what = "", Where at = here()) {
  if (got == want) return true;
  const bool hex = std::is_integral_v<T> && sizeof(T) == 8;
  if (hex) fail(at, base::Text<200>{"{} got {:#x} want {:#x}", what, got, want}.view());
  else fail(at, base::Text<200>{"{} got {} want {}", what, got, want}.view());
  return false;
}

// A call's answer: the error that it should have (Error::none: none).
template <typename T>
bool expect_error(const abi::Result<T>& got, Error want, std::string_view what = "", Where at = here()) {
  const Error error = got.has_value() ? Error::none : got.error();
  if (error == want) return true;
  fail(at, base::Text<200>{"{} got {} want {}", what, error, want}.view());
  return false;
}
template <typename T>
bool expect_ok(const abi::Result<T>& got, std::string_view what = "", Where at = here()) {
  return expect_error(got, Error::none, what, at);
}

// For the steps that prepare a test: without them there is no going on.
template <typename T>
T must(const abi::Result<T>& got, Where at = here()) {
  if (!got.has_value()) give_up(at, base::Text<100>{"unexpected error: {}", got.error()}.view());
  if constexpr (!std::is_void_v<T>) return *got;
}
inline FrameNumber must_frame(const abi::Result<std::uint64_t>& got, Where at = here()) {
  return FrameNumber{must(got, at)};
}

// --- the own world ------------------------------------------------------------------------------------------------
// Maps the information pages, takes exceptions, prepares the allocators below.
void begin(const boot::Facts& facts);
// The same for an env made by domain.hpp, which has its own copies of all variables.
void begin_in_domain(abi::UserArea& area, std::uint64_t free_va);

[[nodiscard]] CapSlot new_slot();                        // an empty slot of the own table, which grows when it must
[[nodiscard]] std::uint64_t new_va(std::uint64_t pages = 1);  // unused addresses of the own space
[[nodiscard]] const abi::SystemInfo& system_info();      // only in the first env
[[nodiscard]] const abi::FrameInfo& frame_info(FrameNumber frame);
[[nodiscard]] std::uint64_t now_ns();

// Without a pause, for which QEMU leaves the translated code each time.
[[noreturn]] inline void spin_for_ever() {
  for (;;) asm volatile("");
}

// For what another processor does: waits without calls. The limit is there for what never comes, on a host however loaded.
template <typename F>
bool wait_until(F done) {
  const std::uint64_t limit = now_ns() + 200'000'000'000;
  while (!done()) {
    if (now_ns() > limit) return false;
    asm volatile("pause");
  }
  return true;
}
[[nodiscard]] abi::UserArea& own_area();

// What the own account has in use, once the own space's empty page tables are gone: equal before and after something
// that should leave nothing behind.
[[nodiscard]] abi::AccountInfo settled_account();
void expect_settled(const abi::AccountInfo& before, std::string_view what, Where at = here());

// A new frame of the own account, mapped read-write.
struct Page {
  FrameNumber frame;
  std::uint64_t va;
  [[nodiscard]] std::uint64_t* words() const { return reinterpret_cast<std::uint64_t*>(va); }
  [[nodiscard]] volatile std::uint64_t& word(std::size_t index = 0) const {
    return reinterpret_cast<volatile std::uint64_t*>(va)[index];
  }
};
[[nodiscard]] Page new_page(CapSlot account = boot::account);

// --- faults -------------------------------------------------------------------------------------------------------
struct Fault {
  std::uint64_t vector, error, address;
  abi::Registers registers;
};

namespace detail {
bool run_guarded(void (*body)(void*), void* context);  // false: a fault ended it
const Fault& last_fault();
}  // namespace detail

// Runs `body`; an exception in it ends it and is returned. Not nested; nothing in the body is destroyed.
template <typename F>
[[nodiscard]] std::optional<Fault> catch_fault(F body) {
  const auto thunk = [](void* context) { (*static_cast<F*>(context))(); };
  if (detail::run_guarded(thunk, &body)) return std::nullopt;
  return detail::last_fault();
}

// Expects the body to raise `vector`; for page faults also at `address` (0: anywhere).
template <typename F>
void expect_fault(F body, std::uint64_t vector, std::uint64_t address = 0, std::string_view what = "",
                  Where at = here()) {
  const auto fault = catch_fault(body);
  if (!fault) return fail(at, base::Text<200>{"{} no exception, want {}", what, vector}.view());
  expect_equal(fault->vector, vector, what, at);
  if (address != 0) expect_equal(fault->address, address, what, at);
}

namespace exception {
inline constexpr std::uint64_t divide = 0, debug = 1, breakpoint = 3, invalid_opcode = 6, general_protection = 13,
                               page_fault = 14, alignment = 17;
}

// --- memory access that the compiler keeps ------------------------------------------------------------------------
inline std::uint64_t load(std::uint64_t va) {
  std::uint64_t value;
  asm volatile("mov (%1), %0" : "=r"(value) : "r"(va) : "memory");
  return value;
}
inline void store(std::uint64_t va, std::uint64_t value) {
  asm volatile("mov %1, (%0)" : : "r"(va), "r"(value) : "memory");
}
inline void jump_to(std::uint64_t va) {
  asm volatile("call *%0" : : "r"(va) : "memory", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
}

}  // namespace guest
