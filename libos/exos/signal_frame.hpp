// SPDX-License-Identifier: MIT
// The frame of a signal handler on the program's stack, and the way back from it.
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

inline constexpr std::uint64_t sa_onstack = 0x0800'0000, sa_restart = 0x1000'0000, sa_nodefer = 0x4000'0000,
                               sa_resethand = 0x8000'0000, sa_restorer = 0x0400'0000, sa_siginfo = 4;

struct UserSignalInfo {          // siginfo_t
  std::int32_t signo, error, code, pad;
  union {
    struct { std::int32_t pid; std::uint32_t uid; std::uint64_t value; } queue;   // kill, sigqueue; timers: id, overrun
    struct { std::int32_t pid; std::uint32_t uid; std::int32_t status, pad; std::uint64_t user, system; } child;
    struct { std::uint64_t address, pad; std::uint32_t key; } fault;
    std::uint64_t raw[14];
  };
};
static_assert(sizeof(UserSignalInfo) == 128);
[[nodiscard]] UserSignalInfo to_user(const SignalInfo& info);
[[nodiscard]] SignalInfo from_user(const UserSignalInfo& user);

struct UserStack { std::uint64_t base; std::int32_t flags, pad; std::uint64_t size; };  // stack_t

// Makes the frame of `task`, the current one, that of the handler's first instruction; a stack that cannot take it kills.
void deliver(Task& task, const SignalInfo& info, const SignalAction& action);
// A call that ended for a signal without a handler: it is made again.
void restart_call(Frame& frame);
[[nodiscard]] bool on_signal_stack(const SignalState& state, std::uint64_t rsp);

}  // namespace exos
