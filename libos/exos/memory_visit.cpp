// SPDX-License-Identifier: MIT
#include "libos/exos/memory_visit.hpp"

#include "libos/exos/memory_internal.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {
namespace {

constexpr std::uint64_t fault_write = 2, fault_user = 4;

// Makes a page of the space that the env is in present, so that what follows does not fault: nothing runs in between.
bool ready(Memory& memory, std::uint64_t page, bool writes) {
  const Vma* area = memory.find(page);
  if (area == nullptr || (area->prot & (writes ? prot_write : prot_read)) == 0) return false;
  const std::uint64_t entry = rt::own_entry(page);
  if ((entry & abi::pte_present) != 0 && (!writes || (entry & abi::pte_write) != 0)) return true;
  std::uint32_t code = 0;
  return memory.fault(page, fault_user | (writes ? fault_write : 0), code);
}

template <typename Move>
Status visit(Memory& memory, std::uint64_t address, std::size_t size, bool writes, Move move) {
  if (!is_program_range(address, size)) return Fail{Errno::fault};
  pager::Visitor visitor;
  visitor.go(memory.space);
  for (std::size_t done = 0; done < size;) {
    const std::uint64_t at = address + done, page = base::align_down(at, abi::page_size);
    const std::size_t n = std::min<std::size_t>(size - done, page + abi::page_size - at);
    if (!ready(memory, page, writes)) return Fail{Errno::fault};
    move(at, done, n);
    done += n;
  }
  return {};
}

}  // namespace

std::uint64_t Memory::reach(std::uint64_t start, std::uint64_t size, std::uint32_t prot) {
  std::uint64_t at = start;
  for (const Vma* area; at - start < size && (area = find(at)) != nullptr && (area->prot & prot) == prot;) at = area->end;
  return std::min(at - start, size);
}

Status read_memory(Memory& memory, void* library, std::uint64_t from, std::size_t size) {
  return visit(memory, from, size, false, [&](std::uint64_t at, std::size_t done, std::size_t n) {
    std::memcpy(static_cast<std::byte*>(library) + done, reinterpret_cast<const void*>(at), n);
  });
}

Status write_memory(Memory& memory, std::uint64_t to, const void* library, std::size_t size) {
  return visit(memory, to, size, true, [&](std::uint64_t at, std::size_t done, std::size_t n) {
    std::memcpy(reinterpret_cast<void*>(at), static_cast<const std::byte*>(library) + done, n);
  });
}

}  // namespace exos
