// SPDX-License-Identifier: MIT
// The short ways of what is asked most often: protect pages of one page table, unmap one page, map a fresh one. They look at
// all that the general way (space_update.cpp) looks at, but where anything is out of the ordinary, an error included, they
// answer false and leave it to that way. `Sink` takes what is to be forgotten: PendingFlush, or FlushNow for a single
// operation.
#pragma once

#include "kernel/core/lookup.hpp"
#include "kernel/core/space_update.hpp"
#include "kernel/core/translations.hpp"

namespace aegis {

class FlushNow {
 public:
  FlushNow(Kernel& k, Space& space) : k_{k}, space_{space} {}
  [[gnu::always_inline]] void changed(std::uint64_t first, std::uint64_t last) { forget_pages(k_, space_, first, last + abi::page_size); }
  // Of a small page.
  [[gnu::always_inline]] void removed(std::uint64_t entry, std::uint64_t va) {
    changed(va, va);
    const FrameNumber frame = pte_frame(entry);
    FrameInfo& info = k_.frames[frame];
    if (k_.frames.note_unmapped(info) || (entry & abi::pte_owned) == 0 || (info.pins | info.refs) != 0) return;
    if (info.owner != k_.frames[frame_index(&space_)].owner) return;
    if (info.use != FrameUse::plain || is_condemned(info) || k_.open_requests != 0) [[unlikely]] return release_frame(k_, frame);
    object_at<Account>(info.owner).free_plain(k_, frame);
  }

 private:
  Kernel& k_;
  Space& space_;
};

namespace quick {

// The level-1 table for `va`, an address in user space, in a slot of the space's own; nullptr: ask the general way.
[[gnu::noinline]] inline std::uint64_t* walk_to_leaf(Space& space, std::uint64_t va) {
  if (space.source[va / abi::slot_size] != 0) return nullptr;
  std::uint64_t* table = space.top_table();
  for (std::uint32_t level = 4; level > 1; --level) {
    const std::uint64_t entry = table[entry_index(va, level)];
    if ((entry & (abi::pte_present | abi::pte_large)) != abi::pte_present) [[unlikely]] return nullptr;
    table = table_at(entry);
  }
  space.last_leaf = table;
  space.last_leaf_at = va / entry_span(2);
  return table;
}
// The one that was found last stays right until a table goes (PendingFlush::table_gone).
[[gnu::always_inline]] inline std::uint64_t* leaf_table(Space& space, std::uint64_t va) {
  return va / entry_span(2) == space.last_leaf_at ? space.last_leaf : walk_to_leaf(space, va);
}

inline constexpr std::uint64_t rights_bits = abi::pte_write | abi::pte_no_execute | abi::pte_keys;   // that translations remember
inline constexpr std::uint64_t permission_bits = rights_bits | abi::pte_soft0 | abi::pte_soft1;

// What protecting asks of an entry and does to it.
struct Protection {
  std::uint64_t needed = 0, mask = 0, bits = 0;
  constexpr Protection() = default;
  explicit constexpr Protection(std::uint32_t flags)
      : needed{abi::pte_present | ((flags & abi::map_write) != 0 ? abi::pte_may_write : 0) |
               ((flags & abi::map_execute) != 0 ? abi::pte_may_execute : 0) |
               ((flags & abi::map_owned) != 0 ? abi::pte_owned : 0)},
        mask{permission_bits | ((flags & abi::map_owned) != 0 ? 0 : abi::pte_owned)},
        bits{pte_permissions(flags)} {}
};
// By the flags that protect can have, but for the key.
inline constexpr std::array<Protection, page_flags + 1> protections = [] {
  std::array<Protection, page_flags + 1> all;
  for (std::uint32_t flags = 0; flags < all.size(); ++flags) all[flags] = Protection{flags};
  return all;
}();

[[nodiscard]] constexpr Protection protection(std::uint64_t flags) {
  Protection to = protections[flags & page_flags];
  to.bits |= key_bits(flags);
  return to;
}
// Flags of a small page: readable, and with a key only where the processor has keys.
[[nodiscard]] inline bool is_form(const Kernel& k, std::uint64_t flags) { return ((flags ^ abi::map_read) & k.flags_astray) == 0; }

// Protects entries [at, end) until one lacks a right, and returns that or `end`. Nothing is written where nothing changes;
// `first` and `last` say between which entries translations have changed (first null: none).
[[gnu::always_inline]] inline std::uint64_t* protect_run(const Protection& to, std::uint64_t* at, std::uint64_t* end,
                                                         std::uint64_t*& first, std::uint64_t*& last) {
  const std::uint64_t needed = to.needed, kept = ~to.mask, bits = to.bits;
  std::uint64_t changes = 0;
  for (; at != end; ++at) {
    const std::atomic_ref cell{*at};
    std::uint64_t seen = cell.load(std::memory_order_relaxed);
    if ((seen & needed) != needed) [[unlikely]] {
      if (is_present(seen)) break;
      continue;
    }
    std::uint64_t value = (seen & kept) | bits;
    if (value == seen) continue;
    // The kernel lock is held: only the processor changes the entry meanwhile, and only accessed and dirty bits.
    while (!cell.compare_exchange_strong(seen, value, std::memory_order_seq_cst)) [[unlikely]] value = (seen & kept) | bits;
    changes |= seen ^ value;
    if (first == nullptr) first = at;
    last = at;
  }
  if ((changes & rights_bits) == 0) first = nullptr;
  return at;
}

// Page-aligned, and below user_end.
[[nodiscard]] constexpr bool is_page(std::uint64_t va) { return va < abi::user_end && (va & (abi::page_size - 1)) == 0; }

template <typename Sink>
[[gnu::always_inline]] inline bool protect_one(Space&, std::uint64_t& entry, std::uint64_t va, const Protection& to, Sink& sink) {
  const std::atomic_ref cell{entry};
  std::uint64_t seen = cell.load(std::memory_order_relaxed);
  if ((seen & to.needed) != to.needed) return !is_present(seen);
  std::uint64_t value = (seen & ~to.mask) | to.bits;
  if (value == seen) return true;
  while (!cell.compare_exchange_strong(seen, value, std::memory_order_seq_cst)) [[unlikely]] value = (seen & ~to.mask) | to.bits;
  if (((seen ^ value) & rights_bits) != 0) sink.changed(va, va);
  return true;
}

// `authority` and `frame` of an operation that has no use for them are 0.
template <typename Sink>
[[gnu::always_inline]] inline bool protect(Kernel& k, Space& space, std::uint64_t va, std::uint64_t pages, std::uint64_t flags, Sink& sink) {
  const std::uint64_t index = entry_index(va, 1);
  if (!is_form(k, flags) || !is_page(va) || pages - 1 >= table_entries - index) [[unlikely]] return false;
  std::uint64_t* table = leaf_table(space, va);
  if (table == nullptr) [[unlikely]] return false;
  if (pages == 1) return protect_one(space, table[index], va, protection(flags), sink);
  std::uint64_t *first = nullptr, *last = nullptr, *const begin = table + index, *const end = begin + pages;
  const std::uint64_t* stopped = protect_run(protection(flags), begin, end, first, last);
  const auto address_of = [&](const std::uint64_t* entry) {
    return va + static_cast<std::uint64_t>(entry - begin) * abi::page_size;
  };
  if (first != nullptr) sink.changed(address_of(first), address_of(last));
  return stopped == end;
}

template <typename Sink>
[[gnu::always_inline]] inline bool unmap(Kernel& k, Space& space, std::uint64_t va, Sink& sink) {
  if (!is_page(va)) return false;
  std::uint64_t* table = leaf_table(space, va);
  if (table == nullptr) return false;
  std::uint64_t& entry = table[entry_index(va, 1)];
  if (is_present(entry)) sink.removed(clear_entry(k, entry), va);
  return true;
}

// Whoever may map frames of the account, and take them; nullptr where an error is to be told.
[[nodiscard]] inline Account* payer(Kernel& k, Table& table, std::uint64_t number) {
  constexpr auto wanted = static_cast<std::uint16_t>(abi::AccountRight::frames) | static_cast<std::uint16_t>(abi::AccountRight::allocate);
  const auto slot = table.at(abi::CapSlot{static_cast<std::uint32_t>(number)});
  if (!slot.has_value()) return nullptr;
  const Slot& s = **slot;
  if (s.kind != Kind::account || (s.rights & wanted) != wanted || !k.frames.is_live(s.object, FrameUse::account)) return nullptr;
  return &object_at<Account>(s.object.frame);
}

// A fresh page, wherever it comes from.
[[gnu::always_inline]] inline bool map_new(Kernel& k, Table& table, Space& space, std::uint64_t va, std::uint64_t flags,
                                           std::uint64_t authority) {
  if (!is_form(k, flags) || !is_page(va)) return false;
  Account* account = payer(k, table, authority);
  if (account == nullptr) return false;
  const bool owned = (flags & abi::map_owned) != 0;
  const std::uint32_t payer_of_space = k.frames[frame_index(&space)].owner;
  if (owned && frame_index(account) != payer_of_space) return false;
  std::uint64_t* leaf = leaf_table(space, va);
  if (leaf == nullptr) return false;
  std::uint64_t& entry = leaf[entry_index(va, 1)];
  if (is_present(entry) || account->room() == 0 || k.frames.free_count() == 0) return false;
  // point of no return
  const FrameNumber frame = account->allocate_plain(k);
  k.frames.note_mapped(frame, payer_of_space);
  constexpr std::uint64_t always = abi::pte_present | abi::pte_user | abi::pte_may_write | abi::pte_may_execute;
  fill_entry(k, entry, frame.raw() << abi::page_bits | always | protection(flags).bits | (owned ? abi::pte_owned : 0));
  return true;
}

}  // namespace quick

// What page_update has in its registers, or a SpaceOp: false when it has to be done, and perhaps refused, the general way.
// With `sink` changes of one call can be gathered.
template <typename Sink>
[[gnu::always_inline]] inline bool quick_update(Kernel& k, Table& table, Space& space, const abi::SpaceOp& op, Sink& sink) {
  if (op.reserved != 0) return false;
  const bool bare = op.authority == abi::no_slot && op.frame == 0;
  switch (op.verb) {
    case abi::SpaceVerb::protect: return bare && quick::protect(k, space, op.address, op.pages, op.flags, sink);
    case abi::SpaceVerb::unmap: return bare && op.pages == 1 && op.flags == 0 && quick::unmap(k, space, op.address, sink);
    case abi::SpaceVerb::map_new:
      return op.pages == 1 && op.frame == abi::any_frame.raw() &&
             quick::map_new(k, table, space, op.address, op.flags, op.authority.raw());
    default: return false;
  }
}

}  // namespace aegis
