// SPDX-License-Identifier: MIT
#include "kernel/core/frame_table.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t word_bits = 64;

// The bits of a word of the bitmap that the low part of a mask and match leaves.
std::uint64_t places_in_word(std::uint64_t mask, std::uint64_t match) {
  // Bit i of the k-th pattern is bit k of i.
  constexpr std::array<std::uint64_t, 6> patterns{0xaaaa'aaaa'aaaa'aaaa, 0xcccc'cccc'cccc'cccc, 0xf0f0'f0f0'f0f0'f0f0,
                                                  0xff00'ff00'ff00'ff00, 0xffff'0000'ffff'0000, 0xffff'ffff'0000'0000};
  std::uint64_t places = ~std::uint64_t{0};
  if (mask == 0) [[likely]] return places;
  for (std::size_t k = 0; k < patterns.size(); ++k)
    if ((mask >> k & 1) != 0) places &= (match >> k & 1) != 0 ? patterns[k] : ~patterns[k];
  return places;
}

}  // namespace

void FrameTable::attach(abi::SystemInfo& info, FrameInfo* frames, std::uint64_t* bitmap, std::uint64_t count) {
  info_ = &info;
  frames_ = frames;
  bitmap_ = bitmap;
  count_ = count;
  words_ = (count + word_bits - 1) / word_bits;
  condemned_ = bitmap + words_;
  hint_ = 0;
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

// Bits of the frames in this word at which a free run of `count` begins.
std::uint64_t FrameTable::starts_in(std::uint64_t word, std::uint64_t count) const {
  std::uint64_t here = bitmap_[word];
  if (count == 1 || here == 0) return here;
  const std::uint64_t next = word + 1 < words_ ? bitmap_[word + 1] : 0;
  if (count <= word_bits) {
    // A run of n begins where one of n - s begins, and another s further on.
    for (std::uint64_t length = 1, after = next; length < count;) {
      const std::uint64_t step = length < count - length ? length : count - length;
      here &= here >> step | after << (word_bits - step);
      after &= after >> step;  // what lies beyond is of no use: such a run would need more than the two words
      length += step;
    }
    return here;
  }
  // A longer one begins in the free end of the word and goes on behind it.
  const auto tail = static_cast<std::uint64_t>(std::countl_one(here));
  if (tail == 0 || word + 1 == words_) return 0;
  const std::uint64_t from = (word + 1) * word_bits, reach = from + count - 1;
  const std::uint64_t behind = first_taken(from, reach < count_ ? reach : count_) - from;
  if (behind + tail < count) return 0;
  const std::uint64_t needed = count - behind;  // frames of the tail that must belong to it: at least one
  const std::uint64_t in_tail = tail == word_bits ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> tail);
  return in_tail & (~std::uint64_t{0} >> (needed - 1));
}

Result<FrameNumber> FrameTable::find(const FrameWish& wish) const {
  if (wish.first != abi::any_frame) {
    const std::uint64_t first = wish.first.raw();
    if (!base::range_within(first, wish.count, count_)) [[unlikely]] return fail(Error::out_of_range);
    if (first_taken(first, first + wish.count) != first + wish.count) return fail(Error::no_frame);
    return wish.first;
  }
  if (wish.count > info_->free_frames) [[unlikely]] return fail(Error::no_frame);
  while (hint_ < words_ && bitmap_[hint_] == 0) ++hint_;
  const std::uint64_t wanted = places_in_word(wish.mask, wish.match);
  const std::uint64_t mask = wish.mask / word_bits, match = wish.match / word_bits;
  for (std::uint64_t word = hint_; word < words_; ++word) {
    if ((word & mask) != match) continue;
    const std::uint64_t starts = starts_in(word, wish.count) & wanted;
    if (starts != 0) return FrameNumber{word * word_bits + static_cast<std::uint64_t>(std::countr_zero(starts))};
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
  if (is_condemned(info)) spare(frame);
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

void FrameTable::condemn(FrameNumber frame) {
  frames_[frame.raw()].flags |= abi::frame_condemned;
  condemned_[frame.raw() / word_bits] |= std::uint64_t{1} << (frame.raw() % word_bits);
}

void FrameTable::spare(FrameNumber frame) {
  frames_[frame.raw()].flags &= static_cast<std::uint16_t>(~abi::frame_condemned);
  condemned_[frame.raw() / word_bits] &= ~(std::uint64_t{1} << (frame.raw() % word_bits));
}

bool FrameTable::any_condemned(std::uint64_t first, std::uint64_t count) const {
  const std::uint64_t end = first + count;
  for (std::uint64_t at = first; at < end; at = base::align_down(at, word_bits) + word_bits) {
    std::uint64_t bits = condemned_[at / word_bits] >> (at % word_bits);
    if (end - at < word_bits) bits &= (std::uint64_t{1} << (end - at)) - 1;
    if (bits != 0) return true;
  }
  return false;
}

}  // namespace aegis
