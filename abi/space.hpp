// SPDX-License-Identifier: MIT
// Changes to address spaces, and how page-table entries look to the library OS that reads them in place.
#pragma once

#include "abi/types.hpp"

namespace abi {

enum class SpaceVerb : std::uint32_t {
  map = 1,       // map frames [frame, frame+pages) under `authority` (an account that owns them, or a frames capability)
  map_new = 2,   // allocate zeroed frames from the account `authority` and map them; `frame` names the first, or any_frame
  unmap = 3,     // forget the mappings; a frame whose entry has map_owned is freed when that was its last mapping
  protect = 4,   // give present entries the new `flags` (never more than the frame's owner or capability allowed: see below)
  copy = 5,      // copy-on-write: each page gets a private copy in a new frame (`frame` or any) of account `authority`,
                 // mapped with `flags`; a frame that this entry alone maps and the account owns is kept, not copied
  clone = 6,     // copy the present entries of space `authority` at the same addresses; `flags` & map_write == 0 takes the
                 // write right away on both sides; entries already present here are an error (occupied)
  split = 8,     // turn 2 MiB mappings into 512 small ones each, so that parts can be changed
  move = 7,      // move entries from `frame` (here: a virtual address) to `address`; ranges must not overlap
};

// Flags of a mapping. `map_owned` and `map_soft*` live in bits that the hardware ignores: the first is honoured by the
// kernel as said above, the others are the library's own.
inline constexpr std::uint32_t map_read = 1u << 0;     // always there in a present entry
inline constexpr std::uint32_t map_write = 1u << 1;
inline constexpr std::uint32_t map_execute = 1u << 2;
inline constexpr std::uint32_t map_owned = 1u << 3;    // only for frames of the space's own account
inline constexpr std::uint32_t map_soft0 = 1u << 4;
inline constexpr std::uint32_t map_soft1 = 1u << 5;
inline constexpr std::uint32_t map_replace = 1u << 8;  // map, map_new: what is mapped there is unmapped first
inline constexpr std::uint32_t map_large = 1u << 9;    // map, map_new: 2 MiB pages; `address`, `frame` and `pages` are multiples of 512 pages
// A protection key, 0..15, in bits 10..13: what may be done with pages of a key is said by each env's own register PKRU [intel/vol3 4.6.2].
// Of map, map_new and protect; copy, clone, move and split keep the key that an entry has. Keys other than 0 are bad_argument where the
// processor has none (cpu_pku in the information page). They forbid, never allow, and the calls that read or write memory of their
// caller go by them too: bad_address.
inline constexpr std::uint32_t map_key_shift = 10, map_keys = 0xfu << map_key_shift;
[[nodiscard]] constexpr std::uint32_t map_key(std::uint32_t key) { return key << map_key_shift & map_keys; }
inline constexpr std::uint32_t map_all_flags = 0x33f | map_keys;

// `pages` counts 4 KiB pages, in large mappings too, and each of the 512 frames counts the mapping in its `maps`. unmap and
// protect of a part of a large page, copy, move and clone of one, map with map_replace over a part: wrong_state; `split` it
// first (which takes a page table). A large mapping over small ones: occupied, or with map_replace in their place.

// A mapping made under a frames capability without the write right can never be made writable by `protect`: the kernel
// keeps the ceiling in the entry (pte_may_write, pte_may_execute). Likewise `protect` can keep map_owned or give it up, not
// add it: `map` under the account can.

struct SpaceOp {
  SpaceVerb verb;
  std::uint32_t flags;       // map_*
  CapSlot authority;         // see the verbs; no_slot for unmap, protect, move
  std::uint32_t reserved;    // 0
  std::uint64_t address;     // first page, page-aligned
  std::uint64_t pages;       // at least 1
  std::uint64_t frame;       // see the verbs; 0 where the verb has no use for it
};
static_assert(sizeof(SpaceOp) == 40);

// space_update handles at most this many pages a call, of new and copied ones an eighth; what is left is done by calling again
// (see SpaceProgress). A 2 MiB page counts as 512, a new one too.
inline constexpr std::uint64_t space_update_budget = 1024;
inline constexpr std::uint64_t space_update_max_ops = 64;

// What space_update returns in its value, on success and on error alike: how far it came.
struct SpaceProgress {
  std::uint32_t ops;    // operations wholly done
  std::uint32_t pages;  // pages done of the next one
  [[nodiscard]] static constexpr SpaceProgress unpack(std::uint64_t raw) {
    return {static_cast<std::uint32_t>(raw), static_cast<std::uint32_t>(raw >> 32)};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const { return std::uint64_t{pages} << 32 | ops; }
};

// Entries as the processor has them. [intel/vol3 4.5]
inline constexpr std::uint64_t pte_present = 1ull << 0, pte_write = 1ull << 1, pte_user = 1ull << 2,
                               pte_accessed = 1ull << 5, pte_dirty = 1ull << 6, pte_large = 1ull << 7,
                               pte_owned = 1ull << 9, pte_soft0 = 1ull << 10, pte_soft1 = 1ull << 11,
                               pte_may_write = 1ull << 52, pte_may_execute = 1ull << 53, pte_no_execute = 1ull << 63;
inline constexpr std::uint64_t pte_frame_mask = 0x000f'ffff'ffff'f000;
inline constexpr std::uint32_t pte_key_shift = 59;
inline constexpr std::uint64_t pte_keys = 0xfull << pte_key_shift;
[[nodiscard]] constexpr std::uint32_t pte_key(std::uint64_t entry) { return static_cast<std::uint32_t>((entry & pte_keys) >> pte_key_shift); }

// The page-table window: every space sees its own tables here, read-only (a recursive entry in slot 256).
inline constexpr std::uint64_t window_slot = 256;
inline constexpr std::uint64_t window_base = 0xffff'8000'0000'0000;
[[nodiscard]] constexpr std::uint64_t pte_window(std::uint64_t va) { return window_base + ((va >> 9) & 0x7f'ffff'fff8); }
[[nodiscard]] constexpr std::uint64_t pde_window(std::uint64_t va) { return pte_window(pte_window(va) & 0xffff'ffff'ffff); }
[[nodiscard]] constexpr std::uint64_t pdpte_window(std::uint64_t va) { return pte_window(pde_window(va) & 0xffff'ffff'ffff); }
[[nodiscard]] constexpr std::uint64_t pml4e_window(std::uint64_t va) { return pte_window(pdpte_window(va) & 0xffff'ffff'ffff); }
static_assert(pml4e_window(0) == 0xffff'8040'2010'0000);

inline constexpr std::uint64_t slot_size = 1ull << 39;  // 512 GiB: what space_link shares at a time
inline constexpr std::uint64_t user_slots = 256;

}  // namespace abi
