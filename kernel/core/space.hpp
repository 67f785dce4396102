// SPDX-License-Identifier: MIT
// Address spaces: a frame of bookkeeping and a top-level table, both the creator's account's; page tables are charged
// to the same account as they come. User space is slots 0..255; a slot is either the space's own or a view of
// another's. Invariants: `maps` of a table's frame counts its entries in use, of a plain frame the entries that map it;
// a linked slot's entry equals its source's, whose level-3 table stays as long as anybody sees it.
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/core/flush.hpp"
#include "kernel/core/page_entry.hpp"

namespace aegis {

struct Space {
  std::uint32_t top = 0;                     // frame of the top-level table
  std::uint32_t envs = 0;
  std::uint32_t viewed = 0;                  // slots of this space that others see, each as often as it is seen
  std::uint32_t links = 0;                   // slots that are views of others
  bool dying = false;
  std::uint32_t view_at = 0;                 // where destroy looks for views of it
  std::uint64_t walk_at = 0;                 // where trim is
  std::uint64_t trim_start = 0, trim_end = 0;
  std::uint64_t* last_leaf = nullptr;        // a level-1 table of its own ...
  std::uint64_t last_leaf_at = ~std::uint64_t{0};  // ... and for which 2 MiB; see quick_update.hpp
  // See translations.hpp. A bit per processor:
  std::uint64_t active = 0;                  // an env runs in it there
  std::uint64_t stale = 0;                   // what is remembered of it there is out of date
  std::array<std::uint8_t, abi::max_cpus> tags{};  // the processor's tag that stood for it last
  std::array<std::uint32_t, abi::user_slots> source{};   // space that the slot is a view of; 0: none
  std::array<std::uint32_t, abi::user_slots> viewers{};  // how many see the slot

  [[nodiscard]] static Result<Space*> create(Kernel& k, Account& payer, FrameNumber where);
  // busy while it holds envs; views of it in other spaces are unlinked; `again` until all is gone.
  [[nodiscard]] Status destroy(Kernel& k, std::uint64_t& budget);
  // The first thing that destroy does: nothing new can be done with it.
  void begin_end();
  [[nodiscard]] Status link(Kernel& k, std::uint32_t slot, Space& from);
  [[nodiscard]] Status unlink(Kernel& k, std::uint32_t slot);
  [[nodiscard]] Status trim(Kernel& k, std::uint64_t start, std::uint64_t end, std::uint64_t& budget);

  [[nodiscard]] Account& account(Kernel& k);
  [[nodiscard]] std::uint64_t* top_table() const {
    return reinterpret_cast<std::uint64_t*>(arch::frame_memory(FrameNumber{top}));
  }

  // What lies at `va`: the level-1 table there, or the entry of a large page, or nothing, as far as `end`. wrong_state in
  // a linked slot.
  struct Region {
    std::uint64_t* entries;
    std::uint64_t end;
    std::uint64_t* large = nullptr;
  };
  [[nodiscard]] Result<Region> region_at(Kernel& k, std::uint64_t va);
  // The table of `lowest` level for `va`, made if need be; no table is made when not all of them can be. occupied where a
  // large page lies.
  [[nodiscard]] Result<std::uint64_t*> make_tables(Kernel& k, std::uint64_t va, std::uint32_t lowest = 1);
  // Turns a large page's entry into a table of small ones.
  [[nodiscard]] Status split(Kernel& k, std::uint64_t& large);

 private:
  void add_table(Kernel& k, std::uint64_t& entry, std::uint32_t level);
  [[nodiscard]] Status leave_processors(Kernel& k);
  [[nodiscard]] Status unlink_views(Kernel& k, std::uint64_t& budget);
  [[nodiscard]] Status empty_table(Kernel& k, std::uint64_t* table, std::uint32_t level, PendingFlush& pending,
                                   std::uint64_t& budget);
  [[nodiscard]] Status empty_leaf(Kernel& k, std::uint64_t* table, PendingFlush& pending, std::uint64_t& budget);
  void release_tables(Kernel& k, std::uint64_t va, std::uint64_t next, PendingFlush& pending);
};
static_assert(sizeof(Space) <= abi::page_size);

}  // namespace aegis
