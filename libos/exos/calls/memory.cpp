// SPDX-License-Identifier: MIT
// mmap and its kin.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/missing_requests.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/protection_keys.hpp"

namespace exos {

namespace {

Memory& memory() { return *current_process().memory; }

constexpr std::uint64_t page_mask = abi::page_size - 1;

// Which file, and what a shared mapping of it may do.
Status check_file(const File& file, std::uint32_t prot, std::uint32_t& flags) {
  const std::uint32_t mode = file.flags & o_accmode;
  if ((file.flags & o_path) == o_path) return Fail{Errno::badf};
  if (mode == o_wronly) return Fail{Errno::acces};
  if (file.kind == FileKind::ring) return (flags & map_shared) != 0 ? Status{} : Status{Fail{Errno::inval}};
  if (!file.inode->is(mode_regular)) return Fail{Errno::nodev};
  constexpr std::uint32_t seal_write = 8;
  if (const std::uint32_t* seals = file.inode->seals(); seals != nullptr && (*seals & seal_write) != 0 && (flags & map_shared) != 0) {
    if ((prot & prot_write) != 0) return Fail{Errno::perm};
    flags |= vma_never_write;
  }
  if ((flags & map_shared) == 0 || mode == o_rdwr) return {};
  if ((prot & prot_write) != 0) return Fail{Errno::acces};
  flags |= vma_never_write;
  return {};
}

// Keeps room for stubs behind the first mapping of a file with known padding, and puts them there.
CallResult map_with_stubs(const InodeRef& inode, std::uint64_t hint, std::uint64_t size, std::uint32_t prot, std::uint32_t flags,
                          std::uint64_t offset) {
  const std::uint64_t stubs = stub_space(*inode);
  constexpr std::uint32_t no_choice = map_fixed | map_fixed_noreplace | map_shared | map_32bit;
  const bool whole = (flags & no_choice) == 0 && hint == 0 && stubs != 0 && offset == 0 && size >= abi::page_size;
  if (!whole) return memory().map(hint, size, prot, flags, inode, offset);
  const std::uint64_t span = base::align_up(size, abi::page_size);
  const std::uint64_t start = memory().find_gap(span + stubs);
  if (start == 0) return memory().map(hint, size, prot, flags, inode, offset);
  const std::uint64_t at = TRY(memory().map(start, size, prot, flags | map_fixed, inode, offset));
  map_stubs(memory(), inode, at, span);
  return at;
}

}  // namespace

CallResult linux_mmap(const Arguments& a) {
  std::uint32_t flags = as_u32(a.d);
  const std::uint32_t prot = as_u32(a.c) & 7;
  const std::uint32_t type = flags & 15;
  // Those before MAP_SYNC. [linux LEGACY_MAP_MASK]
  constexpr std::uint32_t known = 0x7c07'f9f3, map_locked = 0x2000;
  if (type != map_shared && type != map_private && type != 3) return Fail{Errno::inval};
  if (type == 3) {  // MAP_SHARED_VALIDATE: of a file, and with flags that are known only
    if ((flags & map_anonymous) != 0) return Fail{Errno::inval};
    if ((flags & ~known) != 0) return Fail{Errno::opnotsupp};
    flags = (flags & ~15u) | map_shared;
  }
  if ((flags & 0x40000) != 0) return Fail{Errno::nomem};  // MAP_HUGETLB: there are none
  if ((a.f & page_mask) != 0) return Fail{Errno::inval};
  if (a.b == 0) return Fail{Errno::inval};
  const std::uint64_t size = base::align_up(a.b, abi::page_size);
  if (size == 0) return Fail{Errno::nomem};
  flags &= ~vma_marks;
  if ((flags & map_locked) != 0) flags |= vma_locked | map_populate;
  if (memory().fills_new) flags |= map_populate;
  if (((flags & vma_locked) != 0 || memory().locks_new) && !may_lock(size / abi::page_size)) return Fail{Errno::again};
  const std::uint64_t replaced = (flags & map_fixed) != 0 ? memory().reach(a.a, size, 0) : 0;
  if (!may_map((size - replaced) / abi::page_size)) return Fail{Errno::nomem};
  std::uint64_t start = 0;
  if ((flags & map_anonymous) != 0) {
    start = TRY(memory().map(a.a, a.b, prot, flags, {}, 0));
  } else {
    const FileRef file = TRY(current().files->get(as_u32(a.e)));
    TRY_VOID(check_file(*file, prot, flags));
    const std::uint64_t first_page = a.f / abi::page_size;   // of a ring all pages are there, or it is not its place
    if (file->kind == FileKind::ring && !(file->inode->page(first_page, true) && file->inode->page(first_page + (a.b - 1) / abi::page_size, true)))
      return Fail{Errno::inval};
    start = TRY(map_with_stubs(file->inode, a.a, a.b, prot, flags, a.f));
    memory().name_areas(start, start + a.b, file->path.view());
  }
  if ((flags & map_populate) != 0) static_cast<void>(memory().populate(start, start + size));
  return start;
}

CallResult linux_mprotect(const Arguments& a) {
  constexpr std::uint32_t grows_down = 0x0100'0000;   // up to the end of a stack: [man mprotect(2)]
  const Vma* area = (as_u32(a.c) & grows_down) != 0 ? memory().find(a.a) : nullptr;
  if (area != nullptr && (area->flags & map_growsdown) != 0) tell_missing("mprotect with protection", as_u32(a.c), Errno::inval);
  return nothing(memory().protect(a.a, a.b, as_u32(a.c)));
}

CallResult linux_pkey_alloc(const Arguments& a) {
  constexpr std::uint64_t disable_access = 1, disable_write = 2;
  if (a.a != 0 || (a.b & ~(disable_access | disable_write)) != 0) return Fail{Errno::inval};
  return TRY(keys::allocate(memory(), as_u32(a.b)));
}
CallResult linux_pkey_free(const Arguments& a) { return nothing(keys::release(memory(), as_i32(a.a))); }
CallResult linux_pkey_mprotect(const Arguments& a) {
  const std::int32_t key = as_i32(a.d);
  if (key == -1) return linux_mprotect(a);
  if ((a.a & page_mask) != 0) return Fail{Errno::inval};
  if (a.b == 0) return 0;
  if (!keys::is_allocated(memory(), key)) return Fail{Errno::inval};
  return nothing(memory().protect(a.a, a.b, as_u32(a.c), static_cast<std::uint32_t>(key)));
}

CallResult linux_munmap(const Arguments& a) { return nothing(memory().unmap(a.a, a.b)); }
CallResult linux_brk(const Arguments& a) {
  const std::uint64_t before = memory().break_now;
  if (memory().locks_new && a.a > before && !may_lock((a.a - before) / abi::page_size + 1)) return before;
  if (a.a > before && !may_map((a.a - before) / abi::page_size)) return before;
  const std::uint64_t now = TRY(memory().set_break(a.a));
  if (memory().fills_new && now > before) static_cast<void>(memory().populate(base::align_up(before, abi::page_size), now));
  return now;
}
CallResult linux_mremap(const Arguments& a) {
  const Vma* area = memory().find(a.a);
  const bool locked = area != nullptr && (area->flags & vma_locked) != 0 && a.c > a.b;
  if (locked && !may_lock((a.c - a.b) / abi::page_size)) return Fail{Errno::again};
  if (a.c > a.b && !may_map((a.c - a.b) / abi::page_size)) return Fail{Errno::nomem};
  const std::uint64_t start = TRY(memory().remap(a.a, a.b, a.c, as_u32(a.d), a.e));
  if (locked) static_cast<void>(memory().populate(start, start + base::align_up(a.c, abi::page_size)));
  return start;
}

// Mappings of a file show the file's own pages, so there is nothing to write back.
CallResult linux_msync(const Arguments& a) {
  constexpr std::uint32_t async = 1, invalidate = 2, sync = 4;
  const std::uint32_t flags = as_u32(a.c);
  if ((a.a & page_mask) != 0 || (flags & ~(async | invalidate | sync)) != 0) return Fail{Errno::inval};
  if ((flags & async) != 0 && (flags & sync) != 0) return Fail{Errno::inval};
  if (!memory().covered(a.a, a.a + base::align_up(a.b, abi::page_size))) return Fail{Errno::nomem};
  return 0;
}

CallResult linux_mincore(const Arguments& a) {
  if ((a.a & page_mask) != 0) return Fail{Errno::inval};
  const std::uint64_t size = base::align_up(a.b, abi::page_size);
  if (!is_program_range(a.a, size) || !memory().covered(a.a, a.a + size)) return Fail{Errno::nomem};
  for (std::uint64_t at = 0; at < size; at += abi::page_size) {
    std::uint8_t present = 0;
    for_each_present(a.a + at, a.a + at + abi::page_size, [&](std::uint64_t, std::uint64_t) { present = 1; return true; });
    TRY_VOID(write_user(a.c + at / abi::page_size, present));
  }
  return 0;
}

CallResult linux_madvise(const Arguments& a) {
  constexpr std::int32_t normal = 0, will_need = 3, dont_need = 4, free = 8, dont_fork = 10, do_fork = 11, mergeable = 12, do_dump = 17,
                         wipe_on_fork = 18, keep_on_fork = 19, cold = 20, populate_read = 22, populate_write = 23, dont_need_locked = 24;
  const std::int32_t advice = as_i32(a.c);
  if ((a.a & page_mask) != 0) return Fail{Errno::inval};
  if (a.b == 0) return 0;
  const std::uint64_t end = a.a + base::align_up(a.b, abi::page_size);
  if (end <= a.a) return Fail{Errno::inval};
  switch (advice) {
    // FREE: contents may go at any time; they go now, which is allowed and keeps the promise of memory given back.
    case dont_need: case free:
      if (locked_pages(memory(), a.a, end) != 0) return Fail{Errno::inval};
      [[fallthrough]];
    case dont_need_locked: return nothing(memory().discard(a.a, a.b));
    case populate_read: case populate_write: return nothing(memory().populate(a.a, end));
    case dont_fork: return nothing(memory().change_flags(a.a, end, vma_not_in_child, 0));
    case do_fork: return nothing(memory().change_flags(a.a, end, 0, vma_not_in_child));
    case wipe_on_fork: return nothing(memory().change_flags(a.a, end, vma_zero_in_child, 0));
    case keep_on_fork: return nothing(memory().change_flags(a.a, end, 0, vma_zero_in_child));
    default: break;
  }
  const bool hint = (advice >= normal && advice <= will_need) || (advice >= mergeable && advice <= do_dump) || advice == cold || advice == 21;
  if (!hint) return missing_advice(advice, Errno::inval);
  if (!memory().covered(a.a, end)) return Fail{Errno::nomem};
  return 0;
}

// One memory node.
namespace {

constexpr std::uint32_t policy_bind = 2, policy_interleave = 3;

// The bits of a node mask: there is one node, so nothing comes of them. Policies that spread over nodes want some.
Status read_nodes(std::uint32_t policy, std::uint64_t address, std::uint64_t bits_and_one) {
  constexpr std::uint64_t most = base::page_size * 8;
  std::uint64_t nodes = 0;
  if (address != 0 && bits_and_one > 1) {
    if (bits_and_one - 1 > most) return Fail{Errno::inval};
    for (std::uint64_t at = 0; at < bits_and_one - 1; at += 64) nodes |= TRY(read_user<std::uint64_t>(address + at / 8));
  }
  if (nodes == 0 && (policy == policy_bind || policy == policy_interleave)) return Fail{Errno::inval};
  return {};
}

}  // namespace

CallResult linux_mbind(const Arguments& a) {
  if ((a.a & page_mask) != 0 || as_u32(a.c) > 5) return Fail{Errno::inval};
  return nothing(read_nodes(as_u32(a.c), a.d, a.e));
}
CallResult linux_set_mempolicy(const Arguments& a) {
  if (as_u32(a.a) > 5) return Fail{Errno::inval};
  return nothing(read_nodes(as_u32(a.a), a.b, a.c));
}
CallResult linux_get_mempolicy(const Arguments& a) {
  if ((a.e & ~std::uint64_t{7}) != 0) return Fail{Errno::inval};
  if (a.a != 0) TRY_VOID(write_user(a.a, std::int32_t{0}));
  if (a.b != 0) {
    if (a.c == 0) return Fail{Errno::inval};
    TRY_VOID(zero_out(a.b, static_cast<std::size_t>((a.c + 63) / 64 * 8)));
    if ((a.e & 4) != 0) TRY_VOID(write_user(a.b, std::uint64_t{1}));  // MPOL_F_MEMS_ALLOWED
  }
  return 0;
}

}  // namespace exos
