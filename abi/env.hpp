// SPDX-License-Identifier: MIT
// What the kernel and an env write for each other: the user area, the entry points, the saved state.
#pragma once

#include "abi/types.hpp"

namespace abi {

// Written by the kernel before it continues at the env's exception (or upcall) entry. Everything but rip, rflags and the
// fields below is as it was in the interrupted code, rsp included; rflags become 0x202. While `busy` is not 0 the kernel
// delivers no other event of the same class: the env clears it once it has copied the frame away. A second *exception*
// meanwhile stops the env (state `stuck`) and wakes its monitor; a second *upcall* waits.
struct EventFrame {
  std::uint64_t busy;     // 0 or 1
  std::uint64_t kind;     // exceptions: the vector [intel/vol3 6.3.1]; upcalls: an Upcall
  std::uint64_t error;    // exceptions with an error code, otherwise 0
  std::uint64_t address;  // page faults: cr2
  std::uint64_t rip;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t reserved;
};
static_assert(sizeof(EventFrame) == 64);

enum class Upcall : std::uint64_t {
  prologue = 1,  // a time slice begins
  epilogue = 2,  // the time slice ends: save and yield within the grace period
  revoke = 3,    // an account wants resources back
};

// One frame per env, owned by its account, pinned while the env lives, mapped by the library where it likes. The kernel
// reaches it by its physical name and never faults on it.
struct UserArea {
  EventFrame exception;
  EventFrame upcall;
  std::uint64_t foreign_rip;      // after a foreign call: the address behind the `syscall`
  std::uint64_t foreign_rflags;   //                      the flags there
  std::uint64_t reserved[46];
  std::byte library[page_size - 512];  // the library's own
};
static_assert(offsetof(UserArea, foreign_rip) == 128 && offsetof(UserArea, library) == 512);
static_assert(sizeof(UserArea) == page_size);

// Where an env wants to be entered. 0: not at all. Without `exception` an exception stops the env; without `foreign` a
// foreign call is an exception #UD (vector 6) at the `syscall`; without `prologue` the env continues where it was; without
// `epilogue` the kernel saves everything and switches.
struct EnvEntries {
  std::uint64_t exception;
  std::uint64_t foreign;
  std::uint64_t prologue;
  std::uint64_t epilogue;
  std::uint64_t gs_base;   // loaded with the env; usually the user area's address
  std::uint64_t fs_base;
  CapSlot monitor;         // an env (right: wake) that is woken when this one halts or is stuck; or no_slot
  std::uint32_t reserved;
};
static_assert(sizeof(EnvEntries) == 56);

enum class RunState : std::uint32_t {
  created = 0,   // never started
  ready = 1,     // runs when somebody gives it time
  running = 2,
  sleeping = 3,  // until its deadline or a wake
  stopped = 4,   // by env_stop
  halted = 5,    // by itself, env_halt
  stuck = 6,     // an exception that it could not take
};

struct Registers {
  std::uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
  std::uint64_t rip, rflags, rsp, fs_base, gs_base;
};
static_assert(sizeof(Registers) == 160);

// What env_read tells of an env that does not run.
struct EnvState {
  RunState state;
  std::uint32_t reserved;
  std::uint64_t code;       // halted: the code; stuck: the vector
  std::uint64_t error;      // stuck: the exception's error code
  std::uint64_t address;    // stuck: cr2
  std::uint64_t overruns;   // epilogues that did not end in time
  std::uint64_t run_ns;     // time on processors
  Registers registers;
};
static_assert(sizeof(EnvState) == 48 + 160);

// What cap_read tells of a capability.
struct CapInfo {
  std::uint8_t kind;        // Kind
  std::uint8_t live;        // 1: the object is there; 0: stale
  std::uint16_t rights;
  std::uint32_t reserved;
  std::uint64_t base, count;  // frames, slices: the range; others: 0
  std::uint64_t object;       // the object's frame number (a name, no authority)
};
static_assert(sizeof(CapInfo) == 32);

}  // namespace abi
