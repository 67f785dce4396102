// SPDX-License-Identifier: MIT
// Page faults of programs. Always of the current space: entries are read in place through the page-table window.
#include "abi/container.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/protection_keys.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {

namespace {

constexpr std::uint64_t error_write = 1 << 1, error_fetch = 1 << 4, error_key = 1 << 5;  // [intel/vol3 4.7]
constexpr std::uint32_t segv_maperr = 1, segv_accerr = 2, segv_pkuerr = 4, bus_adrerr = 0x100 | 2, no_memory = 0x200;
constexpr std::uint64_t around = 16;      // pages of a file that one fault may map
constexpr std::uint32_t longest_run = 16; // pages that a run of anonymous faults may take at once

}  // namespace

// One fault, taken apart. Each step answers whether the program can go on.
class MemoryFault {
 public:
  MemoryFault(Memory& memory, Vma& area, std::uint64_t address, std::uint64_t error, std::uint32_t& code)
      : memory_{memory}, area_{area}, page_{base::align_down(address, abi::page_size)}, write_{(error & error_write) != 0},
        fetch_{(error & error_fetch) != 0}, code_{code} {}

  // Of what the area allows.
  bool resolve() {
    const std::uint64_t entry = rt::own_entry(page_);
    if ((entry & abi::pte_present) != 0) return present(entry);
    if (memory_.swapped.find(page_ / abi::page_size) != nullptr) return from_swap();
    if (area_.userfault != nullptr && is_awaited()) [[unlikely]] return false;
    ++memory_.minor_faults;
    ++memory_.resident;
    if (!area_.inode) return anonymous();
    if (area_.stubs) return stubs();
    return (area_.flags & map_shared) != 0 ? shared_file() : private_file();
  }

 private:
  bool update(std::span<const abi::SpaceOp> ops) {
    if (memory_.space.update(ops)) return true;
    ++memory_failures;
    code_ = no_memory;
    return false;
  }
  [[nodiscard]] std::uint32_t copy_flags() const { return entry_flags(area_.prot) | abi::map_write | abi::map_owned; }   // a copy keeps the key
  [[nodiscard]] std::uint64_t file_index(std::uint64_t va) const {
    return area_.file_page + (va - area_.start) / abi::page_size;
  }

  // The userfaultfd of the area is to give the page, or to say that it may be written to.
  [[nodiscard]] bool is_guarded(bool marked) const {
    return marked && area_.userfault != nullptr && (area_.userfault_modes & userfault::mode_protect) != 0;
  }
  bool ask_userfault(std::uint32_t why) {
    code_ = userfault::is_awaited | why | (write_ ? userfault::fault_write : 0);
    return true;
  }
  bool is_awaited() {
    const std::uint64_t index = area_.inode ? file_index(page_) : 0;
    if (area_.inode && index >= base::pages_for(area_.inode->size)) return false;   // there is no such page
    const bool in_file = area_.inode && area_.inode->has_page(index);
    if ((area_.userfault_modes & (in_file ? userfault::mode_minor : userfault::mode_missing)) == 0) return false;
    return ask_userfault(in_file ? userfault::fault_minor : 0);
  }

  // There is an entry, but it does not allow what was tried, or no longer forbids it.
  bool present(std::uint64_t entry) {
    if (write_ && (entry & abi::pte_write) == 0) {
      if (is_guarded((entry & pte_guarded) != 0)) [[unlikely]] return !ask_userfault(userfault::fault_protect);
      if ((area_.flags & map_shared) != 0) return shared_file();
      ++memory_.minor_faults;
      area_.copied = true;
      if (area_.inode && (entry & pte_patched) != 0) {   // the process's own page is to have the file's bytes
        leave_patched(memory_, page_, page_ + abi::page_size);
        return private_file();
      }
      return update(std::array{rt::copy_op(page_, 1, copy_flags(), own::account.slot())});
    }
    if (fetch_ && (entry & abi::pte_no_execute) != 0) {
      std::uint32_t flags = entry_flags(area_.prot) | kept_flags(entry);
      if ((entry & abi::pte_write) != 0) flags |= abi::map_write;
      return update(std::array{rt::protect_op(page_, 1, flags)});
    }
    return true;
  }

  // The page lies in the swap object. It comes back as one of the process's own, whoever else shares the slot.
  bool from_swap() {
    // Threads on other processors must not see it before it is filled.
    const std::uint64_t place = sched::runs_elsewhere(memory_) ? transit : page_;
    constexpr std::uint32_t filling = abi::map_read | abi::map_write | abi::map_owned;
    if (!update(std::array{rt::map_new_op(place, 1, filling, own::account.slot())})) return false;
    swap::read_back(memory_, page_, reinterpret_cast<void*>(place));
    std::uint32_t flags = entry_flags(area_) | abi::map_owned;
    if (is_guarded(memory_.swapped.find(page_ / abi::page_size)->guarded != 0)) flags |= map_guarded;
    else if ((area_.prot & prot_write) != 0) flags |= abi::map_write;
    if (flags != filling && !update(std::array{rt::protect_op(place, 1, flags)})) return false;
    if (place != page_ && !update(std::array{rt::move_op(page_, place, 1)})) {
      if (!memory_.space.unmap(place, 1)) __builtin_trap();   // it was there a moment ago
      return false;
    }
    swap::drop(memory_, page_, page_ + abi::page_size);
    ++memory_.major_faults;
    ++memory_.resident;
    ++pager::counters_to_change().in;
    return true;
  }
  // Nothing is mapped there and nothing waits to come back.
  [[nodiscard]] bool is_vacant(std::uint64_t va) const {
    return rt::own_entry(va) == 0 && memory_.swapped.find(va / abi::page_size) == nullptr;
  }

  bool anonymous() {
    std::uint64_t pages = 1;
    area_.run = page_ == area_.next_fault ? std::min(area_.run * 2, longest_run) : 1;
    while (pages < area_.run && page_ + pages * abi::page_size < area_.end && is_vacant(page_ + pages * abi::page_size))
      ++pages;
    std::uint32_t flags = entry_flags(area_) | abi::map_owned;
    if ((area_.prot & prot_write) != 0) flags |= abi::map_write;
    if (pages > 1 && memory_.space.map_new(page_, pages, flags, own::account)) {
      area_.next_fault = page_ + pages * abi::page_size;
      memory_.resident += pages - 1;
      return true;
    }
    area_.next_fault = page_ + abi::page_size;
    if (pages > 1 && rt::own_entry(page_) != 0) return true;  // memory became short on the way
    return update(std::array{rt::map_new_op(page_, 1, flags, own::account.slot())});
  }

  // The file's page at `va`; sets the code where there is none.
  Result<FilePage> file_page(std::uint64_t va, bool for_write) {
    const std::uint64_t index = file_index(va);
    if (index >= base::pages_for(area_.inode->size)) return Fail{Errno::io};
    return area_.inode->page(index, for_write);
  }
  static std::uint32_t page_flags(const FilePage& page, std::uint32_t flags) {
    // An owned entry counts: the frame lives until the last one goes, whether that is the file's or a program's.
    return flags | map_file_page | (page.authority == own::account.slot() ? abi::map_owned : 0);
  }
  bool failed(Errno error) {
    code_ = error == Errno::nomem || error == Errno::nospc ? no_memory : bus_adrerr;
    return false;
  }

  bool private_file() {
    const auto page = file_page(page_, false);
    if (!page) return failed(page.error());
    if (write_) {
      area_.copied = true;
      return update(std::array{rt::map_op(page_, page->frame, 1, page_flags(*page, abi::map_read | abi::map_key(area_.key)), page->authority),
                               rt::copy_op(page_, 1, copy_flags(), own::account.slot())});
    }
    if (const auto patched = patched_page(area_, file_index(page_))) {
      return update(std::array{rt::map_op(page_, *patched, 1, entry_flags(area_) | map_patched_page, own::account.slot())});
    }
    return map_around(*page);
  }

  bool stubs() {
    const auto frame = stub_page(area_, (page_ - area_.start) / abi::page_size);
    if (!frame) return failed(Errno::io);   // nothing jumps there
    return update(std::array{rt::map_op(page_, *frame, 1, entry_flags(area_) | abi::map_owned, own::account.slot())});
  }

  // Maps the page and its neighbours as far as their frames follow one another (archive files do).
  bool map_around(const FilePage& page) {
    const std::uint64_t block = base::align_down(page_, around * abi::page_size);
    const auto follows = [&](std::uint64_t va) {
      if (va < area_.start || va >= area_.end || page.authority == own::account.slot()) return false;
      if (!is_vacant(va) || patched_page(area_, file_index(va))) return false;
      const auto other = file_page(va, false);
      return other && other->authority == page.authority &&
             other->frame.raw() + page_ / abi::page_size == page.frame.raw() + va / abi::page_size;
    };
    std::uint64_t first = page_, end = page_ + abi::page_size;
    while (end < block + around * abi::page_size && follows(end)) end += abi::page_size;
    while (first > block && follows(first - abi::page_size)) first -= abi::page_size;
    memory_.resident += (end - first) / abi::page_size - 1;
    return update(std::array{rt::map_op(first, page.frame - (page_ - first) / abi::page_size, (end - first) / abi::page_size,
                                        page_flags(page, entry_flags(area_)), page.authority)});
  }

  bool shared_file() {
    const bool for_write = write_ && (area_.flags & vma_never_write) == 0;
    const auto page = file_page(page_, for_write);
    if (!page) return failed(page.error());
    std::uint32_t flags = page_flags(*page, entry_flags(area_)) | abi::map_replace;
    if (for_write) flags |= abi::map_write;
    return update(std::array{rt::map_op(page_, page->frame, 1, flags, page->authority)});
  }

  Memory& memory_;
  Vma& area_;
  std::uint64_t page_;
  bool write_, fetch_;
  std::uint32_t& code_;
};

namespace {

bool allows(const Vma& area, std::uint64_t error) {
  const std::uint32_t wanted = ((error & error_write) != 0 ? prot_write : 0) | ((error & error_fetch) != 0 ? prot_exec : 0);
  return area.prot != 0 && (area.prot & wanted) == wanted;
}

// 0, or the code of the signal: the key's before all else that would be wrong with it, as on Linux.
std::uint32_t forbids(const Vma& area, std::uint64_t error) {
  if ((error & error_key) != 0) [[unlikely]] return segv_pkuerr;
  if (allows(area, error)) return 0;
  const bool by_key = area.key != 0 && (error & error_fetch) == 0 && keys::forbid(area.key, (error & error_write) != 0);
  return by_key ? segv_pkuerr : segv_accerr;
}

// Where memory is short others make room, and the fault is looked at anew: what it had found may be among what went.
[[gnu::noinline]] bool resolve_with_room(Memory& memory, std::uint64_t address, std::uint64_t error, std::uint32_t& code) {
  constexpr std::uint64_t room = 32;
  constexpr int attempts = 8;
  for (int i = 0; i < attempts; ++i) {
    code = segv_maperr;
    Vma* const area = memory.find(address);
    if (area == nullptr) return false;
    if (const std::uint32_t why = forbids(*area, error); why != 0) {
      code = why;
      return false;
    }
    if (MemoryFault{memory, *area, address, error, code}.resolve()) return true;
    if (code != no_memory || !pager::make_room(room)) return false;
  }
  return false;
}

}  // namespace

bool Memory::fault(std::uint64_t address, std::uint64_t error, std::uint32_t& code) {
  const bool forbidden = holds(found_last_, address) && !allows(*areas[found_last_], error) && areas[found_last_]->key == 0;
  if (!forbidden) [[likely]] return resolve_with_room(*this, address, error, code);
  code = segv_accerr;   // as programs have it that look after their pages themselves: quickly
  return false;
}

Status Memory::populate(std::uint64_t start, std::uint64_t end) {
  for (std::uint64_t va = start; va < end; va += abi::page_size) {
    Vma* area = find(va);
    if (area == nullptr) return Fail{Errno::nomem};
    area->untouched_count = true;
    const std::uint64_t write = (area->prot & prot_write) != 0 ? error_write : 0;
    std::uint32_t code = 0;
    while (area->prot != 0 && !fault(va, write, code)) {
      if ((code & userfault::is_awaited) == 0) return Fail{Errno::again};
      if (!userfault::await_page(*this, va, code, userfault::By::library)) return Fail{Errno::fault};
      area = find(va);
      if (area == nullptr) return Fail{Errno::nomem};
    }
  }
  return {};
}

}  // namespace exos
