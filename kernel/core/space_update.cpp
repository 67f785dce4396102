// SPDX-License-Identifier: MIT
#include "kernel/core/space_update.hpp"

#include "kernel/core/lookup.hpp"

namespace aegis {
namespace {

using abi::AccountRight;
using abi::FramesRight;
using abi::SpaceOp;
using abi::SpaceVerb;

constexpr std::uint64_t table_steps = 8;                       // what going to another page table costs
constexpr std::uint64_t max_progress = 0xffff'ffff;            // SpaceProgress has 32 bits for pages
constexpr std::uint64_t may_all = abi::pte_may_write | abi::pte_may_execute;
constexpr std::uint64_t permission_bits = abi::pte_write | abi::pte_no_execute | abi::pte_soft0 | abi::pte_soft1;
constexpr std::uint64_t rights_bits = abi::pte_write | abi::pte_no_execute;

struct VerbForm {
  std::uint32_t required_flags, allowed_flags;
  bool authority;
};

Result<VerbForm> form_of(SpaceVerb verb) {
  constexpr std::uint32_t page_flags = abi::map_all_flags & ~abi::map_replace;
  switch (verb) {
    case SpaceVerb::map: case SpaceVerb::map_new: return VerbForm{abi::map_read, abi::map_all_flags, true};
    case SpaceVerb::protect: return VerbForm{abi::map_read, page_flags, false};
    case SpaceVerb::copy: return VerbForm{abi::map_read, page_flags, true};
    case SpaceVerb::clone: return VerbForm{0, abi::map_read | abi::map_write, true};
    case SpaceVerb::unmap: case SpaceVerb::move: case SpaceVerb::split: return VerbForm{0, 0, false};
  }
  return fail(Error::bad_argument);
}

bool in_user_space(std::uint64_t va, std::uint64_t pages) {
  return pages <= abi::user_end / abi::page_size && base::range_within(va, pages * abi::page_size, abi::user_end);
}

FrameNumber named(const SpaceOp& op, std::uint64_t page) {
  const FrameNumber first{op.frame};
  return first == abi::any_frame ? first : first + page;
}

}  // namespace

Status SpaceUpdate::check_form(const SpaceOp& op) const {
  const VerbForm form = TRY(form_of(op.verb));
  const bool flags_fit =
      (op.flags & form.required_flags) == form.required_flags && (op.flags & ~form.allowed_flags) == 0;
  if (!flags_fit || op.reserved != 0 || op.pages == 0) return fail(Error::bad_argument);
  if (!form.authority && op.authority != abi::no_slot) return fail(Error::bad_argument);
  const bool page_aligned = base::is_aligned(op.address, abi::page_size);
  if (!page_aligned || !in_user_space(op.address, op.pages)) return fail(Error::bad_address);
  if (op.verb == SpaceVerb::unmap || op.verb == SpaceVerb::protect || op.verb == SpaceVerb::clone)
    return op.frame == 0 ? Status{} : fail(Error::bad_argument);
  if (op.verb != SpaceVerb::move) return {};
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
    if (info.owner != frame_index(by.account) || info.use != FrameUse::plain) return fail(Error::out_of_range);
    return may_all;
  }
  const Slot& cap = *by.frames;
  const auto has = [&](FramesRight right) { return (cap.rights & static_cast<std::uint16_t>(right)) != 0; };
  if (info.use == FrameUse::info) {
    if ((flags & (abi::map_write | abi::map_execute)) != 0) return fail(Error::missing_right);
    return 0;
  }
  AEGIS_ASSERT(info.use == FrameUse::plain);  // its reference keeps it so
  return (has(FramesRight::write) ? abi::pte_may_write : 0) | (has(FramesRight::execute) ? abi::pte_may_execute : 0);
}

// --- walking
// -----------------------------------------------------------------------------------------------------------

Result<std::uint64_t*> SpaceUpdate::tables_at(std::uint64_t va, Tables tables) {
  spend(budget_, table_steps - 1);
  if (tables == Tables::make) return space_.make_tables(k_, va);
  const Space::Region region = TRY(space_.region_at(k_, va));
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
    if (entries == nullptr || entry_index(va, 1) == 0) entries = TRY(tables_at(va, tables));
    spend(budget_, 1);
    TRY_VOID(each(va, entries[entry_index(va, 1)], pages));
  }
  return {};
}

// each(va, entry) for present entries only; where no table is, the walk passes at once.
template <typename F>
Status SpaceUpdate::each_present(Space& in, std::uint64_t start, std::uint64_t count, std::uint64_t& pages, F each) {
  while (pages < count) {
    if (budget_ == 0 || pages == max_progress) return fail(Error::again);
    const std::uint64_t limit = count < max_progress ? count : max_progress;
    const std::uint64_t first = start + pages * abi::page_size;
    const Space::Region region = TRY(in.region_at(k_, first));
    const std::uint64_t to_end = (region.end - first) / abi::page_size;
    const std::uint64_t stop = to_end < limit - pages ? pages + to_end : limit;
    if (region.entries == nullptr) {
      --budget_;
      pages = stop;
      continue;
    }
    for (; pages < stop; ++pages) {
      const std::uint64_t va = start + pages * abi::page_size;
      std::uint64_t& entry = region.entries[entry_index(va, 1)];
      if (!is_present(entry)) continue;
      if (budget_ == 0) return fail(Error::again);
      --budget_;
      TRY_VOID(each(va, entry));
    }
    spend(budget_, table_steps);
  }
  return {};
}

// --- verbs
// -------------------------------------------------------------------------------------------------------------

// Writes a present entry over an empty or a present one and counts the mapping.
void SpaceUpdate::put(std::uint64_t& entry, std::uint64_t va, std::uint64_t value) {
  ++k_.frames[pte_frame(value)].maps;
  if (!is_present(entry)) return fill_entry(k_, entry, value);
  pending_.removed(arch::exchange_entry(&entry, value), va);
}

Status SpaceUpdate::map(const SpaceOp& op, std::uint64_t& pages) {
  const Authority by = TRY(authority(op));
  // What can be told in advance is, so that a request that reaches too far changes nothing.
  if (const Slot* cap = by.frames; cap != nullptr) {
    const bool inside = op.frame >= cap->base && base::range_within(op.frame - cap->base, op.pages, cap->count);
    if (!inside) return fail(Error::out_of_range);
  }
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
  return each_page(op, pages, Tables::make, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    if (is_present(entry) && (op.flags & abi::map_replace) == 0) return fail(Error::occupied);
    const FrameNumber frame = TRY(by.account->allocate(k_, named(op, page), FrameUse::plain));
    put(entry, va, make_pte(frame, op.flags, may_all));
    return {};
  });
}

Status SpaceUpdate::unmap(const SpaceOp& op, std::uint64_t& pages) {
  return each_present(space_, op.address, op.pages, pages, [&](std::uint64_t va, std::uint64_t& entry) -> Status {
    pending_.removed(clear_entry(k_, entry), va);
    return {};
  });
}

// map_owned can be kept or given up here, but not be had: that takes the account.
Status SpaceUpdate::protect(const SpaceOp& op, std::uint64_t& pages) {
  const bool write = (op.flags & abi::map_write) != 0, execute = (op.flags & abi::map_execute) != 0;
  const bool owned = (op.flags & abi::map_owned) != 0;
  const std::uint64_t drop_owned = owned ? 0 : abi::pte_owned;
  return each_present(space_, op.address, op.pages, pages, [&](std::uint64_t va, std::uint64_t& entry) -> Status {
    if (write && (entry & abi::pte_may_write) == 0) return fail(Error::missing_right);
    if (execute && (entry & abi::pte_may_execute) == 0) return fail(Error::missing_right);
    if (owned && (entry & abi::pte_owned) == 0) return fail(Error::missing_right);
    const std::uint64_t bits = pte_permissions(op.flags);
    const std::uint64_t old = change_entry(entry, permission_bits | drop_owned, bits);
    if (((old ^ bits) & rights_bits) != 0) pending_.changed(va);
    return {};
  });
}

Status SpaceUpdate::copy(const SpaceOp& op, std::uint64_t& pages) {
  const Authority by = TRY(authority(op));
  return each_page(op, pages, Tables::find, [&](std::uint64_t va, std::uint64_t& entry, std::uint64_t page) -> Status {
    if (!is_present(entry)) return fail(Error::not_mapped);
    const FrameNumber shared = pte_frame(entry);
    const FrameInfo& info = k_.frames[shared];
    const bool alone = info.maps == 1 && info.refs == 0 && info.use == FrameUse::plain;
    if (alone && info.owner == frame_index(by.account)) {
      const std::uint64_t value = make_pte(shared, op.flags, may_all);
      const std::uint64_t old = change_entry(entry, ~pte_changed_by_cpu, value);
      if (((old ^ value) & rights_bits) != 0) pending_.changed(va);
      return {};
    }
    const FrameNumber own = TRY(by.account->allocate(k_, named(op, page), FrameUse::plain, Contents::overwritten));
    arch::copy_frame(own, shared);
    put(entry, va, make_pte(own, op.flags, may_all));
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

Status SpaceUpdate::clone(const SpaceOp& op, std::uint64_t& pages) {
  Space& source = *TRY(clone_source(op));
  const std::uint64_t taken = (op.flags & abi::map_write) != 0 ? 0 : abi::pte_write;
  PendingFlush source_pending{k_, source};
  std::uint64_t* entries = nullptr;
  std::uint64_t region = ~std::uint64_t{0};
  return each_present(source, op.address, op.pages, pages, [&](std::uint64_t va, std::uint64_t& original) -> Status {
    if (region != va / entry_span(2)) {
      entries = TRY(space_.make_tables(k_, va));
      region = va / entry_span(2);
    }
    std::uint64_t& entry = entries[entry_index(va, 1)];
    if (is_present(entry)) return fail(Error::occupied);
    if ((original & taken) != 0) {
      (void)change_entry(original, taken, 0);
      source_pending.changed(va);
    }
    put(entry, va, original & ~taken);
    return {};
  });
}

Status SpaceUpdate::move(const SpaceOp& op, std::uint64_t& pages) {
  return each_present(space_, op.frame, op.pages, pages, [&](std::uint64_t from, std::uint64_t& original) -> Status {
    const std::uint64_t to = op.address + (from - op.frame);
    std::uint64_t& entry = TRY(space_.make_tables(k_, to))[entry_index(to, 1)];
    if (is_present(entry)) return fail(Error::occupied);
    const std::uint64_t moved = clear_entry(k_, original);
    pending_.changed(from);
    fill_entry(k_, entry, moved);
    return {};
  });
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
    case SpaceVerb::split: return fail(Error::unsupported);
  }
  return fail(Error::bad_argument);
}

Status SpaceUpdate::run(const SpaceOp& op, std::uint64_t& pages) {
  TRY_VOID(check_form(op));
  const Status status = dispatch(op, pages);
  if (pending_.holds_frames()) pending_.flush();  // so that the next operation can have the frames
  return status;
}

}  // namespace aegis
