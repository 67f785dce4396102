// SPDX-License-Identifier: MIT
#include "libos/exos/system_v/table.hpp"

namespace exos::system_v {

Status check_access(const Permissions& p, std::uint32_t wanted) {
  const Process& self = current_process();
  if (self.euid == 0) return {};
  std::uint32_t granted = p.mode;
  if (self.euid == p.uid || self.euid == p.creator_uid) granted >>= 6;
  else if (self.egid == p.gid || self.egid == p.creator_gid) granted >>= 3;
  return (wanted & ~granted & 7) == 0 ? Status{} : Status{Fail{Errno::acces}};
}

Status check_owner(const Permissions& p) {
  const std::uint32_t uid = current_process().euid;
  return uid == 0 || uid == p.uid || uid == p.creator_uid ? Status{} : Status{Fail{Errno::perm}};
}

Permissions fresh_permissions(std::int32_t key, std::uint32_t flags) {
  const Process& self = current_process();
  return {.key = key, .uid = self.euid, .gid = self.egid, .creator_uid = self.euid, .creator_gid = self.egid, .mode = flags & 0777,
          .sequence = 0, .padding = 0, .unused = {}};
}

void apply(Permissions& p, const Permissions& wanted) {
  p.uid = wanted.uid;
  p.gid = wanted.gid;
  p.mode = (p.mode & ~0777u) | (wanted.mode & 0777);
}

std::int64_t seconds_now() { return static_cast<std::int64_t>(wall_now_ns() / ns_per_second); }

}  // namespace exos::system_v
