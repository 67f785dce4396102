// SPDX-License-Identifier: MIT
// A program's address space: the library's own pager. Areas are kept sorted; pages come on demand, copy-on-write is done
// with Aegis' fused calls, and what is mapped is read from the page-table window, not remembered twice.
#pragma once

#include "abi/address_map.hpp"
#include "abi/syscall.hpp"
#include "base/list.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/file.hpp"
#include "libos/exos/swap_map.hpp"
#include "libos/exos/vector.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {

class Memory;
class UserfaultFile;

inline constexpr std::uint32_t map_shared = 1, map_private = 2, map_fixed = 0x10, map_anonymous = 0x20, map_32bit = 0x40, map_growsdown = 0x100,
    map_noreserve = 0x4000, map_populate = 0x8000, map_stack = 0x20000, map_fixed_noreplace = 0x100000;

inline constexpr std::uint32_t prot_read = 1, prot_write = 2, prot_exec = 4;

// The path under which a file was mapped: for /proc/PID/maps and crash records.
struct MappedPath {
  std::uint32_t refs = 0;
  String text;
  static void dispose(MappedPath* path) { destroy(path); }
};

// One area. Private anonymous, private file, shared file, shared anonymous (a shared file of a nameless inode).
struct Vma {
  std::uint64_t start = 0, end = 0;   // page-aligned
  std::uint32_t prot = 0;             // prot_*
  std::uint32_t flags = 0;            // MAP_SHARED, MAP_STACK, ... as given
  std::uint32_t key = 0;              // protection key
  std::uint64_t file_page = 0;        // page of the inode that `start` shows
  InodeRef inode;
  Ref<MappedPath> path;               // may be empty
  Memory* memory = nullptr;
  Vma* next_mapping = nullptr;        // of the same inode: Inode::mappings
  Vma** previous_mapping = nullptr;
  std::uint64_t parked = 0;           // PROT_NONE over pages that had contents: where they are kept meanwhile
  std::uint64_t next_fault = 0;       // anonymous: a fault here continues a run, and more is mapped at once
  std::uint32_t run = 1;
  bool copied = false;                // private file area: some page is the process's own
  bool stubs = false;                 // the library's own: stubs of patched sites (patch.cpp)
  bool untouched_count = false;       // a page without marks of use may be wanted, not only taken along by a run of faults
  std::uint64_t serves = 0;           // stubs: where the file's span starts that ends at `start`
  UserfaultFile* userfault = nullptr; // who answers faults of userfault_modes (userfault.hpp); it goes from here before it ends
  std::uint8_t userfault_modes = 0;
};

// Of somebody who does not keep the memory: null once it has gone.
struct MemoryReference {
  base::ListLink link;
  Memory* memory = nullptr;
};

// The most that there ever was: pages in frames, and pages of all areas.
struct PeakPages { std::uint64_t resident = 0, total = 0; };

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
  // `key`: none, as it is.
  [[nodiscard]] Status protect(std::uint64_t start, std::uint64_t size, std::uint32_t prot, std::optional<std::uint32_t> key = {});
  [[nodiscard]] CallResult remap(std::uint64_t start, std::uint64_t old_size, std::uint64_t new_size, std::uint32_t flags,
                                 std::uint64_t new_start);
  [[nodiscard]] Status discard(std::uint64_t start, std::uint64_t size);   // MADV_DONTNEED
  // Vma::flags of the areas in the range (vma_not_in_child, vma_locked, ...), which all must be mapped.
  [[nodiscard]] Status change_flags(std::uint64_t start, std::uint64_t end, std::uint32_t set, std::uint32_t clear);
  // Makes every page of the range present. Stops at the first that cannot be: nomem where nothing is mapped, else `again`.
  [[nodiscard]] Status populate(std::uint64_t start, std::uint64_t end);
  [[nodiscard]] CallResult set_break(std::uint64_t address);
  [[nodiscard]] Vma* find(std::uint64_t address) { return holds(found_last_, address) ? areas[found_last_] : search(address); }

  // Resolves a page fault (error code as the processor gives it). False: it is the program's own fault; `code` is then
  // SEGV_MAPERR (1), SEGV_ACCERR (2) or SEGV_PKUERR (4), or BUS_ADRERR as 0x100 | 2; or a userfaultfd's reader is to answer (userfault::is_awaited).
  [[nodiscard]] bool fault(std::uint64_t address, std::uint64_t error, std::uint32_t& code);
  // True when every page of the range lies in an area.
  [[nodiscard]] bool covered(std::uint64_t start, std::uint64_t end) const;
  // How many bytes from `start` on, at most `size`, lie in areas that allow `prot`.
  [[nodiscard]] std::uint64_t reach(std::uint64_t start, std::uint64_t size, std::uint32_t prot);
  // Gives the areas of a file in the range their path; without memory they stay nameless.
  void name_areas(std::uint64_t start, std::uint64_t end, std::string_view path);
  // A free range of `size` bytes, searched downwards; 0 when there is none.
  [[nodiscard]] std::uint64_t find_gap(std::uint64_t size) const;
  [[nodiscard]] std::uint64_t find_low_gap(std::uint64_t size) const;   // in the second GiB, searched upwards: MAP_32BIT
  // Changes that keep contents: for mprotect and mremap. Splits areas so that start and end are borders.
  [[nodiscard]] Status split_at(std::uint64_t address);
  [[nodiscard]] std::size_t index_of(std::uint64_t address) const;  // first area that ends behind it
  [[nodiscard]] bool is_free(std::uint64_t start, std::uint64_t end) const;
  [[nodiscard]] std::uint64_t size_pages() const;
  [[nodiscard]] Status park(Vma& area);
  [[nodiscard]] Status unpark(Vma& area);
  [[nodiscard]] Status reserve_parking(Vma& area);   // of PROT_NONE: where its pages go
  [[nodiscard]] Status set_userfault(std::uint64_t start, std::uint64_t end, UserfaultFile* file, std::uint8_t modes);

  rt::Space space;
  Vector<Vma*> areas;            // sorted by start
  std::uint64_t break_start = 0, break_now = 0;
  std::uint64_t mmap_top = 0;    // mmap searches downwards from here
  std::uint64_t stack_top = 0, stack_limit = 0;
  std::uint64_t arguments_start = 0, arguments_end = 0, environment_start = 0, environment_end = 0;  // /proc/self/cmdline, environ
  String executable;             // /proc/self/exe
  InodeRef executable_inode;
  std::uint64_t auxv_entry = 0, auxv_start = 0, auxv_end = 0;   // program's entry; where its auxiliary vector lies
  std::uint64_t next_parking = 0;
  std::uint64_t minor_faults = 0, major_faults = 0;
  SwapMap swapped;               // pages of private areas that lie in the swap object, by their address in the area
  base::ListLink in_all;         // all_memories()
  base::List<MemoryReference, &MemoryReference::link> references;
  std::uint64_t counted_pages = 0;   // by the pager, before force was at work
  std::uint16_t keys = 1;        // protection keys that are given out (protection_keys.hpp)
  bool unpatched = false;        // it is traced, or steps through its code: no patched pages (patch.cpp)
  bool locks_new = false, fills_new = false;   // mlockall(MCL_FUTURE): what is mapped from now on is locked, and filled at once
  std::uint64_t resident = 0;    // pages in frames, as faults and unmaps count them; exact after resident_pages()
  PeakPages peak;                // as of the last note_peak()
 private:
  friend class MemoryFault;
  std::size_t found_last_ = 0, found_before_ = 0;   // where find() found its areas last: a fault is of text and of data
  // Whatever has changed since, the area at that index is looked at as it is now.
  [[nodiscard]] bool holds(std::size_t i, std::uint64_t address) const {
    return i < areas.size() && areas[i]->start <= address && address < areas[i]->end;
  }
  [[nodiscard]] Vma* search(std::uint64_t address);
  [[nodiscard]] CallResult place(std::uint64_t hint, std::uint64_t size, std::uint32_t flags);
  [[nodiscard]] Status insert(Vma* area);
  [[nodiscard]] bool extend_neighbour(std::uint64_t start, std::uint64_t end, std::uint32_t prot, std::uint32_t flags);
  void drop_area(std::size_t index);
  [[nodiscard]] Status drop_stubs(std::uint64_t start, std::uint64_t end);   // those in the range
  void drop_idle_stubs(std::uint64_t end);                                   // those behind it that serve nothing more
  void merge(std::uint64_t start, std::uint64_t end);   // joins equal anonymous neighbours
};

using MemoryList = base::List<Memory, &Memory::in_all>;
[[nodiscard]] MemoryList& all_memories();

// Where a program may have mappings: below the stack's end, outside the library's slots and the parking.
inline constexpr std::uint64_t program_gap_start = abi::map::image_slot * abi::slot_size, program_gap_end = 151 * abi::slot_size;
[[nodiscard]] inline bool is_program_range(std::uint64_t start, std::uint64_t size) {
  constexpr std::uint64_t upper_size = abi::map::program_end - program_gap_end;
  const std::uint64_t within = start - program_gap_end;
  if (within <= upper_size) return size <= upper_size - within;
  return start < program_gap_start && size <= program_gap_start - start;
}
[[nodiscard]] Vma* new_area(const Vma& like);      // links it to the inode's mappings; null: no memory
void delete_area(Vma* area);

// Breaks every mapping of [first_page, first_page + pages) of the inode, in every process: before its pages are freed.
void invalidate_mappings(Inode& inode, std::uint64_t first_page, std::uint64_t pages);

}  // namespace exos
