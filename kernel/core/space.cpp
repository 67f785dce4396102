// SPDX-License-Identifier: MIT
#include "kernel/core/space.hpp"

#include "kernel/core/cpu.hpp"
#include "kernel/core/sweep.hpp"
#include "kernel/core/translations.hpp"

namespace aegis {
namespace {

constexpr std::uint32_t top_level = 4;
constexpr std::uint64_t large_steps = 128;  // what forgetting a large page costs
constexpr std::uint64_t user_space_end = abi::user_slots * abi::slot_size;

std::uint32_t slot_of(std::uint64_t va) { return static_cast<std::uint32_t>(va / abi::slot_size); }

}  // namespace

Account& Space::account(Kernel& k) { return object_at<Account>(k.frames[frame_index(this)].owner); }

Result<Space*> Space::create(Kernel& k, Account& payer, FrameNumber where) {
  constexpr std::uint64_t frames_needed = 2;
  if (payer.room_for_objects() < frames_needed) return fail(Error::over_limit);
  if (k.frames.free_count() < frames_needed) return fail(Error::no_frame);
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::space));
  // point of no return: the second one may be any, and there is one
  const auto top = payer.allocate(k, abi::any_frame, FrameUse::page_table);
  AEGIS_ASSERT(top.has_value());
  auto* space = new (arch::frame_memory(frame)) Space{.top = static_cast<std::uint32_t>(top->raw())};
  k.frames[*top].level = top_level;
  k.frames[*top].aux = frame_index(space);
  arch::prepare_top_table(*top);
  return space;
}

Result<Space::Region> Space::region_at(Kernel& k, std::uint64_t va) {
  if (source[slot_of(va)] != 0) return fail(Error::wrong_state);
  std::uint64_t* table = top_table();
  for (std::uint32_t level = top_level; level > 1; --level) {
    std::uint64_t& entry = table[entry_index(va, level)];
    if (!is_present(entry)) return Region{nullptr, next_entry(va, level)};
    if (level == 2 && is_large(entry)) return Region{nullptr, next_entry(va, level), &entry};
    table = table_at(entry);
  }
  if (k.frames[arch::frame_of(table)].maps == 0) return Region{nullptr, next_entry(va, 2)};
  return Region{table, next_entry(va, 2)};
}

// A new table of `level` behind an empty entry of the level above. The caller knows that there is a frame.
void Space::add_table(Kernel& k, std::uint64_t& entry, std::uint32_t level) {
  const auto frame = account(k).allocate(k, abi::any_frame, FrameUse::page_table);
  AEGIS_ASSERT(frame.has_value());
  k.frames[*frame].level = static_cast<std::uint8_t>(level);
  k.frames[*frame].aux = frame_index(this);
  fill_entry(k, entry, frame->raw() << abi::page_bits | pte_table);
}

Result<std::uint64_t*> Space::make_tables(Kernel& k, std::uint64_t va, std::uint32_t lowest) {
  if (source[slot_of(va)] != 0) return fail(Error::wrong_state);
  std::uint64_t* table = top_table();
  std::uint32_t level = top_level;
  for (; level > lowest; --level) {
    const std::uint64_t entry = table[entry_index(va, level)];
    if (!is_present(entry)) break;
    if (level == 2 && is_large(entry)) return fail(Error::occupied);
    table = table_at(entry);
  }
  if (level == lowest) return table;
  const std::uint64_t missing = level - lowest;
  if (account(k).room_for_objects() < missing) return fail(Error::over_limit);
  if (k.frames.free_count() < missing) return fail(Error::no_frame);
  // point of no return
  for (; level > lowest; --level) {
    std::uint64_t& entry = table[entry_index(va, level)];
    add_table(k, entry, level - 1);
    table = table_at(entry);
  }
  return table;
}

Status Space::split(Kernel& k, std::uint64_t& large) {
  const FrameNumber frame = TRY(account(k).allocate(k, abi::any_frame, FrameUse::page_table, Contents::overwritten));
  // point of no return
  k.frames[frame].level = 1;
  k.frames[frame].aux = frame_index(this);
  k.frames[frame].maps = table_entries;
  auto* small = reinterpret_cast<std::uint64_t*>(arch::frame_memory(frame));
  const std::uint64_t first = std::atomic_ref{large}.load(std::memory_order_relaxed) & ~abi::pte_large;
  for (std::uint64_t i = 0; i < table_entries; ++i) small[i] = first + (i << abi::page_bits);
  const std::uint64_t old = arch::exchange_entry(&large, frame.raw() << abi::page_bits | pte_table);
  // Bits that the processor set since, it set for all of them.
  const std::uint64_t late = old & pte_changed_by_cpu & ~first;
  for (std::uint64_t i = 0; i < table_entries && late != 0; ++i)
    std::atomic_ref{small[i]}.fetch_or(late, std::memory_order_relaxed);
  return {};
}

Status Space::link(Kernel& k, std::uint32_t slot, Space& from) {
  if (&from == this || slot >= abi::user_slots) return fail(Error::bad_argument);
  std::uint64_t& entry = top_table()[slot];
  if (is_present(entry)) return fail(Error::occupied);
  if (from.source[slot] != 0) return fail(Error::wrong_state);
  std::uint64_t& original = from.top_table()[slot];
  if (!is_present(original)) {
    if (from.account(k).room_for_objects() == 0) return fail(Error::over_limit);
    if (k.frames.free_count() == 0) return fail(Error::no_frame);
  }
  // point of no return
  if (!is_present(original)) from.add_table(k, original, top_level - 1);
  fill_entry(k, entry, original & ~pte_changed_by_cpu);
  source[slot] = frame_index(&from);
  ++links;
  ++from.viewers[slot];
  ++from.viewed;
  return {};
}

Status Space::unlink(Kernel& k, std::uint32_t slot) {
  if (slot >= abi::user_slots) return fail(Error::bad_argument);
  if (source[slot] == 0) return fail(Error::wrong_state);
  auto& from = object_at<Space>(source[slot]);
  // point of no return
  (void)clear_entry(k, top_table()[slot]);
  {
    PendingFlush pending{k, *this};
    pending.everything();
  }
  source[slot] = 0;
  --links;
  --from.viewers[slot];
  --from.viewed;
  return {};
}

// Frees the tables above the level-1 table at `va` that are empty, as far as the walk leaves them for `next`.
void Space::release_tables(Kernel& k, std::uint64_t va, std::uint64_t next, PendingFlush& pending) {
  std::array<std::uint64_t*, top_level + 1> path{};  // [level]: the table of that level
  path[top_level] = top_table();
  std::uint32_t lowest = top_level;
  while (lowest > 1) {
    const std::uint64_t entry = path[lowest][entry_index(va, lowest)];
    if (!is_present(entry) || (lowest == 2 && is_large(entry))) break;
    path[--lowest] = table_at(entry);
  }
  for (std::uint32_t level = lowest; level < top_level; ++level) {
    const bool leaves = next / entry_span(level + 1) != va / entry_span(level + 1);
    const FrameNumber table = arch::frame_of(path[level]);
    if (!leaves || k.frames[table].maps != 0) return;
    if (level == top_level - 1 && viewers[slot_of(va)] != 0) return;
    (void)clear_entry(k, path[level + 1][entry_index(va, level + 1)]);
    pending.everything();
    pending.table_gone(table);
  }
}

Status Space::trim(Kernel& k, std::uint64_t start, std::uint64_t end, std::uint64_t& budget) {
  if (trim_start != start || trim_end != end) {
    trim_start = start;
    trim_end = end;
    walk_at = start;
  }
  PendingFlush pending{k, *this};
  while (walk_at < end) {
    if (budget == 0) return fail(Error::again);
    --budget;
    const std::uint64_t va = walk_at;
    if (source[slot_of(va)] != 0) {
      walk_at = next_entry(va, top_level);
      continue;
    }
    const auto region = region_at(k, va);
    walk_at = region->end < end ? region->end : end;
    // At the range's end nothing comes after, whatever the tables still cover: `all` is behind them all.
    constexpr std::uint64_t all = user_space_end;
    release_tables(k, va, walk_at == end ? all : walk_at, pending);
  }
  trim_start = trim_end = 0;
  return {};
}

// A processor that idles may still use the tables: it is asked to take others.
Status Space::leave_processors(Kernel& k) {
  std::uint64_t cpus = cpus_using(k, *this);
  for (std::uint32_t id = 0; cpus != 0; ++id, cpus >>= 1)
    if ((cpus & 1) != 0) arch::poke(arch::CpuId{id});
  return cpus_using(k, *this) == 0 ? Status{} : fail(Error::again);
}

void Space::begin_end() {
  if (dying) return;
  dying = true;
  walk_at = 0;
}

// Those who see slots of it cannot become more.
Status Space::unlink_views(Kernel& k, std::uint64_t& budget) {
  constexpr std::uint64_t look = 8;
  if (viewed == 0) return {};
  return sweep_frames(k, view_at, budget, [&](std::uint32_t f) -> Status {
    if (viewed == 0 || k.frames[f].use != FrameUse::space) return {};
    auto& viewer = object_at<Space>(f);
    spend(budget, look);
    for (std::uint32_t slot = 0; slot < abi::user_slots; ++slot) {
      if (viewer.source[slot] != frame_index(this)) continue;
      if (budget == 0) return fail(Error::again);
      spend(budget, look);
      TRY_VOID(viewer.unlink(k, slot));
    }
    return {};
  });
}

Status Space::destroy(Kernel& k, std::uint64_t& budget) {
  if (envs != 0) return fail(Error::busy);
  begin_end();
  TRY_VOID(unlink_views(k, budget));
  TRY_VOID(leave_processors(k));
  PendingFlush pending{k, *this};  // nobody uses the tables: this only frees
  while (walk_at < user_space_end) {
    if (budget == 0) return fail(Error::again);
    --budget;
    const std::uint64_t va = walk_at;
    if (source[slot_of(va)] != 0) {
      TRY_VOID(unlink(k, slot_of(va)));
      walk_at = next_entry(va, top_level);
      continue;
    }
    const Region region = TRY(region_at(k, va));
    if (region.large != nullptr) {
      pending.removed(clear_entry(k, *region.large), va);
      spend(budget, large_steps);
    }
    if (region.entries != nullptr) {
      for (std::uint64_t i = entry_index(va, 1); i < table_entries; ++i) {
        if (!is_present(region.entries[i])) continue;
        if (budget == 0) return fail(Error::again);
        --budget;
        pending.removed(clear_entry(k, region.entries[i]), va);
      }
    }
    release_tables(k, va, region.end, pending);
    walk_at = region.end;
  }
  pending.flush();
  // point of no return
  const FrameNumber tables{top};
  AEGIS_ASSERT(k.frames[tables].maps == 0);
  release_frame(k, tables);
  release_frame(k, arch::frame_of(this));
  return {};
}

}  // namespace aegis
