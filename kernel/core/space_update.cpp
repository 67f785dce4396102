// SPDX-License-Identifier: MIT
#include "kernel/core/space_update.hpp"

#include "kernel/core/lookup.hpp"
#include "kernel/core/quick_update.hpp"

namespace aegis {
namespace {

using abi::AccountRight;
using abi::FramesRight;
using abi::SpaceOp;
using abi::SpaceVerb;

constexpr std::uint64_t table_steps = 8;                       // what going to another page table costs
constexpr std::uint64_t fresh_steps = 7;                       // what filling a page costs besides: 512 words
constexpr std::uint64_t max_progress = 0xffff'ffff;            // SpaceProgress has 32 bits for pages
constexpr std::uint64_t may_all = abi::pte_may_write | abi::pte_may_execute;

enum class FrameField : std::uint8_t { unused, frame, address };  // what a verb means by SpaceOp::frame

struct VerbForm {
  std::uint32_t required_flags, allowed_flags;
  bool authority;
  FrameField frame;
};

constexpr VerbForm no_verb{~0u, 0, false, FrameField::unused};  // no flags satisfy it
constexpr VerbForm mapping{abi::map_read, abi::map_all_flags, true, FrameField::frame};
constexpr std::array<VerbForm, 9> forms{
    no_verb,
    mapping,                                                                         // map
    mapping,                                                                         // map_new
    VerbForm{0, 0, false, FrameField::unused},                                       // unmap
    VerbForm{abi::map_read, page_flags | abi::map_keys, false, FrameField::unused},  // protect
    VerbForm{abi::map_read, page_flags, true, FrameField::frame},                    // copy
    VerbForm{0, abi::map_read | abi::map_write, true, FrameField::unused},           // clone
    VerbForm{0, 0, false, FrameField::address},                                      // move
    VerbForm{0, 0, false, FrameField::unused},                                       // split
};
static_assert(std::to_underlying(SpaceVerb::move) == 7 && std::to_underlying(SpaceVerb::split) == 8);

bool in_user_space(std::uint64_t va, std::uint64_t pages) {
  return pages <= abi::user_end / abi::page_size && base::range_within(va, pages * abi::page_size, abi::user_end);
}

FrameNumber named(const SpaceOp& op, std::uint64_t page) {
  const FrameNumber first{op.frame};
  return first == abi::any_frame ? first : first + page;
}

}  // namespace

Status SpaceUpdate::check_form(const SpaceOp& op) const {
  const VerbForm& form = forms[masked_index(std::to_underlying(op.verb), forms.size())];
  const std::uint32_t astray = (op.flags & form.required_flags) ^ form.required_flags;
  const std::uint32_t allowed = form.allowed_flags & ~static_cast<std::uint32_t>(k_.flags_astray & abi::map_keys);
  if ((astray | (op.flags & ~allowed) | op.reserved) != 0 || op.pages == 0) [[unlikely]]
    return fail(Error::bad_argument);
  if (!form.authority && op.authority != abi::no_slot) [[unlikely]] return fail(Error::bad_argument);
  if ((op.flags & abi::map_large) != 0) {
    if (!base::is_aligned(op.address, entry_span(2)) || !in_user_space(op.address, op.pages))
      return fail(Error::bad_address);
    const bool frame_fits = FrameNumber{op.frame} == abi::any_frame || op.frame % table_entries == 0;
    return op.pages % table_entries == 0 && frame_fits ? Status{} : fail(Error::bad_argument);  // map and map_new only
  }
  if (!base::is_aligned(op.address, abi::page_size) || !in_user_space(op.address, op.pages)) [[unlikely]]
    return fail(Error::bad_address);
  if (form.frame == FrameField::unused) return op.frame == 0 ? Status{} : fail(Error::bad_argument);
  if (form.frame == FrameField::frame) return {};
  if (!base::is_aligned(op.frame, abi::page_size) || !in_user_space(op.frame, op.pages))
    return fail(Error::bad_address);
  const std::uint64_t apart = op.frame < op.address ? op.address - op.frame : op.frame - op.address;
  return apart >= op.pages * abi::page_size ? Status{} : fail(Error::bad_argument);
}

Result<SpaceUpdate::Authority> SpaceUpdate::authority(const SpaceOp& op) const {
  Slot& slot = *TRY(live_slot(k_, table_, op.authority));
  const bool owned = (op.flags & abi::map_owned) != 0;
  if (slot.kind == Kind::frames && op.verb == SpaceVerb::map) {
    TRY_VOID(require(slot, FramesRight::read));
    if ((op.flags & abi::map_write) != 0) TRY_VOID(require(slot, FramesRight::write));
    if ((op.flags & abi::map_execute) != 0) TRY_VOID(require(slot, FramesRight::execute));
    // Freeing with the last mapping is for those who may free: who holds the account.
    if (owned) return fail(Error::bad_argument);
    return Authority{.frames = &slot};
  }
  if (slot.kind != Kind::account) return fail(Error::wrong_kind);
  TRY_VOID(require(slot, AccountRight::frames));
  if (owned || op.verb != SpaceVerb::map) TRY_VOID(require(slot, AccountRight::allocate));
  if (owned && slot.object.frame != k_.frames[frame_index(&space_)].owner) return fail(Error::bad_argument);
  return Authority{.account = &object_at<Account>(slot.object.frame)};
}

// The pte_may_* bits for a frame that is to be mapped under the authority; a capability's range has been checked.
Result<std::uint64_t> SpaceUpdate::ceiling_for(const Authority& by, FrameNumber frame, std::uint32_t flags) const {
  if (!k_.frames.exists(frame)) return fail(Error::out_of_range);
  const FrameInfo& info = k_.frames[frame];
  if (by.account != nullptr) {
    const bool mappable = info.use == FrameUse::plain && !is_condemned(info);
    if (info.owner != frame_index(by.account) || !mappable) return fail(Error::out_of_range);
    return may_all;
  }
  const Slot& cap = *by.frames;
  const auto has = [&](FramesRight right) { return (cap.rights & static_cast<std::uint16_t>(right)) != 0; };
  if (info.use == FrameUse::info) {
    if ((flags & (abi::map_write | abi::map_execute)) != 0) return fail(Error::missing_right);
    return 0;
  }
  AEGIS_ASSERT(info.use == FrameUse::plain);  // its reference keeps it so
  if (is_condemned(info)) return fail(Error::out_of_range);
  return (has(FramesRight::write) ? abi::pte_may_write : 0) | (has(FramesRight::execute) ? abi::pte_may_execute : 0);
}

// --- walking
// -----------------------------------------------------------------------------------------------------------

Result<std::uint64_t*> SpaceUpdate::tables_at(std::uint64_t va, Tables tables, std::uint32_t flags) {
  spend(budget_, table_steps - 1);
  if (tables == Tables::make) {
    auto table = space_.make_tables(k_, va);
    const bool large = !table.has_value() && table.error() == Error::occupied;
    // Small pages cannot replace a part of a large one.
    return large && (flags & abi::map_replace) != 0 ? fail(Error::wrong_state) : table;
  }
  const Space::Region region = TRY(space_.region_at(k_, va));
  if (region.large != nullptr) return fail(Error::wrong_state);
  if (region.entries == nullptr) return fail(Error::not_mapped);
  return region.entries;
}

// each(va, entry, page), in tables that are made as needed or must be there.
template <typename F>
Status SpaceUpdate::each_page(const SpaceOp& op, std::uint64_t& pages, Tables tables, F each) {
  if (op.frame != abi::any_frame.raw() && op.frame >= k_.frames.count()) return fail(Error::out_of_range);
  std::uint64_t* entries = nullptr;
  for (; pages < op.pages; ++pages) {
    if (budget_ == 0) return fail(Error::again);
    const std::uint64_t va = op.address + pages * abi::page_size;
    if (entries == nullptr || entry_index(va, 1) == 0) entries = TRY(tables_at(va, tables, op.flags));
    spend(budget_, 1);
    TRY_VOID(each(va, entries[entry_index(va, 1)], pages));
  }
  return {};
}

// Leaves the work for another call when the budget is too small for it now.
Status SpaceUpdate::afford(std::uint64_t steps) {
  if (budget_ < steps) return fail(Error::again);
  budget_ -= steps;
  return {};
}

// each(va, entry, page) for every 2 MiB of a large mapping. The entry is free to be filled or replaced: with map_replace
// there may still be a table behind it (see clear_way).
template <typename F>
Status SpaceUpdate::each_large(const SpaceOp& op, std::uint64_t& pages, F each) {
  if (op.frame != abi::any_frame.raw() && op.frame >= k_.frames.count()) return fail(Error::out_of_range);
  for (; pages < op.pages; pages += table_entries) {
    const std::uint64_t va = op.address + pages * abi::page_size;
    TRY_VOID(afford(table_entries));
    std::uint64_t& entry = TRY(space_.make_tables(k_, va, 2))[entry_index(va, 2)];
    const bool empty_table = is_present(entry) && !is_large(entry) && k_.frames[pte_frame(entry)].maps == 0;
    if (is_present(entry) && !empty_table && (op.flags & abi::map_replace) == 0) return fail(Error::occupied);
    TRY_VOID(each(va, entry, pages));
  }
  return {};
}

// Takes away the level-1 table behind the entry, and what it maps.
void SpaceUpdate::clear_way(std::uint64_t& entry, std::uint64_t va) {
  if (!is_present(entry) || is_large(entry)) return;
  std::uint64_t* small = table_at(entry);
  for (std::uint64_t i = 0; i < table_entries; ++i)
    if (is_present(small[i])) pending_.removed(clear_entry(k_, small[i]), va + i * abi::page_size);
  spend(budget_, table_entries);
  (void)clear_entry(k_, entry);
  pending_.everything();
  pending_.table_gone(arch::frame_of(small));
}

// visit(va, entries, number, passed) for each piece of a level-1 table in the range, visit(va, entry) for each large page;
// where no table is, the walk passes at once. When visit fails, `passed` entries are done with. What large pages cost
// beyond one step, visit takes from the budget itself. wrong_state at a part of a large page.
template <typename F>
Status SpaceUpdate::each_table(Space& in, std::uint64_t start, std::uint64_t count, std::uint64_t& pages, F visit) {
  const std::uint64_t limit = count < max_progress ? count : max_progress;
  std::uint64_t done = pages;
  Status status{};
  while (status.has_value() && done < count) {
    if (budget_ == 0 || done == max_progress) [[unlikely]] {
      status = fail(Error::again);
      break;
    }
    const std::uint64_t first = start + done * abi::page_size;
    const auto found = in.region_at(k_, first);
    if (!found.has_value()) [[unlikely]] {
      status = fail(found.error());
      break;
    }
    const Space::Region& region = *found;
    const std::uint64_t to_end = (region.end - first) / abi::page_size;
    const std::uint64_t here = to_end < limit - done ? to_end : limit - done;
    if (region.entries != nullptr) [[likely]] {
      std::uint64_t passed = 0;
      status = visit(first, region.entries + entry_index(first, 1), here, passed);
      done += passed;
      if (status.has_value()) spend(budget_, table_steps);
      continue;
    }
    if (region.large != nullptr) {
      const bool from_start = entry_index(first, 1) == 0;
      if (!from_start || here < table_entries)
        status = fail(done + here == count || !from_start ? Error::wrong_state : Error::again);
      else status = visit(first, *region.large);
    }
    if (!status.has_value()) break;
    spend(budget_, 1);
    done += here;
  }
  pages = done;
  return status;
}

// each(va, entry, span) for present entries only, `span` pages each.
template <typename F>
Status SpaceUpdate::each_present(Space& in, std::uint64_t start, std::uint64_t count, std::uint64_t& pages, F each) {
  struct Visit {
    SpaceUpdate& self;
    F& each;
    Status operator()(std::uint64_t va, std::uint64_t& large) const { return each(va, large, table_entries); }
    Status operator()(std::uint64_t va, std::uint64_t* entry, std::uint64_t number, std::uint64_t& passed) const {
      std::uint64_t at = 0, left = self.budget_;  // in locals, so that they stay in registers
      Status status{};
      for (; at < number; ++at, ++entry, va += abi::page_size) {
        if (!is_present(*entry)) continue;
        if (left == 0) [[unlikely]] status = fail(Error::again);
        else status = each(va, *entry, std::uint64_t{1});
        if (!status.has_value()) [[unlikely]] break;
        --left;
      }
      passed = at;
      self.budget_ = left;
      return status;
    }
  };
  return each_table(in, start, count, pages, Visit{*this, each});
}

// --- verbs
// -------------------------------------------------------------------------------------------------------------

// Writes a present entry over an empty or a present one and counts the mapping.
void SpaceUpdate::put(std::uint64_t& entry, std::uint64_t va, std::uint64_t value) {
  const FrameNumber first = pte_frame(value);
  const std::uint32_t payer = k_.frames[frame_index(&space_)].owner;
  if (!is_large(value)) [[likely]] k_.frames.note_mapped(first, payer);
  else for (FrameNumber f = first; f < first + table_entries; ++f) k_.frames.note_mapped(f, payer);
  if (!is_present(entry)) return fill_entry(k_, entry, value);
  pending_.removed(arch::exchange_entry(&entry, value), va);
}

// What can be told in advance is, so that a request that reaches too far changes nothing.
Status SpaceUpdate::inside_capability(const SpaceOp& op, const Authority& by) const {
  const Slot* cap = by.frames;
  if (cap == nullptr) return {};
  const bool inside = op.frame >= cap->base && base::range_within(op.frame - cap->base, op.pages, cap->count);
  return inside ? Status{} : fail(Error::out_of_range);
}

Status SpaceUpdate::map_large(const SpaceOp& op, const Authority& by, std::uint64_t& pages) {
  return each_large(op, pages, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    const FrameNumber first{op.frame + page};
    std::uint64_t ceiling = may_all;
    for (FrameNumber f = first; f < first + table_entries; ++f) ceiling &= TRY(ceiling_for(by, f, op.flags));
    // point of no return
    clear_way(entry, va);
    put(entry, va, make_pte(first, op.flags, ceiling));
    return {};
  });
}

Status SpaceUpdate::map_new_large(const SpaceOp& op, const Authority& by, std::uint64_t& pages) {
    return each_large(op, pages, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    const FrameNumber first = TRY(by.account->allocate_run(
        k_, {.first = named(op, page), .count = table_entries, .mask = table_entries - 1}));
    // point of no return
    clear_way(entry, va);
    put(entry, va, make_pte(first, op.flags, may_all));
    return {};
  });
}

Status SpaceUpdate::map(const SpaceOp& op, std::uint64_t& pages) {
  const Authority by = TRY(authority(op));
  TRY_VOID(inside_capability(op, by));
  if ((op.flags & abi::map_large) != 0) return map_large(op, by, pages);
  return each_page(op, pages, Tables::make, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    const FrameNumber frame{op.frame + page};
    const std::uint64_t ceiling = TRY(ceiling_for(by, frame, op.flags));
    if (is_present(entry) && (op.flags & abi::map_replace) == 0) return fail(Error::occupied);
    put(entry, va, make_pte(frame, op.flags, ceiling));
    return {};
  });
}

Status SpaceUpdate::map_new(const SpaceOp& op, std::uint64_t& pages) {
  const Authority by = TRY(authority(op));
  if ((op.flags & abi::map_large) != 0) return map_new_large(op, by, pages);
  return each_page(op, pages, Tables::make, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    if (is_present(entry) && (op.flags & abi::map_replace) == 0) return fail(Error::occupied);
    TRY_VOID(afford(fresh_steps));
    const FrameNumber frame = TRY(by.account->allocate(k_, named(op, page), FrameUse::plain));
    put(entry, va, make_pte(frame, op.flags, may_all));
    return {};
  });
}

Status SpaceUpdate::unmap(const SpaceOp& op, std::uint64_t& pages) {
  return each_present(space_, op.address, op.pages, pages, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t span) -> Status {
    if (span != 1) TRY_VOID(afford(span));
    pending_.removed(clear_entry(k_, entry), va);
    return {};
  });
}

// The entries of one table.
Status SpaceUpdate::protect_entries(const quick::Protection& to, std::uint64_t va, std::uint64_t* entry, std::uint64_t number,
                                    std::uint64_t& passed) {
  const std::uint64_t here = number < budget_ ? number : budget_;
  std::uint64_t *first = nullptr, *last = nullptr;
  const std::uint64_t* stopped = quick::protect_run(to, entry, entry + here, first, last);
  const auto address_of = [&](const std::uint64_t* at) { return va + static_cast<std::uint64_t>(at - entry) * abi::page_size; };
  if (first != nullptr) pending_.changed(address_of(first), address_of(last));
  passed = static_cast<std::uint64_t>(stopped - entry);
  budget_ -= passed;
  if (passed == number) return {};
  return fail(passed == here ? Error::again : Error::missing_right);
}

// map_owned can be kept or given up here, but not be had: that takes the account.
Status SpaceUpdate::protect(const SpaceOp& op, std::uint64_t& pages) {
  struct Visit {
    SpaceUpdate& self;
    quick::Protection to;
    Status operator()(std::uint64_t va, std::uint64_t& large) const {
      if ((large & to.needed) != to.needed) [[unlikely]] return fail(Error::missing_right);
      if (((change_entry(large, to.mask, to.bits) ^ to.bits) & quick::rights_bits) != 0) self.pending_.changed(va);
      return {};
    }
    Status operator()(std::uint64_t va, std::uint64_t* entry, std::uint64_t number, std::uint64_t& passed) const {
      return self.protect_entries(to, va, entry, number, passed);
    }
  };
  return each_table(space_, op.address, op.pages, pages, Visit{*this, quick::Protection{op.flags}});
}

Status SpaceUpdate::copy(const SpaceOp& op, std::uint64_t& pages) {
  const Authority by = TRY(authority(op));
  return each_page(op, pages, Tables::find, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    if (!is_present(entry)) return fail(Error::not_mapped);
    const FrameNumber shared = pte_frame(entry);
    const FrameInfo& info = k_.frames[shared];
    const bool alone = info.maps == 1 && info.refs == 0 && info.use == FrameUse::plain;
    const std::uint64_t key = entry & abi::pte_keys;
    if (alone && info.owner == frame_index(by.account)) {
      const std::uint64_t value = make_pte(shared, op.flags, may_all) | key;
      const std::uint64_t old = change_entry(entry, ~pte_changed_by_cpu, value);
      if (((old ^ value) & quick::rights_bits) != 0) pending_.changed(va);
      return {};
    }
    TRY_VOID(afford(fresh_steps));
    const FrameNumber own = TRY(by.account->allocate(k_, named(op, page), FrameUse::plain, Contents::overwritten));
    arch::copy_frame(own, shared);
    put(entry, va, make_pte(own, op.flags, may_all) | key);
    return {};
  });
}

Result<Space*> SpaceUpdate::clone_source(const SpaceOp& op) const {
  Slot& slot = *TRY(live_slot(k_, table_, op.authority));
  Space* source = TRY(object_of<Space>(k_, slot));
  TRY_VOID(require(slot, abi::SpaceRight::share));
  if ((op.flags & abi::map_write) == 0) TRY_VOID(require(slot, abi::SpaceRight::change));
  if (source == &space_) return fail(Error::bad_argument);
  if (&source->account(k_) != &space_.account(k_)) return fail(Error::wrong_state);
  return source;
}

// The present ones of a table's entries, as many as `number`, into those of a table of our own.
Status SpaceUpdate::clone_entries(const Clone& how, std::uint64_t va, std::uint64_t* from, std::uint64_t* to, std::uint64_t number,
                                  std::uint64_t& passed) {
  const std::uint32_t payer = k_.frames[frame_index(&space_)].owner;
  std::uint64_t at = 0, left = budget_;
  FrameInfo& table = k_.frames[arch::frame_of(to)];
  Status status{};
  for (; (at = first_present(from, at, number)) < number; ++at, --left) {
    const std::uint64_t original = from[at];
    if (left == 0 || is_present(to[at])) [[unlikely]] {
      status = fail(left == 0 ? Error::again : Error::occupied);
      break;
    }
    FrameInfo& info = k_.frames[pte_frame(original)];
    if (is_condemned(info)) [[unlikely]] continue;  // as if it were gone already
    if ((original & how.taken) != 0) {
      (void)change_entry(from[at], how.taken, 0);
      how.source_pending.changed(va + at * abi::page_size);
    }
    k_.frames.note_mapped(info, payer);
    ++table.maps;
    (void)arch::exchange_entry(&to[at], original & ~how.taken);
  }
  passed = at;
  budget_ = left;
  return status;
}

Status SpaceUpdate::clone(const SpaceOp& op, std::uint64_t& pages) {
  struct Visit {
    SpaceUpdate& self;
    Clone how;
    Status operator()(std::uint64_t, std::uint64_t&) const { return fail(Error::wrong_state); }
    Status operator()(std::uint64_t va, std::uint64_t* entry, std::uint64_t number, std::uint64_t& passed) const {
      if (first_present(entry, 0, number) == number) {
        passed = number;
        return {};
      }
      std::uint64_t* own = TRY(self.space_.make_tables(self.k_, va));
      return self.clone_entries(how, va, entry, own + entry_index(va, 1), number, passed);
    }
  };
  Space& source = *TRY(clone_source(op));
  PendingFlush source_pending{k_, source};
  const std::uint64_t taken = (op.flags & abi::map_write) != 0 ? 0 : abi::pte_write;
  return each_table(source, op.address, op.pages, pages, Visit{*this, {source_pending, taken}});
}

Status SpaceUpdate::move(const SpaceOp& op, std::uint64_t& pages) {
  return each_present(space_, op.frame, op.pages, pages, [&](std::uint64_t from, std::uint64_t& original,
                                                             std::uint64_t span) -> Status {
    if (span != 1) return fail(Error::wrong_state);
    const std::uint64_t to = op.address + (from - op.frame);
    std::uint64_t& entry = TRY(space_.make_tables(k_, to))[entry_index(to, 1)];
    if (is_present(entry)) return fail(Error::occupied);
    const std::uint64_t moved = clear_entry(k_, original);
    if (is_condemned(k_.frames[pte_frame(moved)])) {  // the sweep that looks for it may have passed where it would go
      pending_.removed(moved, from);
      return {};
    }
    pending_.changed(from);
    fill_entry(k_, entry, moved);
    return {};
  });
}

// Every large page that the range touches.
Status SpaceUpdate::split(const SpaceOp& op, std::uint64_t& pages) {
  constexpr std::uint64_t split_steps = 32;
  while (pages < op.pages) {
    if (budget_ == 0 || pages == max_progress) return fail(Error::again);
    const std::uint64_t va = op.address + pages * abi::page_size;
    const Space::Region region = TRY(space_.region_at(k_, va));
    const std::uint64_t large = region.large != nullptr ? *region.large : 0;
    if (large != 0 && k_.frames.any_condemned(pte_frame(large).raw(), table_entries)) {
      // It is to be broken, and the small ones could escape the sweep that does so. What is not taken is kept.
      pending_.removed(clear_entry(k_, *region.large) & ~abi::pte_owned, va);
    } else if (large != 0) {
      TRY_VOID(space_.split(k_, *region.large));
      pending_.everything();  // the page-table window showed the large page where the new table is
    }
    spend(budget_, large != 0 ? split_steps : 1);
    const std::uint64_t limit = op.pages < max_progress ? op.pages : max_progress;
    const std::uint64_t to_end = (region.end - va) / abi::page_size;
    pages = to_end < limit - pages ? pages + to_end : limit;
  }
  return {};
}

Status SpaceUpdate::dispatch(const SpaceOp& op, std::uint64_t& pages) {
  switch (op.verb) {
    case SpaceVerb::map: return map(op, pages);
    case SpaceVerb::map_new: return map_new(op, pages);
    case SpaceVerb::unmap: return unmap(op, pages);
    case SpaceVerb::protect: return protect(op, pages);
    case SpaceVerb::copy: return copy(op, pages);
    case SpaceVerb::clone: return clone(op, pages);
    case SpaceVerb::move: return move(op, pages);
    case SpaceVerb::split: return split(op, pages);
  }
  return fail(Error::bad_argument);
}

Status SpaceUpdate::run(const SpaceOp& op, std::uint64_t& pages) {
  if (budget_ > table_entries + table_steps && quick_update(k_, table_, space_, op, pending_)) {
    spend(budget_, op.pages + table_steps);
    return {};
  }
  TRY_VOID(check_form(op));
  Status status = dispatch(op, pages);
  if (status.has_value() || !pending_.holds_frames()) return status;
  if (status.error() != Error::no_frame && status.error() != Error::over_limit) return status;
  pending_.flush();  // the frames that an operation before has freed can be had now
  return dispatch(op, pages);
}

}  // namespace aegis
