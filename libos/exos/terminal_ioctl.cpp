// SPDX-License-Identifier: MIT
// ioctl of terminals: mode, size, queues, and whose controlling terminal it is. [man ioctl_tty(2)]
#include "libos/exos/jobs.hpp"
#include "libos/exos/terminal.hpp"

namespace exos {

CallResult Terminal::set_mode(std::uint64_t request, std::uint64_t argument) {
  TRY_VOID(check_foreground_change());
  const auto wanted = TRY(read_user<Termios>(argument));
  const bool was_canonical = canonical(), had_flow = is(&Termios::iflag, termios::ixon);
  mode = wanted;
  if (request == tcsetsf) input_.flush();
  if (canonical() != was_canonical) {
    input_.change_mode(canonical());
    changed.wake_all();
  }
  if (had_flow && !is(&Termios::iflag, termios::ixon) && stopped_) static_cast<void>(flow(1));
  mode_changed();
  return 0;
}

CallResult Terminal::set_group(std::uint64_t argument) {
  if (const Status may = check_foreground_change(); !may.has_value()) return Fail{may.error() == Errno::io ? Errno::notty : may.error()};
  const Process& self = current_process();
  if (self.terminal.get() != this || self.session != session) return Fail{Errno::notty};
  const auto wanted = TRY(read_user<std::int32_t>(argument));
  if (wanted < 0) return Fail{Errno::inval};
  for (const Process& process : processes())
    if (process.group == static_cast<std::uint32_t>(wanted)) {
      if (process.session != self.session) return Fail{Errno::perm};
      group = static_cast<std::uint32_t>(wanted);
      return 0;
    }
  return Fail{Errno::srch};
}

// TCXONC: 0 and 1 stop and start output, 2 and 3 tell the far end to.
CallResult Terminal::flow(std::uint64_t action) {
  switch (action) {
    case 0: stopped_ = true; return 0;
    case 1:
      stopped_ = false;
      changed.wake_all();
      return 0;
    case 2: case 3: {
      const std::uint8_t byte = mode.cc[action == 2 ? termios::vstop : termios::vstart];
      if (byte != 0) output(&byte, 1);
      return 0;
    }
    default: return Fail{Errno::inval};
  }
}

CallResult Terminal::flush(std::uint64_t queues) {
  constexpr std::uint64_t in = 0, out = 1, both = 2;
  if (queues > both) return Fail{Errno::inval};
  if (queues != out) {
    input_.flush();
    input_wanted();
  }
  if (queues != in) flush_output();
  return 0;
}

Status Terminal::take_over(bool by_force, bool readable) {
  Process& self = current_process();
  const bool leads = self.session == self.pid, root = self.euid == 0;
  if (leads && session == self.session) return {};
  if (!leads || self.terminal) return Fail{Errno::perm};
  if (session != 0) {
    if (!by_force || !root) return Fail{Errno::perm};
    jobs::forget_terminal(session);
  }
  if (!readable && !root) return Fail{Errno::perm};
  session = self.session;
  group = self.group;
  self.terminal = TerminalRef{this};
  return {};
}

CallResult Terminal::ioctl(std::uint64_t request, std::uint64_t argument, bool readable) {
  if (hung_up_) return Fail{request == tiocspgrp ? Errno::notty : Errno::io};
  Process& self = current_process();
  const auto answer = [&](const auto& value) -> CallResult {
    TRY_VOID(write_user(argument, value));
    return 0;
  };
  switch (request) {
    case tcgets: return answer(mode);
    case tcsets: case tcsetsw: case tcsetsf: return set_mode(request, argument);
    case tiocgwinsz: return answer(size);
    case tiocswinsz: resize(TRY(read_user<WindowSize>(argument))); return 0;
    case tiocgpgrp: return self.terminal.get() != this ? CallResult{Fail{Errno::notty}} : answer(group);
    case tiocspgrp: return set_group(argument);
    case tiocgsid: return self.terminal.get() != this || session == 0 ? CallResult{Fail{Errno::notty}} : answer(session);
    case tiocsctty: TRY_VOID(take_over(argument == 1, readable)); return 0;
    case tiocnotty:
      if (self.terminal.get() != this) return Fail{Errno::notty};
      jobs::leave_terminal(self);
      return 0;
    case tiocexcl: exclusive_ = true; return 0;
    case tiocnxcl: exclusive_ = false; return 0;
    case tiocgexcl: return answer(std::int32_t{exclusive_});
    case tiocgetd: return answer(std::int32_t{0});
    case tiocoutq: return answer(std::int32_t{0});
    case fionread: return answer(static_cast<std::int32_t>(input_.readable(canonical())));
    case tcsbrk: case tcsbrkp: TRY_VOID(check_foreground_change()); return 0;   // a break is nothing here, and output never waits
    case tcxonc: TRY_VOID(check_foreground_change()); return flow(argument);
    case tcflsh: TRY_VOID(check_foreground_change()); return flush(argument);
    case tiocsti: {
      if (self.euid != 0 && self.terminal.get() != this) return Fail{Errno::perm};
      const auto byte = TRY(read_user<std::uint8_t>(argument));
      if (can_receive()) receive(byte);
      return 0;
    }
    default: return Fail{Errno::notty};
  }
}

}  // namespace exos
