// SPDX-License-Identifier: MIT
#include "kernel/core/flush.hpp"

#include "kernel/core/translations.hpp"

namespace aegis {
void PendingFlush::removed(std::uint64_t old_entry, std::uint64_t va) {
  changed(va);
  if (!is_large(old_entry)) [[likely]] return unmapped(old_entry);
  everything();  // the page-table window showed its first page
  const FrameNumber first = pte_frame(old_entry);
  for (FrameNumber frame = first; frame < first + table_entries; ++frame) unmapped(frame, old_entry);
}

void PendingFlush::table_gone(FrameNumber table) {
  tables_ = true;
  space_.last_leaf_at = ~std::uint64_t{0};
  k_.frames[table].aux = 0;
  enchain(table);
}

void PendingFlush::finish() {
  if (everything_) forget(k_, space_, {.tables = tables_});
  else if (start_ < end_) forget_pages(k_, space_, start_, end_);
  start_ = ~std::uint64_t{0};
  end_ = 0;
  everything_ = tables_ = false;
  if (!holds_frames()) return;
  const std::uint32_t owner = k_.frames[frame_index(&space_)].owner;
  while (chain_ != end_of_chain) {
    const FrameNumber frame{chain_};
    FrameInfo& info = k_.frames[frame];
    chain_ = info.aux;
    info.aux = 0;
    const bool unused = info.maps == 0 && info.pins == 0 && info.refs == 0;
    if (unused && info.owner == owner) release_frame(k_, frame);
  }
}

}  // namespace aegis
