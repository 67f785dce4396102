// SPDX-License-Identifier: MIT
// exec, waiting for children, limits and use of resources.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/exec.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {

namespace {

constexpr std::size_t longest_string = 128 << 10;

Result<Vector<String>> copy_in_strings(std::uint64_t list) {
  Vector<String> strings;
  if (list == 0) return strings;  // Linux takes it as empty
  std::size_t total = 0;
  for (;; list += 8) {
    const auto at = TRY(read_user<std::uint64_t>(list));
    if (at == 0) return strings;
    String s = TRY(copy_in_string(at, longest_string, Errno::too_big));
    total += s.size() + 9;
    if (total > (6 << 20)) return Fail{Errno::too_big};
    TRY_VOID(strings.push_back(std::move(s)));
  }
}

CallResult exec_from(std::uint64_t dirfd, std::uint64_t path, std::uint64_t argv, std::uint64_t envp) {
  ExecRequest request;
  request.dirfd = dirfd;
  request.path = TRY(copy_in_string(path, path_max - 1));
  if (request.path.empty()) return Fail{Errno::noent};
  request.arguments = TRY(copy_in_strings(argv));
  request.environment = TRY(copy_in_strings(envp));
  if (request.arguments.empty()) TRY_VOID(request.arguments.push_back(String{}));
  return nothing(execute(std::move(request)));
}

// --- waiting ----------------------------------------------------------------------------------------------------------
constexpr std::uint32_t w_nohang = 1, w_untraced = 2, w_exited = 4, w_continued = 8, w_nowait = 0x0100'0000,
                        w_nothread = 0x2000'0000, w_all = 0x4000'0000, w_clone = 0x8000'0000;
enum class Who { any, process, group };
struct Selector { Who who; std::uint32_t id; };
enum class Change { exited, stopped, continued };
struct Changed { Process* child; Change change; };

bool matches(const Selector& s, const Process& child) {
  switch (s.who) {
    case Who::any: return true;
    case Who::process: return child.pid == s.id;
    case Who::group: return child.group == s.id;
  }
  return false;
}

// ECHILD when there is no such child at all; an empty optional when none has changed.
Result<std::optional<Changed>> look(const Selector& selector, std::uint32_t options) {
  bool any = false;
  Process& self = current_process();
  for (Process& child : processes()) {
    if (child.parent != &self || !matches(selector, child)) continue;
    const bool is_clone = child.exit_signal != sig_chld;
    if ((options & w_all) == 0 && is_clone != ((options & w_clone) != 0)) continue;
    any = true;
    if (child.exited && (options & w_exited) != 0) return Changed{&child, Change::exited};
    if (child.exited) continue;
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
    case Change::exited: return remove_process(*changed.child);
    case Change::stopped: changed.child->stop_reported = true; return;
    case Change::continued: changed.child->continued = false; return;
  }
}

struct UserUsage {
  Timeval user, system;
  std::int64_t largest_resident_kib, unused1[3], minor_faults, major_faults, unused2[6], waits, preemptions;
};
static_assert(sizeof(UserUsage) == 144);

UserUsage to_user(const Usage& used) {
  const auto faults = static_cast<std::int64_t>(used.minor_faults);
  return {.user = to_timeval(used.cpu.user_ns), .system = to_timeval(used.cpu.system_ns), .largest_resident_kib = faults * 4,
          .minor_faults = faults, .major_faults = static_cast<std::int64_t>(used.major_faults),
          .waits = static_cast<std::int64_t>(used.waits), .preemptions = static_cast<std::int64_t>(used.preemptions)};
}

std::uint32_t wait_status(const Changed& changed) {
  switch (changed.change) {
    case Change::exited: return changed.child->exit_status;
    case Change::stopped: return changed.child->stop_signal << 8 | 0x7f;
    case Change::continued: return 0xffff;
  }
  return 0;
}

}  // namespace

CallResult linux_execve(const Arguments& a) { return exec_from(at_fdcwd, a.a, a.b, a.c); }
CallResult linux_execveat(const Arguments& a) {
  if ((as_u32(a.e) & ~(at_empty_path | at_symlink_nofollow)) != 0) return Fail{Errno::inval};
  if ((as_u32(a.e) & at_empty_path) != 0) {
    const String path = TRY(copy_in_string(a.b, path_max - 1));
    if (path.empty()) {
      const FileRef file = TRY(current().files->get(as_u32(a.a)));
      ExecRequest request;
      request.path = TRY(String::from(file->path.view()));
      request.arguments = TRY(copy_in_strings(a.c));
      request.environment = TRY(copy_in_strings(a.d));
      return nothing(execute(std::move(request)));
    }
  }
  return exec_from(a.a, a.b, a.c, a.d);
}

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
  const std::uint32_t child_pid = changed->child->pid;
  const std::uint32_t status = wait_status(*changed);
  const UserUsage used = to_user(usage_with_children(*changed->child));
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
    Process& child = *changed->child;
    const std::uint32_t status = child.exit_status;
    info.signo = static_cast<std::int32_t>(sig_chld);
    info.child.pid = static_cast<std::int32_t>(child.pid);
    info.child.uid = child.uid;
    switch (changed->change) {
      case Change::exited:
        info.code = (status & 0x7f) == 0 ? 1 : (status & 0x80) != 0 ? 3 : 2;
        info.child.status = static_cast<std::int32_t>((status & 0x7f) == 0 ? status >> 8 & 0xff : status & 0x7f);
        break;
      case Change::stopped: info.code = 5; info.child.status = static_cast<std::int32_t>(child.stop_signal); break;
      case Change::continued: info.code = 6; info.child.status = static_cast<std::int32_t>(sig_cont); break;
    }
    used = to_user(usage_with_children(child));
    acknowledge(*changed, options);
  }
  if (a.c != 0) TRY_VOID(write_user(a.c, info));
  if (a.e != 0) TRY_VOID(write_user(a.e, used));
  return 0;
}

// --- resources --------------------------------------------------------------------------------------------------------
namespace {

constexpr std::uint32_t limit_count = 16, limit_nofile = 7;
constexpr std::uint64_t most_files = 1048576;
struct Limit { std::uint64_t soft, hard; };

Status set_limit(Process& process, std::uint32_t which, const Limit& limit) {
  if (limit.soft > limit.hard) return Fail{Errno::inval};
  if (limit.hard > process.limits[which][1] && current_process().euid != 0) return Fail{Errno::perm};
  if (which == limit_nofile && limit.hard > most_files) return Fail{Errno::perm};
  process.limits[which][0] = limit.soft;
  process.limits[which][1] = limit.hard;
  return {};
}

}  // namespace

CallResult linux_prlimit64(const Arguments& a) {
  const std::uint32_t which = as_u32(a.b);
  if (which >= limit_count) return Fail{Errno::inval};
  Process* process = as_u32(a.a) == 0 ? &current_process() : find_process(as_u32(a.a));
  if (process == nullptr) return Fail{Errno::srch};
  const Limit old{process->limits[which][0], process->limits[which][1]};
  if (a.c != 0) TRY_VOID(set_limit(*process, which, TRY(read_user<Limit>(a.c))));
  if (a.d != 0) TRY_VOID(write_user(a.d, old));
  return 0;
}
CallResult linux_getrlimit(const Arguments& a) { return linux_prlimit64({0, a.a, 0, a.b, 0, 0}); }
CallResult linux_setrlimit(const Arguments& a) { return linux_prlimit64({0, a.a, a.b, 0, 0, 0}); }

CallResult linux_getrusage(const Arguments& a) {
  Process& process = current_process();
  switch (as_i32(a.a)) {
    case 0: return nothing(write_user(a.b, to_user(usage_of(process))));
    case -1: return nothing(write_user(a.b, to_user(process.children)));
    case 1: return nothing(write_user(a.b, to_user(usage_of(current()))));
    default: return Fail{Errno::inval};
  }
}

CallResult linux_times(const Arguments& a) {
  constexpr std::uint64_t tick = ns_per_second / 100;
  Process& process = current_process();
  if (a.a != 0) {
    const CpuSplit own = usage_of(process).cpu, children = process.children.cpu;
    const std::array<std::uint64_t, 4> ticks{own.user_ns / tick, own.system_ns / tick, children.user_ns / tick, children.system_ns / tick};
    TRY_VOID(write_user(a.a, ticks));
  }
  return now().raw() / tick;
}

}  // namespace exos
