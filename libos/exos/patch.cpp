// SPDX-License-Identifier: MIT
// Where patched pages and stubs are mapped, and where they must not be. What is in them: patch_file.cpp.
#include "libos/exos/patch.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "base/cpio.hpp"
#include "libos/exos/fs/directory.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/patch_file.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/task.hpp"

namespace exos {

namespace {

constexpr std::uint64_t stub_bytes = stub_pages * abi::page_size;
constexpr std::size_t syscall_size = 2;
constexpr std::uint64_t largest_file = ~std::uint32_t{0};   // offsets in the tables have 32 bits
constinit std::uint64_t site_count = 0;

// Text that the process runs and does not write.
bool is_text(const Vma& area) {
  return area.inode && area.inode->patches != nullptr && !area.stubs && area.parked == 0 && (area.flags & map_shared) == 0 &&
         (area.prot & (prot_exec | prot_write)) == prot_exec;
}
bool shows_patches(const Vma& area) { return !area.memory->unpatched && is_text(area); }

std::uint64_t file_index(const Vma& area, std::uint64_t va) { return area.file_page + (va - area.start) / abi::page_size; }

bool is_own(const Memory& memory) {
  return current_or_null() != nullptr && current_process().memory.get() == &memory;
}

// The stub area that serves the file at `va`: the first of the inode behind it.
const Vma* stubs_behind(const Memory& memory, const Vma& area, std::uint64_t va) {
  constexpr std::size_t most_segments = 32;
  const std::size_t first = memory.index_of(va);
  for (std::size_t i = first; i < memory.areas.size() && i < first + most_segments; ++i) {
    const Vma& stubs = *memory.areas[i];
    if (stubs.stubs && stubs.inode == area.inode && stubs.serves <= va) return &stubs;
  }
  return nullptr;
}

// Tasks that were interrupted in padding or a stub go back to the site, where they find a call whatever is mapped.
void step_back(Memory& memory) {
  for (Process& process : processes()) {
    if (process.memory.get() != &memory) continue;
    for (Task& task : process.tasks)
      if (task.frame != nullptr && task.frame->call == ~std::uint64_t{0}) task.frame->rip = site_of(memory, task.frame->rip);
  }
}

// `readable`: the current env is in that space.
void leave_in_area(Memory& memory, const Vma& area, std::uint64_t start, std::uint64_t end, bool readable) {
  if (!area.inode || area.inode->patches == nullptr || area.stubs || area.parked != 0) return;
  for (const PatchedPage& page : patches_of(*area.inode)->pages()) {
    if (page.index < area.file_page) continue;
    const std::uint64_t va = area.start + (page.index - area.file_page) * abi::page_size;
    if (va < std::max(start, area.start) || va >= std::min(end, area.end)) continue;
    // Entries of another space cannot be read, but one that has no copies shows only what comes again by a fault.
    const bool there = readable ? (rt::own_entry(va) & pte_patched) != 0 : !area.copied;
    if (there) static_cast<void>(memory.space.unmap(va, 1));
  }
}

Result<InodeRef> find_file(const InodeRef& root, std::string_view path) {
  InodeRef at = root;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (!name.empty()) at = TRY(at->lookup(name));
  }
  return at;
}

// A table whose gaps are in order and lie in the file.
bool is_sound(std::span<const std::byte> table, std::uint64_t file_size) {
  std::uint32_t count = 0;
  if (table.size() < sizeof count) return false;
  std::memcpy(&count, table.data(), sizeof count);
  if (count == 0 || (table.size() - sizeof count) / 8 < count) return false;
  std::uint64_t end = 1;   // padding at 0 means none
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t gap[2];
    std::memcpy(gap, table.data() + sizeof count + std::size_t{i} * sizeof gap, sizeof gap);
    if (gap[0] < end) return false;
    end = std::uint64_t{gap[0]} + gap[1];
  }
  return end <= file_size && file_size <= largest_file;
}

}  // namespace

Status patches_start(const InodeRef& root) {
  if (run_description().keep_text) return {};
  const Vector<RunDescription::Gap>& gaps = run_description().gaps;
  const auto& info = *reinterpret_cast<const abi::container::StartInfo*>(abi::map::state_start_info);
  base::cpio::Reader reader{{reinterpret_cast<const std::byte*>(info.archive_va), static_cast<std::size_t>(info.archive_size)}};
  base::cpio::Entry entry;
  // The members come in the order of the lines; a line without a member, or a file that is not there, is passed over.
  for (std::size_t next = 0; next < gaps.size() && reader.next(entry) == base::cpio::Step::entry;) {
    std::size_t i = next;
    while (i < gaps.size() && gaps[i].member.view() != entry.name) ++i;
    if (i == gaps.size()) continue;
    next = i + 1;
    const auto inode = find_file(root, gaps[i].path.view());
    if (!inode || !(*inode)->is(mode_regular) || (*inode)->patches != nullptr || !is_sound(entry.data, (*inode)->size)) continue;
    std::uint32_t count = 0;
    std::memcpy(&count, entry.data.data(), sizeof count);
    (*inode)->patches = make<FilePatches>(entry.data.subspan(sizeof count, std::size_t{count} * 8));
    if ((*inode)->patches == nullptr) return Fail{Errno::nomem};
  }
  return {};
}

std::uint64_t patched_sites() { return site_count; }

namespace {

// The site at `offset` of the file, which its page at `page_va` may not have yet.
[[gnu::noinline]] void patch_place(Memory& memory, const Vma& area, std::uint64_t page_va, std::uint32_t offset) {
  FilePatches& patches = *patches_of(*area.inode);
  const std::uint64_t index = offset / abi::page_size;
  const PatchedSite* known = patches.site(offset);
  const auto original = area.inode->page(index, false);
  const Vma* stubs = stubs_behind(memory, area, page_va);
  if (!original || stubs == nullptr) return;
  // Only over the file's page, patched or not, never over one of the process's own.
  const std::uint64_t entry = rt::own_entry(page_va);
  const bool patched_here = (entry & pte_patched) != 0;
  const bool files_page = (entry & abi::pte_present) != 0 && (entry & pte_file) != 0 &&
                          (patched_here || (entry & abi::pte_frame_mask) >> base::page_bits == original->frame.raw());
  if (!files_page) return;
  if (known == nullptr) {
    if (!patches.add(offset, original->memory, stubs->start - page_va)) return;
    if (patches.site(offset)->padding == 0) return;
    ++site_count;
  }
  if (patched_here) return;
  if (const auto frame = patched_page(area, index))
    static_cast<void>(memory.space.map(page_va, {*frame, 1}, entry_flags(area) | map_patched_page | abi::map_replace,
                                       own::account));
}

}  // namespace

void patch_site(Memory& memory, std::uint64_t site) {
  const Vma* area = memory.find(site);
  if (area == nullptr || !shows_patches(*area) || patches_of(*area->inode)->retired()) return;
  const std::uint64_t page_va = base::align_down(site, abi::page_size), index = file_index(*area, site);
  if (site % abi::page_size > abi::page_size - syscall_size || index >= base::pages_for(largest_file)) return;
  const auto offset = static_cast<std::uint32_t>(index * abi::page_size + site % abi::page_size);
  const PatchedSite* known = patches_of(*area->inode)->site(offset);
  if (known != nullptr && known->padding == 0) [[likely]] return;
  patch_place(memory, *area, page_va, offset);
}

std::optional<abi::FrameNumber> patched_page(const Vma& area, std::uint64_t index) {
  if (!shows_patches(area)) return std::nullopt;
  const PatchedPage* page = patches_of(*area.inode)->page(index);
  if (page == nullptr) return std::nullopt;
  const std::uint64_t stubs_at = area.start + (index - area.file_page) * abi::page_size + page->distance;
  const Vma* stubs = area.memory->find(stubs_at);
  if (stubs == nullptr || !stubs->stubs || stubs->inode != area.inode || stubs->start != stubs_at) return std::nullopt;
  return frame_of_page(page->memory);
}

std::optional<abi::FrameNumber> stub_page(const Vma& stubs, std::uint64_t index) {
  const std::byte* page = stubs.inode->patches == nullptr ? nullptr : patches_of(*stubs.inode)->stubs(index);
  if (page == nullptr) return std::nullopt;
  return frame_of_page(page);
}

std::uint64_t stub_space(const Inode& inode) {
  return inode.patches != nullptr && !patches_of(inode)->retired() ? stub_bytes : 0;
}

void map_stubs(Memory& memory, InodeRef inode, std::uint64_t start, std::uint64_t file_span) {
  const std::uint64_t at = start + file_span;
  if (stub_space(*inode) == 0 || !is_program_range(at, stub_bytes) || !memory.is_free(at, at + stub_bytes)) return;
  Vma* area = new_area({.start = at, .end = at + stub_bytes, .prot = prot_read | prot_exec, .flags = map_private,
                        .inode = std::move(inode), .memory = &memory, .stubs = true, .serves = start});
  // Without memory the file is not patched here, that is all.
  if (area != nullptr && !memory.areas.insert(memory.index_of(at), area)) delete_area(area);
}

std::uint64_t site_of(Memory& memory, std::uint64_t rip) {
  const Vma* area = memory.find(rip);
  if (area == nullptr || !area->inode || area->inode->patches == nullptr) return rip;
  const FilePatches& patches = *patches_of(*area->inode);
  if (!area->stubs) {
    const std::uint64_t offset = area->file_page * abi::page_size + (rip - area->start);
    const PatchedSite* site = !is_text(*area) || offset > largest_file ? nullptr : patches.site_by_padding(static_cast<std::uint32_t>(offset));
    return site == nullptr ? rip : rip - site->padding + site->offset;
  }
  constexpr std::uint64_t lea_size = 7;
  const std::byte* page = patches.stubs((rip - area->start) / abi::page_size);
  const std::uint64_t stub = base::align_down<std::uint64_t>(rip, stub_size), within = stub % abi::page_size;
  if (page == nullptr || within == 0 || (rip != stub && rip != stub + lea_size)) return rip;
  std::int32_t distance;
  std::memcpy(&distance, page + within + 3, sizeof distance);
  return distance == 0 ? rip : stub + lea_size + static_cast<std::uint64_t>(std::int64_t{distance}) - syscall_size;
}

std::uint64_t own_site_of(Memory& memory, std::uint64_t rip) {
  if (!is_program_range(rip, 1)) return rip;
  const bool shows_file = (rt::own_entry(rip) & (abi::pte_present | pte_file | pte_patched)) == (abi::pte_present | pte_file);
  return shows_file ? rip : site_of(memory, rip);
}

void leave_patched(Memory& memory, std::uint64_t start, std::uint64_t end) {
  bool stepped = false;
  for (std::size_t i = memory.index_of(start); i < memory.areas.size() && memory.areas[i]->start < end; ++i) {
    const Vma& area = *memory.areas[i];
    if (!area.inode || area.inode->patches == nullptr) continue;
    if (!std::exchange(stepped, true)) step_back(memory);
    leave_in_area(memory, area, start, end, is_own(memory));
  }
}

void show_own_text_here(Memory& memory) {
  step_back(memory);
  for (const Vma* area : memory.areas) leave_in_area(memory, *area, 0, abi::map::program_end, true);
}

void show_own_text(Memory& memory) {
  if (std::exchange(memory.unpatched, true)) return;
  pager::Visitor visitor;
  visitor.go(memory.space);
  show_own_text_here(memory);
}

bool step_out(Memory& memory, std::uint64_t& rip) {
  const std::uint64_t site = site_of(memory, rip);
  if (site == rip) return false;
  rip = site;
  show_own_text(memory);
  return true;
}

void retire_patches(Inode& inode) {
  if (patches_of(inode)->retired()) return;
  for (const Vma* area = inode.mappings; area != nullptr; area = area->next_mapping) step_back(*area->memory);
  for (const Vma* area = inode.mappings; area != nullptr; area = area->next_mapping)
    leave_in_area(*area->memory, *area, area->start, area->end, is_own(*area->memory));
  patches_of(inode)->retire();
}

void release_patches(Inode& inode) {
  destroy(patches_of(inode));
  inode.patches = nullptr;
}

}  // namespace exos
