// SPDX-License-Identifier: MIT
#include "kernel/core/flush.hpp"

#include "kernel/core/cpu.hpp"
#include "kernel/core/space.hpp"

namespace aegis {
namespace {

bool sees(const Space& viewer, std::uint32_t space) {
  for (const std::uint32_t source : viewer.source)
    if (source == space) return true;
  return false;
}

}  // namespace

std::uint64_t cpus_using(Kernel&, const Space& space) {
  const std::uint32_t name = frame_index(&space);
  std::uint64_t cpus = 0;
  const std::uint32_t count = arch::cpu_count();
  for (std::uint32_t id = 0; id < count; ++id) {
    const std::uint32_t used = arch::cpu(arch::CpuId{id}).space;
    if (used == 0) continue;
    if (used == name || (space.viewed != 0 && sees(object_at<Space>(used), name))) cpus |= std::uint64_t{1} << id;
  }
  return cpus;
}

void PendingFlush::removed(std::uint64_t old_entry, std::uint64_t va) {
  changed(va);
  const bool owned = (old_entry & abi::pte_owned) != 0;
  if (is_large(old_entry)) everything();  // the page-table window showed its first page
  const FrameNumber first = pte_frame(old_entry);
  for (FrameNumber frame = first; frame < first + (is_large(old_entry) ? table_entries : 1); ++frame) {
    FrameInfo& info = k_.frames[frame];
    AEGIS_ASSERT(info.maps > 0);
    --info.maps;
    // map_owned: the frame goes with its last mapping. Whether that was the last is looked at again in finish().
    if (owned && info.maps == 0 && info.aux == 0) enchain(frame);
  }
}

void PendingFlush::table_gone(FrameNumber table) {
  k_.frames[table].aux = 0;
  enchain(table);
}

void PendingFlush::enchain(FrameNumber frame) {
  k_.frames[frame].aux = chain_;
  chain_ = static_cast<std::uint32_t>(frame.raw());
}

void PendingFlush::finish() {
  if (everything_ || start_ < end_) {
    const std::uint64_t cpus = cpus_using(k_, space_);
    const std::uint64_t pages = everything_ ? 0 : (end_ - start_) / abi::page_size;
    if (cpus != 0) arch::flush_translations(cpus, everything_ ? 0 : start_, pages);
  }
  start_ = ~std::uint64_t{0};
  end_ = 0;
  everything_ = false;
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
