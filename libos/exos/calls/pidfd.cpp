// SPDX-License-Identifier: MIT
// The calls on descriptors of processes. waitid's P_PIDFD is in process.cpp, CLONE_PIDFD in fork.cpp.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/process_handle.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {

CallResult linux_pidfd_open(const Arguments& a) {
  constexpr std::uint32_t nonblock = o_nonblock;
  if ((as_u32(a.b) & ~nonblock) != 0 || as_i32(a.a) <= 0) return Fail{Errno::inval};
  Process* process = find_process(as_u32(a.a));
  if (process == nullptr) return Fail{find_task(as_u32(a.a)) != nullptr ? Errno::noent : Errno::srch};
  return current().files->add(TRY(make_process_file(*process, as_u32(a.b))), true);
}

CallResult linux_pidfd_send_signal(const Arguments& a) {
  constexpr std::uint32_t known_flags = 7;   // to the thread, the process, the group
  constexpr std::int32_t si_tkill = -6;
  if ((as_u32(a.d) & ~known_flags) != 0 || as_u32(a.b) > 64) return Fail{Errno::inval};
  if (as_u32(a.d) > 2 && as_u32(a.d) != 4) return Fail{Errno::inval};
  Process* process = TRY(process_to_signal(a.a));
  const auto signal = static_cast<std::int32_t>(as_u32(a.b));
  if (a.c != 0) {
    SignalInfo info = from_user(TRY(read_user<UserSignalInfo>(a.c)));
    if (info.signo != signal) return Fail{Errno::inval};
    if (process != &current_process() && (info.code >= 0 || info.code == si_tkill)) return Fail{Errno::perm};
    return signal_by_call(*process, info);
  }
  const Process& self = current_process();
  return signal_by_call(*process, {.signo = signal, .code = 0, .pid = static_cast<std::int32_t>(self.pid), .uid = self.uid});
}

CallResult linux_pidfd_getfd(const Arguments& a) {
  if (as_u32(a.c) != 0) return Fail{Errno::inval};
  Process* process = TRY(process_of_descriptor(a.a));
  if (!trace::may_access(*process)) return Fail{Errno::perm};
  if (process->tasks.empty() || !process->tasks.front()->files) return Fail{Errno::srch};
  return current().files->add(TRY(process->tasks.front()->files->get(as_u32(a.b))), true);
}

}  // namespace exos
