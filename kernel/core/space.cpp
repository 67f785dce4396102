// SPDX-License-Identifier: MIT
#include "kernel/core/space.hpp"

#include "kernel/core/cpu.hpp"
#include "kernel/core/sweep.hpp"
#include "kernel/core/translations.hpp"

namespace aegis {
namespace {

constexpr std::uint32_t top_level = 4;
constexpr std::uint64_t large_steps = 128;  // what forgetting a large page costs
constexpr std::uint64_t table_steps = 8;    // and looking through a table
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

// The same for a table of the lowest level.
Status Space::empty_leaf(Kernel& k, std::uint64_t* table, PendingFlush& pending, std::uint64_t& budget) {
  FrameInfo& info = k.frames[arch::frame_of(table)];
  std::uint64_t left = info.maps;
  pending.everything();
  for (std::uint64_t i = 0; left != 0 && budget != 0; ++i, --left, --budget) {
    i = first_present(table, i, table_entries);
    AEGIS_ASSERT(i < table_entries);
    pending.unmapped(arch::exchange_entry(&table[i], 0));
  }
  info.maps = static_cast<std::uint32_t>(left);
  return left == 0 ? Status{} : fail(Error::again);
}

// Empties a table, and before that the tables below it. What is done is no longer present, so a walk that the budget
// ended begins again at the top; the count of what is left ends the search in each table.
Status Space::empty_table(Kernel& k, std::uint64_t* table, std::uint32_t level, PendingFlush& pending, std::uint64_t& budget) {
  if (level == 1) return empty_leaf(k, table, pending, budget);
  const FrameInfo& info = k.frames[arch::frame_of(table)];
  const std::uint64_t end = level == top_level ? std::uint64_t{abi::user_slots} : table_entries;
  for (std::uint64_t i = 0; info.maps != 0; ++i) {
    i = first_present(table, i, end);
    if (i == end) break;
    if (budget == 0) return fail(Error::again);
    --budget;
    if (level == top_level && source[i] != 0) {
      TRY_VOID(unlink(k, static_cast<std::uint32_t>(i)));
    } else if (level == 2 && is_large(table[i])) {
      pending.removed(clear_entry(k, table[i]), 0);
      spend(budget, large_steps);
    } else {
      std::uint64_t* below = table_at(table[i]);
      spend(budget, table_steps);
      TRY_VOID(empty_table(k, below, level - 1, pending, budget));
      (void)clear_entry(k, table[i]);
      pending.everything();
      pending.table_gone(arch::frame_of(below));
    }
  }
  return {};
}

Status Space::destroy(Kernel& k, std::uint64_t& budget) {
  if (envs != 0) return fail(Error::busy);
  begin_end();
  TRY_VOID(unlink_views(k, budget));
  TRY_VOID(leave_processors(k));
  PendingFlush pending{k, *this};  // nobody uses the tables: this only frees
  TRY_VOID(empty_table(k, top_table(), top_level, pending, budget));
  pending.flush();
  // point of no return
  const FrameNumber tables{top};
  AEGIS_ASSERT(k.frames[tables].maps == 0);
  release_frame(k, tables);
  release_frame(k, arch::frame_of(this));
  return {};
}

}  // namespace aegis
