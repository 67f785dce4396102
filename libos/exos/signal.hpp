// SPDX-License-Identifier: MIT
// Signals: what is pending, what is masked, what is to be done. Delivery happens on the way back to the program (signal.cpp).
#pragma once

#include "base/std.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/heap.hpp"

namespace exos {

struct Task;
struct Process;
class WaitQueue;

inline constexpr std::uint32_t sig_hup = 1, sig_int = 2, sig_quit = 3, sig_ill = 4, sig_trap = 5, sig_abrt = 6, sig_bus = 7,
    sig_fpe = 8, sig_kill = 9, sig_usr1 = 10, sig_segv = 11, sig_usr2 = 12, sig_pipe = 13, sig_alrm = 14, sig_term = 15,
    sig_chld = 17, sig_cont = 18, sig_stop = 19, sig_tstp = 20, sig_ttin = 21, sig_ttou = 22, sig_winch = 28, sig_sys = 31;

struct SignalInfo {              // the part of siginfo_t that we fill
  std::int32_t signo = 0, code = 0, error = 0;
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::int32_t status = 0;       // SIGCHLD
  std::uint64_t value = 0;       // si_value; timers: also the id in `pid`
  std::uint64_t address = 0;     // faults
};

struct SignalAction {
  std::uint64_t handler = 0;     // 0 SIG_DFL, 1 SIG_IGN
  std::uint64_t flags = 0, restorer = 0, mask = 0;
};
struct SignalActions {
  std::uint32_t refs = 0;
  static void dispose(SignalActions* actions) { destroy(actions); }
  SignalAction action[64];       // index = signal - 1
};

struct QueuedSignal { SignalInfo info; QueuedSignal* next; };
struct PendingSignals {
  std::uint64_t set = 0;         // bit signal - 1
  SignalInfo info[32];           // of the standard signals
  QueuedSignal* queued = nullptr;  // real-time ones, in order
};

struct SignalState {
  std::uint64_t mask = 0;
  PendingSignals pending;
  std::uint64_t stack_base = 0, stack_size = 0;
  std::uint32_t stack_flags = 2;  // SS_DISABLE
  std::uint64_t saved_mask = 0;   // to be restored after rt_sigsuspend, ppoll, pselect
  bool restore_mask = false;
  std::uint64_t waiting_for = 0;  // rt_sigtimedwait: these wake although masked
};

void send_signal(Process& process, const SignalInfo& info);   // to any task of it; wakes, stops, continues as the signal says
void send_signal(Task& task, const SignalInfo& info);
// As kill() has it: with its permission; signal 0 only asks.
[[nodiscard]] CallResult signal_by_call(Process& target, const SignalInfo& info);
void discard_pending(PendingSignals& pending);                // a task or process ends
void reset_actions_for_exec(SignalActions& actions);
// The current task's own fault. A blocked or ignored one kills, as on Linux.
void send_fault(const SignalInfo& info);
// On the way back to the program: delivers, stops, ends. Returns when the frame is what the program continues with.
void handle_signals();
[[nodiscard]] Status take_pending(std::uint64_t set, SignalInfo& out);  // rt_sigtimedwait: EAGAIN when none
[[nodiscard]] WaitQueue& signal_arrivals();                    // told of each signal that becomes pending: signalfd
[[nodiscard]] bool signal_pending(const Task& task);          // one that is not masked and not ignored

}  // namespace exos
