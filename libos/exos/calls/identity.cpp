// SPDX-License-Identifier: MIT
// Who a process is: identifiers, users and groups (as data: the file side checks permissions), sessions, capabilities.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/quick_calls.hpp"

namespace exos {

namespace {

Process& self() { return current_process(); }
constexpr std::uint32_t unchanged = ~0u;

struct Effective { std::uint32_t user, group; };
Effective effective() { return {self().euid, self().egid}; }

// The process is somebody else now: whoever could trace it before may not any more.
CallResult changed(const Effective& old) {
  if (old.user != self().euid || old.group != self().egid) self().dumpable = false;
  refresh_quick_answers(self());
  return 0;
}

// A program that is not root may only become what it already is.
bool may_be_user(std::uint32_t uid) { return self().euid == 0 || uid == self().uid || uid == self().euid || uid == self().suid; }
bool may_be_group(std::uint32_t gid) { return self().euid == 0 || gid == self().gid || gid == self().egid || gid == self().sgid; }

Result<Process*> process_of(std::uint64_t pid) {
  if (as_u32(pid) == 0) return &self();
  if (Process* process = find_process(as_u32(pid))) return process;
  return Fail{Errno::srch};
}

}  // namespace

CallResult linux_getpid(const Arguments&) { return self().pid; }
CallResult linux_getppid(const Arguments&) { return self().parent == nullptr ? 0 : self().parent->pid; }
CallResult linux_getuid(const Arguments&) { return self().uid; }
CallResult linux_geteuid(const Arguments&) { return self().euid; }
CallResult linux_getgid(const Arguments&) { return self().gid; }
CallResult linux_getegid(const Arguments&) { return self().egid; }

CallResult linux_setuid(const Arguments& a) {
  const std::uint32_t uid = as_u32(a.a);
  if (uid == unchanged) return Fail{Errno::inval};
  if (!may_be_user(uid)) return Fail{Errno::perm};
  const Effective old = effective();
  if (self().euid == 0) self().uid = self().suid = uid;
  self().euid = uid;
  return changed(old);
}
CallResult linux_setgid(const Arguments& a) {
  const std::uint32_t gid = as_u32(a.a);
  if (gid == unchanged) return Fail{Errno::inval};
  if (!may_be_group(gid)) return Fail{Errno::perm};
  const Effective old = effective();
  if (self().euid == 0) self().gid = self().sgid = gid;
  self().egid = gid;
  return changed(old);
}
CallResult linux_setresuid(const Arguments& a) {
  for (const std::uint64_t id : {a.a, a.b, a.c})
    if (as_u32(id) != unchanged && !may_be_user(as_u32(id))) return Fail{Errno::perm};
  const Effective old = effective();
  if (as_u32(a.a) != unchanged) self().uid = as_u32(a.a);
  if (as_u32(a.b) != unchanged) self().euid = as_u32(a.b);
  if (as_u32(a.c) != unchanged) self().suid = as_u32(a.c);
  return changed(old);
}
CallResult linux_setresgid(const Arguments& a) {
  for (const std::uint64_t id : {a.a, a.b, a.c})
    if (as_u32(id) != unchanged && !may_be_group(as_u32(id))) return Fail{Errno::perm};
  const Effective old = effective();
  if (as_u32(a.a) != unchanged) self().gid = as_u32(a.a);
  if (as_u32(a.b) != unchanged) self().egid = as_u32(a.b);
  if (as_u32(a.c) != unchanged) self().sgid = as_u32(a.c);
  return changed(old);
}
// The saved one follows the effective one when the real one is set or the effective one becomes another than the real.
CallResult linux_setreuid(const Arguments& a) {
  const std::uint32_t real = as_u32(a.a), effective = as_u32(a.b);
  const bool saves = real != unchanged || (effective != unchanged && effective != self().uid);
  return linux_setresuid({real, effective, saves ? (effective != unchanged ? effective : self().euid) : unchanged, 0, 0, 0});
}
CallResult linux_setregid(const Arguments& a) {
  const std::uint32_t real = as_u32(a.a), effective = as_u32(a.b);
  const bool saves = real != unchanged || (effective != unchanged && effective != self().gid);
  return linux_setresgid({real, effective, saves ? (effective != unchanged ? effective : self().egid) : unchanged, 0, 0, 0});
}
CallResult linux_getresuid(const Arguments& a) {
  TRY_VOID(write_user(a.a, self().uid));
  TRY_VOID(write_user(a.b, self().euid));
  return nothing(write_user(a.c, self().suid));
}
CallResult linux_getresgid(const Arguments& a) {
  TRY_VOID(write_user(a.a, self().gid));
  TRY_VOID(write_user(a.b, self().egid));
  return nothing(write_user(a.c, self().sgid));
}
// The file system's user is the effective one: the calls answer that and change nothing else.
CallResult linux_setfsuid(const Arguments&) { return self().euid; }
CallResult linux_setfsgid(const Arguments&) { return self().egid; }

CallResult linux_getgroups(const Arguments& a) {
  const std::int32_t room = as_i32(a.a);
  const Vector<std::uint32_t>& groups = self().groups;
  if (room < 0 || (room != 0 && static_cast<std::size_t>(room) < groups.size())) return Fail{Errno::inval};
  Vector<std::uint32_t> told;   // the copy may wait, and the process's own change
  for (const std::uint32_t group : groups) TRY_VOID(told.push_back(group));
  if (room != 0) TRY_VOID(copy_out(a.b, told.data(), told.size() * sizeof(std::uint32_t)));
  return told.size();
}
CallResult linux_setgroups(const Arguments& a) {
  constexpr std::uint64_t most_groups = 65536;
  if (self().euid != 0) return Fail{Errno::perm};
  if (as_u32(a.a) > most_groups) return Fail{Errno::inval};
  Vector<std::uint32_t> groups;
  TRY_VOID(groups.resize(as_u32(a.a)));
  TRY_VOID(copy_in(groups.data(), a.b, groups.size() * sizeof(std::uint32_t)));
  self().groups = std::move(groups);
  return 0;
}

// --- groups of processes and sessions ---------------------------------------------------------------------------------
CallResult linux_getpgid(const Arguments& a) { return TRY(process_of(a.a))->group; }
CallResult linux_getpgrp(const Arguments&) { return self().group; }
CallResult linux_getsid(const Arguments& a) { return TRY(process_of(a.a))->session; }

CallResult linux_setpgid(const Arguments& a) {
  if (as_i32(a.b) < 0) return Fail{Errno::inval};
  Process* process = TRY(process_of(a.a));
  if (process != &self() && process->parent != &self()) return Fail{Errno::srch};
  if (process != &self() && process->executed) return Fail{Errno::acces};
  if (process->session != self().session || process->session == process->pid) return Fail{Errno::perm};
  const std::uint32_t group = as_u32(a.b) == 0 ? process->pid : as_u32(a.b);
  if (group != process->pid) {
    bool exists = false;
    for (Process& other : processes()) exists |= other.group == group && other.session == self().session;
    if (!exists) return Fail{Errno::perm};
  }
  process->group = group;
  return 0;
}

CallResult linux_setsid(const Arguments&) {
  for (Process& other : processes()) if (other.group == self().pid) return Fail{Errno::perm};
  self().group = self().session = self().pid;
  self().terminal = {};
  return self().pid;
}

// Without a terminal there is nothing to hang up.
CallResult linux_vhangup(const Arguments&) {
  if (self().euid != 0 || self().terminal) return Fail{Errno::perm};
  return 0;
}

// --- capabilities: root has all, others none --------------------------------------------------------------------------
namespace {

struct CapHeader { std::uint32_t version; std::int32_t pid; };
struct CapData { std::uint32_t effective, permitted, inheritable; };
constexpr std::uint32_t version1 = 0x19980330, version2 = 0x20071026, version3 = 0x20080522;
constexpr std::uint64_t all_capabilities = (std::uint64_t{1} << 41) - 1;

// How many CapData follow; a version that nobody knows is answered with the one that we prefer.
Result<std::size_t> check_header(std::uint64_t at, const CapHeader& header) {
  if (header.version == version1) return 1;
  if (header.version == version2 || header.version == version3) return 2;
  TRY_VOID(write_user(at, version3));
  return Fail{Errno::inval};
}

}  // namespace

CallResult linux_capget(const Arguments& a) {
  const auto header = TRY(read_user<CapHeader>(a.a));
  const auto words = check_header(a.a, header);
  if (!words) return a.b == 0 ? CallResult{0} : CallResult{Fail{words.error()}};
  const Process* process = TRY(process_of(static_cast<std::uint64_t>(header.pid)));
  if (a.b == 0) return 0;
  const std::uint64_t has = process->euid == 0 ? all_capabilities : 0;
  for (std::size_t i = 0; i < *words; ++i) {
    const auto part = static_cast<std::uint32_t>(has >> (32 * i));
    TRY_VOID(write_user(a.b + i * sizeof(CapData), CapData{part, part, 0}));
  }
  return 0;
}
CallResult linux_capset(const Arguments& a) {
  const auto header = TRY(read_user<CapHeader>(a.a));
  const std::size_t words = TRY(check_header(a.a, header));
  const std::uint64_t has = self().euid == 0 ? all_capabilities : 0;
  for (std::size_t i = 0; i < words; ++i) {
    const auto data = TRY(read_user<CapData>(a.b + i * sizeof(CapData)));
    if ((data.permitted & ~static_cast<std::uint32_t>(has >> (32 * i))) != 0) return Fail{Errno::perm};
  }
  return 0;
}

}  // namespace exos
