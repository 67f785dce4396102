// SPDX-License-Identifier: MIT
// shmget, shmat, shmdt, shmctl. A segment is a nameless file; how often it is attached is read from the file's mappings.
#include "abi/address_map.hpp"
#include "base/format.hpp"
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/system_v/table.hpp"

namespace exos {

namespace {

using namespace system_v;

constexpr std::uint64_t largest = std::uint64_t{1} << 40;
constexpr std::uint32_t goes_with_last = 01000;   // SHM_DEST, in the mode
constexpr std::uint32_t read_only = 010000, round = 020000, remap = 040000, executable = 0100000;   // SHM_*
constexpr std::uint32_t command_lock = 11, command_unlock = 12, command_stat_index = 13, command_totals = 14, command_stat_any = 15;

struct Segment : Object {
  static void dispose(Segment* segment) { destroy(segment); }
  InodeRef inode;
  std::uint64_t size = 0;
  std::int64_t attached_at = 0, detached_at = 0, changed_at = 0;
  std::uint32_t creator = 0, last = 0;
};

constinit Table<Segment> segments;
constinit std::uint32_t leaving = 0;   // marked to go with their last mapping

// struct shmid64_ds
struct UserSegment {
  Permissions permissions;
  std::uint64_t size;
  std::int64_t attached_at, detached_at, changed_at;
  std::uint32_t creator, last;
  std::uint64_t attached, unused[2];
};
static_assert(sizeof(UserSegment) == 112);
struct Limits { std::uint64_t largest, smallest, most, per_process, pages, unused[4]; };
struct Totals { std::int32_t used, padding; std::uint64_t pages, resident, swapped, attempts, successes; };

// Each place where its first page is mapped.
std::uint64_t attachments(const Segment& segment) {
  std::uint64_t count = 0;
  for (const Vma* area = segment.inode->mappings; area != nullptr; area = area->next_mapping) count += area->file_page == 0;
  return count;
}

UserSegment to_user(const Segment& s) {
  return {s.permissions, s.size, s.attached_at, s.detached_at, s.changed_at, s.creator, s.last, attachments(s), {}};
}

Result<Ref<Segment>> make_segment(std::uint64_t size) {
  if (size == 0 || size > largest) return Fail{Errno::inval};
  Ref<Segment> segment{make<Segment>()};
  if (!segment) return Fail{Errno::nomem};
  segment->inode = TRY(make_shared_memory(size));
  segment->size = size;
  segment->creator = current_process().pid;
  segment->changed_at = seconds_now();
  return segment;
}

// The address, or 0 for anywhere.
Result<std::uint64_t> place_of(std::uint64_t address, std::uint64_t size, std::uint32_t flags) {
  if (address == 0) return (flags & remap) != 0 ? Result<std::uint64_t>{Fail{Errno::inval}} : Result<std::uint64_t>{0};
  if (address % abi::page_size != 0) {
    if ((flags & round) == 0) return Fail{Errno::inval};
    address = base::align_down(address, abi::page_size);
  }
  const std::uint64_t end = address + base::align_up(size, abi::page_size);
  if (end < address || ((flags & remap) == 0 && !current_process().memory->is_free(address, end))) return Fail{Errno::inval};
  return address;
}

CallResult totals(std::uint64_t address) {
  Totals t{};
  for (const Ref<Segment>& segment : segments) {
    if (!segment) continue;
    ++t.used;
    t.pages += base::pages_for(segment->size);
  }
  TRY_VOID(write_user(address, t));
  return segments.highest();
}

}  // namespace

void system_v::sweep_segments() {
  if (leaving == 0) return;
  for (bool again = true; again;) {
    again = false;
    for (const Ref<Segment>& segment : segments) {
      if (!segment || (segment->permissions.mode & goes_with_last) == 0 || attachments(*segment) != 0) continue;
      --leaving;
      segments.remove(*Ref<Segment>{segment});
      again = true;
      break;
    }
  }
}

CallResult linux_shmget(const Arguments& a) {
  sweep_segments();
  return segments.get(as_i32(a.a), as_u32(a.c), [&] { return make_segment(a.b); },
                      [&](const Segment& there) { return a.b > there.size ? Status{Fail{Errno::inval}} : Status{}; });
}

CallResult linux_shmat(const Arguments& a) {
  const Ref<Segment> segment = TRY(segments.find(a.a));
  const std::uint32_t flags = as_u32(a.c);
  const bool writes = (flags & read_only) == 0;
  std::uint32_t prot = prot_read | (writes ? prot_write : 0) | ((flags & executable) != 0 ? prot_exec : 0);
  const std::uint64_t place = TRY(place_of(a.b, segment->size, flags));
  TRY_VOID(check_access(segment->permissions, access_read | (writes ? access_write : 0)));
  Memory& memory = *current_process().memory;
  const std::uint32_t map_flags = map_shared | (place != 0 ? map_fixed : 0) | (writes ? 0 : vma_never_write);
  const std::uint64_t at = TRY(memory.map(place, segment->size, prot, map_flags, segment->inode, 0));
  const base::Text<32> name{"/SYSV{:08x} (deleted)", static_cast<std::uint32_t>(segment->permissions.key)};
  memory.name_areas(at, at + segment->size, name.view());
  segment->attached_at = seconds_now();
  segment->last = current_process().pid;
  return at;
}

CallResult linux_shmdt(const Arguments& a) {
  Memory& memory = *current_process().memory;
  const Vma* area = a.a % abi::page_size == 0 && is_program_range(a.a, 1) ? memory.find(a.a) : nullptr;
  if (area == nullptr || area->start != a.a || area->file_page != 0 || !area->inode) return Fail{Errno::inval};
  for (const Ref<Segment>& segment : segments) {
    if (!segment || segment->inode != area->inode) continue;
    const Ref<Segment> keeps = segment;
    TRY_VOID(memory.unmap(a.a, keeps->size));
    keeps->detached_at = seconds_now();
    keeps->last = current_process().pid;
    sweep_segments();
    return 0;
  }
  return Fail{Errno::inval};
}

CallResult linux_shmctl(const Arguments& a) {
  const std::uint32_t command = as_u32(a.b);
  sweep_segments();
  switch (command) {
    case command_info:
      TRY_VOID(write_user(a.c, Limits{largest, 1, 4096, 4096, largest / abi::page_size, {}}));
      return segments.highest();
    case command_totals: return totals(a.c);
    case command_stat_index: case command_stat_any: {
      const Ref<Segment> segment = segments.at_index(as_u32(a.a));
      if (!segment) return Fail{Errno::inval};
      if (command == command_stat_index) TRY_VOID(check_access(segment->permissions, access_read));
      TRY_VOID(write_user(a.c, to_user(*segment)));
      return static_cast<std::uint64_t>(segment->id);
    }
    case command_stat: case command_set: case command_remove: case command_lock: case command_unlock: break;
    default: return Fail{Errno::inval};
  }
  const Ref<Segment> segment = TRY(segments.find(a.a));
  if (command == command_stat) {
    TRY_VOID(check_access(segment->permissions, access_read));
    return nothing(write_user(a.c, to_user(*segment)));
  }
  if (command == command_lock || command == command_unlock) return nothing(check_owner(segment->permissions));   // see mlock
  if (command == command_set) {
    const auto wanted = TRY(read_user<UserSegment>(a.c));
    TRY_VOID(check_owner(segment->permissions));
    apply(segment->permissions, wanted.permissions);
    segment->changed_at = seconds_now();
    return 0;
  }
  TRY_VOID(check_owner(segment->permissions));
  if ((segment->permissions.mode & goes_with_last) == 0) ++leaving;
  segment->permissions.mode |= goes_with_last;
  segment->permissions.key = 0;
  sweep_segments();
  return 0;
}

}  // namespace exos
