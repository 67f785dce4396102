// SPDX-License-Identifier: MIT
// A program's address space: the library's own pager. Areas are kept sorted; pages come on demand, copy-on-write is done
// with Aegis' fused calls, and what is mapped is read from the page-table window, not remembered twice.
#pragma once

#include "abi/syscall.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/file.hpp"
#include "libos/exos/vector.hpp"

namespace exos {

class Memory;

inline constexpr std::uint32_t prot_read = 1, prot_write = 2, prot_exec = 4;

// One area. Private anonymous, private file, shared file, shared anonymous (a shared file of a nameless inode).
struct Vma {
  std::uint64_t start = 0, end = 0;   // page-aligned
  std::uint32_t prot = 0;             // prot_*
  std::uint32_t flags = 0;            // MAP_SHARED, MAP_STACK, ... as given
  std::uint64_t file_page = 0;        // page of the inode that `start` shows
  InodeRef inode;
  Memory* memory = nullptr;
};

// Shared by the tasks of a process (and by a vfork child until it execs).
class Memory {
 public:
  std::uint32_t refs = 0;
  static void dispose(Memory* memory);       // unmaps and destroys the space
  [[nodiscard]] static Result<Ref<Memory>> create();          // a space with the library's slots linked
  [[nodiscard]] Result<Ref<Memory>> fork();                   // copy-on-write copy
  [[nodiscard]] CallResult map(std::uint64_t hint, std::uint64_t size, std::uint32_t prot, std::uint32_t flags,
                               InodeRef inode, std::uint64_t file_offset);
  [[nodiscard]] Status unmap(std::uint64_t start, std::uint64_t size);
  [[nodiscard]] Status protect(std::uint64_t start, std::uint64_t size, std::uint32_t prot);
  [[nodiscard]] CallResult remap(std::uint64_t start, std::uint64_t old_size, std::uint64_t new_size, std::uint32_t flags,
                                 std::uint64_t new_start);
  [[nodiscard]] Status discard(std::uint64_t start, std::uint64_t size);   // MADV_DONTNEED
  [[nodiscard]] CallResult set_break(std::uint64_t address);
  [[nodiscard]] Vma* find(std::uint64_t address);

  // Resolves a page fault (error code as the processor gives it). False: it is the program's own fault; `code` is then
  // SEGV_MAPERR (1) or SEGV_ACCERR (2), or BUS_ADRERR as 0x100 | 2.
  [[nodiscard]] bool fault(std::uint64_t address, std::uint64_t error, std::uint32_t& code);

  abi::CapSlot space{};
  Vector<Vma*> areas;            // sorted by start
  std::uint64_t break_start = 0, break_now = 0;
  std::uint64_t mmap_top = 0;    // mmap searches downwards from here
  std::uint64_t stack_top = 0, stack_limit = 0;
  std::uint64_t arguments_start = 0, arguments_end = 0, environment_start = 0, environment_end = 0;  // /proc/self/cmdline, environ
  String executable;             // /proc/self/exe
  InodeRef executable_inode;
  std::uint64_t auxv_entry = 0;
};

// Breaks every mapping of [first_page, first_page + pages) of the inode, in every process: before its pages are freed.
void invalidate_mappings(Inode& inode, std::uint64_t first_page, std::uint64_t pages);

}  // namespace exos
