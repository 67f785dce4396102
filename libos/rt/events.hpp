// SPDX-License-Identifier: MIT
// Exceptions and upcalls in C++. The entry points save every register on a stack of their own, call the handler, and
// continue by iretq, without the kernel. The gs base must be the user area. Vector registers stay as they were, because
// code built for ring 3 here uses none.
//
// While a handler runs, the user area's `busy` stays set: a second event of its class stops the env (exception) or
// waits (upcall). That keeps one stack per class enough.
#pragma once

#include "abi/env.hpp"

namespace rt {

// What was interrupted. The handler may change the registers; it continues with what is here.
struct Event {
  abi::Registers registers;  // fs_base and gs_base are not filled
  std::uint64_t kind, error, address;
};

using EventHandler = void (*)(Event&);

// At the start of UserArea::library.
struct EventStacks {
  std::uint64_t exception_top, upcall_top;  // 16-byte aligned
  EventHandler on_exception, on_upcall;
  std::uint64_t exception_rax, upcall_rax;  // scratch of the entries
};

// Prepares the area; EnvEntries then names the two entries below.
void prepare_events(abi::UserArea& area, std::span<std::byte> exception_stack, EventHandler on_exception,
                    std::span<std::byte> upcall_stack, EventHandler on_upcall);

extern "C" void rt_exception_entry();
extern "C" void rt_upcall_entry();

}  // namespace rt
