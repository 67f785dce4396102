// SPDX-License-Identifier: MIT
#include "libos/exos/memory_visit.hpp"

#include "libos/exos/memory_internal.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/userfault.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {
namespace {

constexpr std::uint64_t fault_write = 2, fault_user = 4;

// Makes a page of the space that the env is in present, so that what follows does not fault: nothing runs in between. False:
// `code` says why.
bool ready(Memory& memory, std::uint64_t page, bool writes, std::uint32_t& code) {
  const Vma* area = memory.find(page);
  if (area == nullptr || (area->prot & (writes ? prot_write : prot_read)) == 0) return false;
  const std::uint64_t entry = rt::own_entry(page);
  if ((entry & abi::pte_present) != 0 && (!writes || (entry & abi::pte_write) != 0)) return true;
  return memory.fault(page, fault_user | (writes ? fault_write : 0), code);
}

// Calls move(address, done, n, code) for each page of the range, with the env in that space; false: `code` says why.
template <typename Move>
Status visit(Memory& memory, std::uint64_t address, std::size_t size, Move move) {
  if (!is_program_range(address, size)) return Fail{Errno::fault};
  const Ref<Memory> kept{&memory};   // its process may end while a page is awaited
  pager::Visitor visitor;
  visitor.go(memory.space);
  for (std::size_t done = 0; done < size;) {
    const std::uint64_t at = address + done, page = base::align_down(at, abi::page_size);
    const std::size_t n = std::min<std::size_t>(size - done, page + abi::page_size - at);
    std::uint32_t code = 0;
    if (!move(at, done, n, code)) {
      visitor.go_home();
      if ((code & userfault::is_awaited) == 0 || !userfault::await_page(memory, page, code, userfault::By::library)) return Fail{Errno::fault};
      visitor.go(memory.space);
      continue;
    }
    done += n;
  }
  return {};
}

// The page as its file has it: its memory is not, if `syscall` sites are patched there (patch.cpp). Null: the file cannot be read.
const std::byte* unpatched_page(Memory& memory, std::uint64_t page) {
  if ((rt::own_entry(page) & pte_patched) == 0) [[likely]] return reinterpret_cast<const std::byte*>(page);
  const Vma& area = *memory.find(page);
  const auto original = area.inode->page(area.file_page + (page - area.start) / abi::page_size, false);
  return original ? original->memory : nullptr;
}

// The process may not write the page, which becomes its own. As long as it is written to, it cannot be executed.
bool poke_page(Memory& memory, std::uint64_t page, std::uint64_t at, const std::byte* from, std::size_t n, std::uint32_t& code) {
  Vma* area = memory.find(page);
  if (area == nullptr || area->stubs || area->prot == 0 || (area->flags & map_shared) != 0) return false;
  if ((rt::own_entry(page) & pte_patched) != 0) show_own_text_here(memory);
  const std::uint32_t prot = std::exchange(area->prot, prot_read | prot_write);
  const bool own = ready(memory, page, true, code);
  area->prot = prot;
  if (own) std::memcpy(reinterpret_cast<void*>(at), from, n);
  const std::uint64_t entry = rt::own_entry(page);
  if ((entry & abi::pte_present) == 0) return own;
  return memory.space.protect(page, 1, entry_flags(prot) | kept_flags(entry)) && own;
}

}  // namespace

std::uint64_t Memory::reach(std::uint64_t start, std::uint64_t size, std::uint32_t prot) {
  std::uint64_t at = start;
  for (const Vma* area; at - start < size && (area = find(at)) != nullptr && (area->prot & prot) == prot;) at = area->end;
  return std::min(at - start, size);
}

Status read_memory(Memory& memory, void* library, std::uint64_t from, std::size_t size) {
  return visit(memory, from, size, [&](std::uint64_t at, std::size_t done, std::size_t n, std::uint32_t& code) {
    const std::uint64_t page = base::align_down(at, abi::page_size);
    if (!ready(memory, page, false, code)) return false;
    const std::byte* contents = unpatched_page(memory, page);
    if (contents == nullptr) return false;
    std::memcpy(static_cast<std::byte*>(library) + done, contents + (at - page), n);
    return true;
  });
}

Status write_memory(Memory& memory, std::uint64_t to, const void* library, std::size_t size) {
  return visit(memory, to, size, [&](std::uint64_t at, std::size_t done, std::size_t n, std::uint32_t& code) {
    if (!ready(memory, base::align_down(at, abi::page_size), true, code)) return false;
    std::memcpy(reinterpret_cast<void*>(at), static_cast<const std::byte*>(library) + done, n);
    return true;
  });
}

Status poke_memory(Memory& memory, std::uint64_t to, const void* library, std::size_t size) {
  return visit(memory, to, size, [&](std::uint64_t at, std::size_t done, std::size_t n, std::uint32_t& code) {
    const std::uint64_t page = base::align_down(at, abi::page_size);
    const std::byte* from = static_cast<const std::byte*>(library) + done;
    if (ready(memory, page, true, code)) {
      std::memcpy(reinterpret_cast<void*>(at), from, n);
      return true;
    }
    return (code & userfault::is_awaited) == 0 && poke_page(memory, page, at, from, n, code);
  });
}

}  // namespace exos
