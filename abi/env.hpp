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
  revoke = 3,    // resources are asked back from the account (abi::RevocationPage)
  repossess = 4, // resources were taken by force
};

// One frame per env, owned by its account, pinned while the env lives, mapped by the library where it likes. The kernel
// reaches it by its physical name and never faults on it.
struct UserArea {
  EventFrame exception;
  EventFrame upcall;
  std::uint64_t foreign_rip;      // after a foreign call: the address behind the `syscall`
  std::uint64_t foreign_rflags;   //                      the flags there
  std::uint64_t defer;            // env: not 0 asks for the end of the slice to wait, once a slice, for at most defer_ns
  std::uint64_t deferred;         // kernel: 1 when it does wait; the env clears both and yields when it can
  std::uint64_t reserved[44];
  std::byte library[page_size - 512];  // the library's own
};
static_assert(offsetof(UserArea, foreign_rip) == 128 && offsetof(UserArea, library) == 512);
static_assert(sizeof(UserArea) == page_size);

// Where an env wants to be entered. 0: not at all. Without `exception` an exception stops the env; without `foreign` a
// foreign call is an exception #UD (vector 6) at the `syscall`; without `prologue` the env continues where it was; without
// `epilogue` the kernel saves everything and switches; without `revoke` the upcalls revoke and repossess are not
// delivered. An upcall that finds the upcall frame busy waits: for the next slice, or the next time the env gets the
// processor. An env that must be woken for it is.
struct EnvEntries {
  std::uint64_t exception;
  std::uint64_t foreign;
  std::uint64_t prologue;
  std::uint64_t epilogue;
  std::uint64_t revoke;    // upcalls revoke and repossess
  std::uint64_t gs_base;   // loaded with the env; usually the user area's address
  std::uint64_t fs_base;
  CapSlot monitor;         // an env (right: wake) that is woken when this one halts or is stuck; or no_slot
  CapSlot receive;         // slot of the env's own table for capabilities that come with a protected control transfer
};
static_assert(sizeof(EnvEntries) == 64);

enum class RunState : std::uint32_t {
  created = 0,   // never started
  ready = 1,     // runs when somebody gives it time
  running = 2,
  sleeping = 3,  // until its deadline or a wake
  stopped = 4,   // by env_stop
  halted = 5,    // by itself, env_halt
  stuck = 6,     // an exception that it could not take, or overruns beyond overrun_limit (code: overrun_code)
  accepting = 7, // open for a protected control transfer
  calling = 8,   // waits for the reply to one
};

// An env that lets its grace period pass loses its next slice; one that has overrun_limit overruns more than slices that
// ended in time is stuck.
inline constexpr std::uint32_t overrun_limit = 8;
inline constexpr std::uint64_t overrun_code = 256;  // EnvState::code; no vector
inline constexpr std::uint64_t defer_ns = 200'000;

// env_wait: ends when (word & mask) compares true with `value`, unsigned. The word is 8 bytes, aligned, readable in the
// env's own space. Where it lies is found once, when the env goes to sleep; its page is pinned while it sleeps.
enum class Compare : std::uint32_t { equal = 0, not_equal = 1, below = 2, at_least = 3 };
struct WaitWord {
  std::uint64_t address;
  std::uint64_t mask;
  std::uint64_t value;
  Compare compare;
  std::uint32_t reserved;  // 0
};
static_assert(sizeof(WaitWord) == 32);
inline constexpr std::uint32_t max_wait_words = 4;
inline constexpr std::uint32_t max_watch_words = 16;  // of env_watch: the context of a predicate

// The value of env_wait when it was no word, and what the value of env_watch begins with. Revoked: a page that a word lies
// in, or the program, was taken back from those who had it. Ended: their owner, or the program, is gone. Failed: the
// program's run did not end by its exit.
inline constexpr std::uint64_t wait_true = 0, wait_deadline = 16, wait_woken = 17, wait_revoked = 18, wait_ended = 19, wait_failed = 20;
struct Watched {
  std::uint64_t why;
  std::uint32_t value;  // wait_true: the lower half of the program's; wait_failed: ProgramEnd
  [[nodiscard]] constexpr std::uint64_t pack() const { return why | std::uint64_t{value} << 32; }
  [[nodiscard]] static constexpr Watched unpack(std::uint64_t raw) {
    return {raw & 0xffff'ffff, static_cast<std::uint32_t>(raw >> 32)};
  }
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
