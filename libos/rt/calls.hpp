// SPDX-License-Identifier: MIT
// One stub per Aegis call, generated from abi/syscalls.def.hpp: `rt::call::cap_drop(slot)`.
// Argument types are those of the table; the answer is a Status, or a Result with the value.
#pragma once

#include "abi/syscall.hpp"

namespace rt {

using abi::CapSlot;
using abi::Error;
using abi::FrameNumber;
using abi::Result;
using abi::Status;

// A user address: any pointer, or a number said to be one.
class Va {
 public:
  explicit constexpr Va(std::uint64_t raw) : raw_{raw} {}
  template <typename T>
  Va(T* pointer) : raw_{reinterpret_cast<std::uint64_t>(pointer)} {}
  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }

 private:
  std::uint64_t raw_;
};

// Both result registers as they are.
struct RawAnswer {
  std::uint64_t error;  // rax
  std::uint64_t value;  // rdx
  [[nodiscard]] constexpr Error code() const { return static_cast<Error>(error); }
};

// The instruction itself, for any rax: also what foreign calls are made with.
inline RawAnswer raw_syscall(std::uint64_t rax, std::uint64_t a0 = 0, std::uint64_t a1 = 0, std::uint64_t a2 = 0,
                             std::uint64_t a3 = 0, std::uint64_t a4 = 0, std::uint64_t a5 = 0) {
  register std::uint64_t r10 asm("r10") = a3;
  register std::uint64_t r8 asm("r8") = a4;
  register std::uint64_t r9 asm("r9") = a5;
  asm volatile("syscall" : "+a"(rax), "+d"(a2) : "D"(a0), "S"(a1), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return {rax, a2};
}

// The same with no more registers than there are arguments.
inline RawAnswer raw_syscall_few(std::uint64_t rax) {
  std::uint64_t value;
  asm volatile("syscall" : "+a"(rax), "=d"(value) : : "rcx", "r11", "memory");
  return {rax, value};
}
inline RawAnswer raw_syscall_few(std::uint64_t rax, std::uint64_t a0) {
  std::uint64_t value;
  asm volatile("syscall" : "+a"(rax), "=d"(value) : "D"(a0) : "rcx", "r11", "memory");
  return {rax, value};
}
inline RawAnswer raw_syscall_few(std::uint64_t rax, std::uint64_t a0, std::uint64_t a1) {
  std::uint64_t value;
  asm volatile("syscall" : "+a"(rax), "=d"(value) : "D"(a0), "S"(a1) : "rcx", "r11", "memory");
  return {rax, value};
}
inline RawAnswer raw_syscall_few(std::uint64_t rax, std::uint64_t a0, std::uint64_t a1, std::uint64_t a2) {
  asm volatile("syscall" : "+a"(rax), "+d"(a2) : "D"(a0), "S"(a1) : "rcx", "r11", "memory");
  return {rax, a2};
}

namespace detail {

[[nodiscard]] constexpr std::uint64_t to_register(std::uint64_t value) { return value; }
template <typename T>
  requires requires(T t) { t.raw(); }
[[nodiscard]] constexpr std::uint64_t to_register(T value) { return value.raw(); }

// The transfers carry their message in registers that other calls keep: rt/transfer.hpp has functions for them.
[[nodiscard]] constexpr bool is_transfer(abi::Call number) {
  return number == abi::Call::pct_call || number == abi::Call::pct_send || number == abi::Call::pct_reply;
}

template <abi::Call Number, typename Value, typename Arguments>
struct Stub;

template <abi::Call Number, typename Value, typename... Arguments>
struct Stub<Number, Value, void(Arguments...)> {
  static_assert(sizeof...(Arguments) <= 6);
  RawAnswer raw(Arguments... arguments) const
    requires(!is_transfer(Number))
  {
    constexpr std::uint64_t rax = abi::call_base + static_cast<std::uint64_t>(Number);
    if constexpr (sizeof...(Arguments) <= 3) return raw_syscall_few(rax, to_register(arguments)...);
    else return raw_syscall(rax, to_register(arguments)...);
  }
  abi::Result<Value> operator()(Arguments... arguments) const
    requires(!is_transfer(Number))
  {
    const RawAnswer answer = raw(arguments...);
    if (answer.error != 0) [[unlikely]] return base::Unexpected{answer.code()};
    if constexpr (std::is_void_v<Value>) return {};
    else return answer.value;
  }
};

// The table's argument types.
namespace table_types {
using slot = CapSlot;
using frame = FrameNumber;
using va = Va;
using u64 = std::uint64_t;
using u32 = std::uint32_t;
using none = void;
}  // namespace table_types

}  // namespace detail

namespace call {
using namespace detail::table_types;
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) \
  inline constexpr ::rt::detail::Stub<abi::Call::name, value, void arguments> name{};
AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
}  // namespace call

// The two that do not return.
[[noreturn]] inline void halt(std::uint64_t code) {
  for (;;) static_cast<void>(call::env_halt(code));
}
[[noreturn]] inline void stop_machine(CapSlot machine, std::uint32_t code) {
  static_cast<void>(call::machine_stop(machine, code));
  halt(code);  // only reached without the right to stop it
}

}  // namespace rt
