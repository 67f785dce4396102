// SPDX-License-Identifier: MIT
#include "kernel/core/frame_table.hpp"

namespace aegis {

void FrameTable::attach(abi::SystemInfo& info, FrameInfo* frames, std::uint64_t* bitmap, std::uint64_t count) {
  info_ = &info;
  frames_ = frames;
  bitmap_ = bitmap;
  count_ = count;
  hint_ = 0;
}

// The first free frame at or after `from`, or count_.
std::uint64_t FrameTable::next_free(std::uint64_t from) const {
  if (from >= count_) return count_;
  const std::uint64_t words = (count_ + 63) / 64;
  std::uint64_t word = from / 64;
  std::uint64_t bits = bitmap_[word] & (~std::uint64_t{0} << (from % 64));
  while (bits == 0) {
    if (++word == words) return count_;
    bits = bitmap_[word];
  }
  return word * 64 + static_cast<std::uint64_t>(std::countr_zero(bits));
}

// The first frame in [from, end) that is not free, or `end`. Whole free words are passed in one step.
std::uint64_t FrameTable::first_taken(std::uint64_t from, std::uint64_t end) const {
  while (from < end) {
    const std::uint64_t taken = ~bitmap_[from / 64] >> (from % 64);
    if (taken != 0) {
      const std::uint64_t at = from + static_cast<std::uint64_t>(std::countr_zero(taken));
      return at < end ? at : end;
    }
    from = (from / 64 + 1) * 64;
  }
  return end;
}

Result<FrameNumber> FrameTable::find(FrameNumber first, std::uint64_t count, std::uint32_t align_log2) const {
  if (first != abi::any_frame) {
    if (!base::range_within(first.raw(), count, count_)) [[unlikely]] return fail(Error::out_of_range);
    if (first_taken(first.raw(), first.raw() + count) != first.raw() + count) return fail(Error::no_frame);
    return first;
  }
  if (count > info_->free_frames) [[unlikely]] return fail(Error::no_frame);
  const std::uint64_t lowest = next_free(hint_ * 64);
  hint_ = lowest / 64;
  const std::uint64_t alignment = std::uint64_t{1} << align_log2;
  for (std::uint64_t at = base::align_up(lowest, alignment); base::range_within(at, count, count_);) {
    const std::uint64_t taken = first_taken(at, at + count);
    if (taken == at + count) return FrameNumber{at};
    at = base::align_up(next_free(taken), alignment);
  }
  return fail(Error::no_frame);
}

void FrameTable::take(FrameNumber first, std::uint64_t count, std::uint32_t owner, FrameUse use, Contents contents) {
  for (FrameNumber frame = first; frame < first + count; ++frame) {
    const std::uint64_t n = frame.raw();
    AEGIS_ASSERT(is_free(n));
    bitmap_[n / 64] &= ~(std::uint64_t{1} << (n % 64));
    FrameInfo& info = frames_[n];
    info.owner = owner;
    info.use = use;
    if (contents == Contents::zeroed) arch::zero_frame(frame);
  }
  info_->free_frames -= count;
}

void FrameTable::give_back(FrameNumber frame) {
  FrameInfo& info = frames_[frame.raw()];
  AEGIS_ASSERT(info.use > FrameUse::reserved && info.maps == 0 && info.pins == 0 && info.refs == 0);
  const bool held_object = info.use != FrameUse::plain && info.use != FrameUse::page_table;
  info.owner = 0;
  info.level = 0;
  info.aux = 0;
  info.use = FrameUse::free;
  // A frame whose generations are used up is never given out again: a stale name must not come to life.
  if (held_object && ++info.generation == ~std::uint32_t{0}) [[unlikely]] {
    info.use = FrameUse::reserved;
    return;
  }
  add_free(frame);
}

void FrameTable::add_free(FrameNumber frame) {
  const std::uint64_t n = frame.raw();
  bitmap_[n / 64] |= std::uint64_t{1} << (n % 64);
  if (n / 64 < hint_) hint_ = n / 64;
  ++info_->free_frames;
}

}  // namespace aegis
