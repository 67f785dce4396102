// SPDX-License-Identifier: MIT
#include "libos/exos/jobs.hpp"

namespace exos::jobs {

void signal_group(std::uint32_t group, std::uint32_t signal) {
  if (group == 0) return;
  for (Process& process : processes())
    if (process.group == group && !process.exited) send_signal(process, {.signo = static_cast<std::int32_t>(signal), .code = 0x80});
}

bool is_orphaned(std::uint32_t group, const Process* ignored) {
  for (const Process& process : processes()) {
    if (process.group != group || &process == ignored || process.exited || process.parent == nullptr) continue;
    if (process.parent->group != group && process.parent->session == process.session) return false;
  }
  return true;
}

bool is_deaf(std::uint32_t signal) {
  const Task& task = current();
  return task.process->actions->action[signal - 1].handler == 1 || (task.signals.mask >> (signal - 1) & 1) != 0;
}

void forget_terminal(std::uint32_t session) {
  for (Process& process : processes())
    if (process.session == session) process.terminal = {};
}

namespace {

// The session loses its terminal. Continued: those who were stopped should learn of it.
void end_control(Terminal& terminal, bool continues) {
  const std::uint32_t group = std::exchange(terminal.group, 0), session = std::exchange(terminal.session, 0);
  signal_group(group, sig_hup);
  if (continues) signal_group(group, sig_cont);
  forget_terminal(session);
}

bool has_stopped(std::uint32_t group) {
  for (const Process& process : processes())
    if (process.group == group && process.stopped && !process.exited) return true;
  return false;
}

// `process` was what held its group to the session by way of `parent`; is that group orphaned now, and stopped for ever?
void release_group(const Process& process, const Process& parent, const Process* ignored) {
  if (parent.group == process.group || parent.session != process.session) return;
  const std::uint32_t group = process.group;
  if (!is_orphaned(group, ignored) || !has_stopped(group)) return;
  signal_group(group, sig_hup);
  signal_group(group, sig_cont);
}

}  // namespace

void leave_terminal(Process& process) {
  const TerminalRef terminal = std::exchange(process.terminal, {});
  if (terminal && process.session == process.pid && terminal->session == process.session) end_control(*terminal, true);
}

void before_adoption(Process& dying) {
  const TerminalRef terminal = std::exchange(dying.terminal, {});
  if (terminal && dying.session == dying.pid && terminal->session == dying.session) end_control(*terminal, false);
}

void after_adoption(Process& child, const Process& dying) { release_group(child, dying, nullptr); }

void after_end(Process& dying) {
  if (dying.parent != nullptr) release_group(dying, *dying.parent, &dying);
}

}  // namespace exos::jobs
