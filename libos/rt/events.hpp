// SPDX-License-Identifier: MIT
// Exceptions and upcalls in C++. The entry points save every register on a stack of their own, call the handler, and
// continue by iretq, without the kernel. The gs base must be the user area. Vector registers stay as they were, because
// code built for ring 3 here uses none.
//
// While a handler runs, the user area's `busy` stays set: a second event of its class stops the env (exception) or
// waits (upcall). An upcall handler that is to be interrupted by the next one (an epilogue's, before it yields) says so
// by take_next_upcall(); the next then goes below it on the same stack.
#pragma once

#include "abi/env.hpp"

namespace rt {

// What was interrupted. The handler may change the registers; it continues with what is here.
struct Event {
  abi::Registers registers;  // fs_base and gs_base are not filled
  std::uint64_t kind, error, address;
};

using EventHandler = void (*)(Event&);

// For rt_fault_entry: true when the fault is dealt with and the instruction can be tried again; false: the exception handler
// gets it. It sees no registers, which is why it costs half.
using FaultHandler = bool (*)(std::uint64_t address, std::uint64_t error);

struct EventStack {
  std::uint64_t bottom, size, top;  // top: 16-byte aligned
  EventHandler handler;
  std::uint64_t scratch;            // rax, while the entry has no other place for it
};

// At the start of UserArea::library.
struct EventStacks {
  EventStack exception, upcall;
  FaultHandler fault;
  std::uint64_t resume;  // where rt_fault_entry goes back to
};

// Prepares the area; EnvEntries then names the two entries below.
void prepare_events(abi::UserArea& area, std::span<std::byte> exception_stack, EventHandler on_exception,
                    std::span<std::byte> upcall_stack, EventHandler on_upcall);

// In an upcall handler: the next upcall may come although this one has not returned.
void take_next_upcall();

// Of an env whose EnvEntries::exception is rt_fault_entry; after prepare_events.
void handle_faults(abi::UserArea& area, FaultHandler handler);

extern "C" void rt_exception_entry();
extern "C" void rt_fault_entry();
extern "C" void rt_upcall_entry();

}  // namespace rt
