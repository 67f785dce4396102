// SPDX-License-Identifier: MIT
// Protected control transfers (abi/pct.hpp): ten registers there, ten back. The calls that carry them change more
// registers than the others do, so they have their own functions and no generated stubs. Vector registers are nobody's
// business: code for ring 3 uses none.
#pragma once

#include "libos/rt/calls.hpp"

namespace rt {

// rdx r10 r8 r9 rbx rbp r12 r13 r14 r15, in this order.
inline constexpr std::size_t message_words = 10;
using Message = std::array<std::uint64_t, message_words>;

inline constexpr abi::Transfer no_transfer{abi::no_slot, 0};

// What a call brought back, beside the message.
struct Reply {
  std::uint64_t status;  // the callee's word
  CapSlot received;      // where a capability that came along lies, or no_slot
};

// The status with which serve() answers when its own reply could not be delivered as the handler made it; the Error is
// in the low bits.
inline constexpr std::uint64_t reply_refused = std::uint64_t{1} << 63;

// Calls the env behind the entry and waits for its reply; `message` goes and comes, and stays as it was after an error.
[[nodiscard]] Result<Reply> transfer_call(CapSlot entry, Message& message, abi::Transfer transfer = no_transfer);
// Sends and stays ready.
[[nodiscard]] Status transfer_send(CapSlot entry, const Message& message, abi::Transfer transfer = no_transfer);

// --- the other side -----------------------------------------------------------------------------------------------
struct Request {
  CapSlot received;  // a capability that came along, or no_slot
  std::uint32_t reserved;
  std::uint64_t badge;
  Message message;  // the handler leaves the reply's words here
};
struct Answer {
  std::uint64_t status = 0;
  std::uint64_t transfer = 0;  // abi::Transfer, packed
};
using RequestHandler = Answer (*)(Request&);

// The address that pct_entry wants for an env that serves.
extern "C" void rt_transfer_entry();

// Accepts transfers from now on; each runs `handler` on the stack that this call had. Exceptions and upcalls stay what
// they are. Returns only when the kernel refuses to accept.
Error serve(RequestHandler handler);

}  // namespace rt
