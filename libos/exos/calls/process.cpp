// SPDX-License-Identifier: MIT
// exec, limits and use of resources.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/exec.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/user_usage.hpp"

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
  Limit fresh{};
  if (a.c != 0) fresh = TRY(read_user<Limit>(a.c));
  Process* process = as_u32(a.a) == 0 ? &current_process() : find_process(as_u32(a.a));
  if (process == nullptr) return Fail{Errno::srch};
  const Limit old{process->limits[which][0], process->limits[which][1]};
  if (a.c != 0) TRY_VOID(set_limit(*process, which, fresh));
  if (a.d != 0) TRY_VOID(write_user(a.d, old));
  return 0;
}
CallResult linux_getrlimit(const Arguments& a) { return linux_prlimit64({0, a.a, 0, a.b, 0, 0}); }
CallResult linux_setrlimit(const Arguments& a) { return linux_prlimit64({0, a.a, a.b, 0, 0, 0}); }

CallResult linux_getrusage(const Arguments& a) {
  Process& process = current_process();
  static_cast<void>(resident_pages(*process.memory));
  note_largest(process);
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
