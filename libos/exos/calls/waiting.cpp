// SPDX-License-Identifier: MIT
// Waiting for children, and for what one traces.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/trace/trace.hpp"
#include "libos/exos/user_usage.hpp"

namespace exos {

namespace {

constexpr std::uint32_t w_nohang = 1, w_untraced = 2, w_exited = 4, w_continued = 8, w_nowait = 0x0100'0000,
                        w_nothread = 0x2000'0000, w_all = 0x4000'0000, w_clone = 0x8000'0000;
enum class Who { any, process, group };
struct Selector { Who who; std::uint32_t id; };
// trapped: a traced task stands in a stop; thread_ended: a traced task that was no process's first.
enum class Change { exited, stopped, continued, trapped, thread_ended };
struct Changed {
  Process* process;              // null with a thread that has ended
  Change change;
  trace::Trace* trace = nullptr;
};

bool matches(const Selector& s, std::uint32_t id, std::uint32_t group) {
  switch (s.who) {
    case Who::any: return true;
    case Who::process: return id == s.id;
    case Who::group: return group == s.id;
  }
  return false;
}

// Of a traced task, what its tracer is to be told now.
std::optional<Changed> change_of(trace::Trace& trace, std::uint32_t options) {
  if (trace.task != nullptr) {
    if (trace.stop == trace::Stop::none || trace.reported || trace.listening) return std::nullopt;
    return Changed{trace.task->process, Change::trapped, &trace};
  }
  if ((options & w_exited) == 0) return std::nullopt;
  if (trace.tid != trace.pid) return Changed{nullptr, Change::thread_ended, &trace};
  Process* process = find_process(trace.pid);
  if (process == nullptr || !process->end_held) return std::nullopt;
  return Changed{process, Change::exited, &trace};
}

std::optional<Changed> look_at_traced(const Selector& selector, std::uint32_t options, bool& any) {
  for (trace::Trace& trace : trace::all()) {
    const bool own = (options & w_nothread) != 0 ? trace.tracer == &current() : trace.tracer->process == &current_process();
    const std::uint32_t group = trace.task != nullptr ? trace.task->process->group : trace.group;
    if (!own || !matches(selector, trace.tid, group)) continue;
    any = true;
    if (const auto changed = change_of(trace, options)) return changed;
  }
  return std::nullopt;
}

bool is_traced_here(const Process& child) {
  if (trace::all().empty()) [[likely]] return false;
  const trace::Trace* trace = trace::of_id(child.pid);
  return trace != nullptr && trace->tracer->process == &current_process();
}

// ECHILD when there is no such child at all; an empty optional when none has changed.
Result<std::optional<Changed>> look(const Selector& selector, std::uint32_t options) {
  bool any = false;
  Process& self = current_process();
  if (!trace::all().empty()) [[unlikely]]
    if (const auto changed = look_at_traced(selector, options, any)) return changed;
  for (Process& child : processes()) {
    if (child.parent != &self || !matches(selector, child.pid, child.group)) continue;
    const bool is_clone = child.exit_signal != sig_chld;
    if ((options & w_all) == 0 && is_clone != ((options & w_clone) != 0)) continue;
    any = true;
    if (child.exited && !child.end_held && (options & w_exited) != 0) return Changed{&child, Change::exited};
    if (child.exited || is_traced_here(child)) continue;
    if ((options & w_untraced) != 0 && child.stopped && !child.stop_reported) return Changed{&child, Change::stopped};
    if ((options & w_continued) != 0 && child.continued) return Changed{&child, Change::continued};
  }
  if (!any) return Fail{Errno::child};
  return std::nullopt;
}

Result<std::optional<Changed>> wait_for(const Selector& selector, std::uint32_t options) {
  for (;;) {
    const auto changed = TRY(look(selector, options));
    if (changed || (options & w_nohang) != 0) return changed;
    if (const Status waited = current_process().children_changed.wait(); !waited) {
      // The signal may be the child's own SIGCHLD: a child that is there is answered before the handler runs.
      const auto last = TRY(look(selector, options));
      if (!last) return Fail{waited.error()};
      return last;
    }
  }
}

void acknowledge(const Changed& changed, std::uint32_t options) {
  if ((options & w_nowait) != 0) return;
  switch (changed.change) {
    case Change::exited:
      if (changed.trace != nullptr) return trace::wait_is_over(*changed.trace);
      return remove_process(*changed.process);
    case Change::stopped: changed.process->stop_reported = true; return;
    case Change::continued: changed.process->continued = false; return;
    case Change::trapped: changed.trace->reported = true; return;
    case Change::thread_ended: return trace::wait_is_over(*changed.trace);
  }
}

std::uint32_t wait_status(const Changed& changed) {
  switch (changed.change) {
    case Change::exited: return changed.process->exit_status;
    case Change::stopped: return changed.process->stop_signal << 8 | 0x7f;
    case Change::continued: return 0xffff;
    case Change::trapped: return changed.trace->code << 8 | 0x7f;
    case Change::thread_ended: return changed.trace->exit_status;
  }
  return 0;
}

std::uint32_t id_of(const Changed& changed) { return changed.trace != nullptr ? changed.trace->tid : changed.process->pid; }

UserUsage usage_of(const Changed& changed) {
  if (changed.process == nullptr) return {};
  return to_user(changed.change == Change::trapped ? usage_of(*changed.trace->task) : usage_with_children(*changed.process));
}

// As waitid tells it.
void fill(UserSignalInfo& info, const Changed& changed) {
  constexpr std::int32_t exited = 1, killed = 2, dumped = 3, trapped = 4, stopped = 5, continued = 6;
  const std::uint32_t status = wait_status(changed), signal = status & 0x7f;
  info.signo = static_cast<std::int32_t>(sig_chld);
  info.child.pid = static_cast<std::int32_t>(id_of(changed));
  info.child.uid = changed.process != nullptr ? changed.process->uid : current_process().uid;
  switch (changed.change) {
    case Change::exited: case Change::thread_ended:
      info.code = signal == 0 ? exited : (status & 0x80) != 0 ? dumped : killed;
      info.child.status = static_cast<std::int32_t>(signal == 0 ? status >> 8 & 0xff : signal);
      break;
    case Change::stopped: info.code = stopped; info.child.status = static_cast<std::int32_t>(status >> 8); break;
    case Change::trapped: info.code = trapped; info.child.status = static_cast<std::int32_t>(status >> 8); break;
    case Change::continued: info.code = continued; info.child.status = static_cast<std::int32_t>(sig_cont); break;
  }
}

}  // namespace

CallResult linux_wait4(const Arguments& a) {
  const std::int32_t pid = as_i32(a.a);
  std::uint32_t options = as_u32(a.c);
  if ((options & ~(w_nohang | w_untraced | w_continued | w_nothread | w_all | w_clone)) != 0) return Fail{Errno::inval};
  if (pid == std::numeric_limits<std::int32_t>::min()) return Fail{Errno::srch};
  options |= w_exited;
  const Selector selector = pid == -1 ? Selector{Who::any, 0}
                          : pid == 0  ? Selector{Who::group, current_process().group}
                          : pid < 0   ? Selector{Who::group, static_cast<std::uint32_t>(-pid)}
                                      : Selector{Who::process, static_cast<std::uint32_t>(pid)};
  const auto changed = TRY(wait_for(selector, options));
  if (!changed) return 0;
  const std::uint32_t child_pid = id_of(*changed);
  const std::uint32_t status = wait_status(*changed);
  const UserUsage used = usage_of(*changed);
  acknowledge(*changed, options);
  if (a.b != 0) TRY_VOID(write_user(a.b, status));
  if (a.d != 0) TRY_VOID(write_user(a.d, used));
  return child_pid;
}

CallResult linux_waitid(const Arguments& a) {
  const std::uint32_t options = as_u32(a.d);
  if ((options & ~(w_nohang | w_untraced | w_exited | w_continued | w_nowait | w_nothread | w_all | w_clone)) != 0) return Fail{Errno::inval};
  if ((options & (w_untraced | w_exited | w_continued)) == 0) return Fail{Errno::inval};
  Selector selector{Who::any, as_u32(a.b)};
  switch (as_u32(a.a)) {
    case 0: break;
    case 1: selector.who = Who::process; break;
    case 2: selector.who = Who::group; if (selector.id == 0) selector.id = current_process().group; break;
    case 3: {
      const auto process = process_of_descriptor(a.b);
      if (!process) return Fail{process.error() == Errno::srch ? Errno::child : process.error()};
      selector = {Who::process, (*process)->pid};
      break;
    }
    default: return Fail{Errno::inval};
  }
  const auto waited = wait_for(selector, options);
  UserSignalInfo info{};
  if (!waited) {
    if (a.c != 0) TRY_VOID(write_user(a.c, info));   // Linux clears it even then
    return Fail{waited.error()};
  }
  const std::optional<Changed>& changed = *waited;
  UserUsage used{};
  if (changed) {
    fill(info, *changed);
    used = usage_of(*changed);
    acknowledge(*changed, options);
  }
  if (a.c != 0) TRY_VOID(write_user(a.c, info));
  if (a.e != 0) TRY_VOID(write_user(a.e, used));
  return 0;
}

}  // namespace exos
