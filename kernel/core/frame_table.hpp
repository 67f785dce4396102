// SPDX-License-Identifier: MIT
// Who owns each physical frame and what it is used for: the array that user space may read, and a bitmap of the free
// frames. Invariant: a frame's bit is set exactly when its use is `free`, and then owner, maps, pins and refs are 0.
#pragma once

#include "abi/info.hpp"
#include "kernel/core/object.hpp"

namespace aegis {

// What a frame holds when it is handed out: zeros, or old bytes that the kernel overwrites whole before anybody looks.
enum class Contents : bool { zeroed, overwritten };

// Which run of free frames is wanted: at `first`, or with any_frame the lowest for whose first frame n
// (n & mask) == match.
struct FrameWish {
  FrameNumber first = abi::any_frame;
  std::uint64_t count = 1;  // at most max_run
  std::uint64_t mask = 0, match = 0;
};

[[nodiscard]] inline bool is_condemned(const FrameInfo& info) { return (info.flags & abi::frame_condemned) != 0; }

class FrameTable {
 public:
  constexpr FrameTable() = default;
  // `info` heads the exported pages. The arrays describe `count` frames; the bitmap is all zero (nothing is free), and
  // behind it lies one more.
  void attach(abi::SystemInfo& info, FrameInfo* frames, std::uint64_t* bitmap, std::uint64_t count);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t free_count() const { return info_->free_frames; }
  [[nodiscard]] bool exists(FrameNumber frame) const { return frame.raw() < count_; }
  [[nodiscard]] FrameInfo& operator[](FrameNumber frame) { return frames_[frame.raw()]; }
  [[nodiscard]] FrameInfo& operator[](std::uint32_t frame) { return frames_[frame]; }
  [[nodiscard]] abi::SystemInfo& info() { return *info_; }

  // Takes nothing yet. The bound is one pass over the bitmap, some tens of instructions for 64 frames.
  [[nodiscard]] Result<FrameNumber> find(const FrameWish& wish) const;
  // Marks a free run as taken.
  void take(FrameNumber first, std::uint64_t count, std::uint32_t owner, FrameUse use, Contents contents);
  // The lowest free frame, zeroed, as a plain one; there is one.
  [[nodiscard]] FrameNumber take_lowest(std::uint32_t owner) {
    while (bitmap_[hint_] == 0) ++hint_;
    std::uint64_t& word = bitmap_[hint_];
    const FrameNumber frame{hint_ * 64 + static_cast<std::uint64_t>(std::countr_zero(word))};
    word &= word - 1;
    FrameInfo& info = frames_[frame.raw()];
    info.owner = owner;
    info.use = FrameUse::plain;
    --info_->free_frames;
    arch::zero_frame(frame);
    return frame;
  }
  // Gives a frame back. The generation of one that held an object moves on.
  void give_back(FrameNumber frame);
  void give_back_plain(FrameNumber frame) {
    FrameInfo& info = frames_[frame.raw()];
    info.owner = 0;
    info.use = FrameUse::free;
    add_free(frame);
  }
  // An entry of a space that the account in frame `payer` pays for maps it, or does no longer.
  void note_mapped(FrameNumber frame, std::uint32_t payer) { note_mapped(frames_[frame.raw()], payer); }
  void note_mapped(FrameInfo& info, std::uint32_t payer) {
    ++info.maps;
    if (info.owner != payer) info.flags |= abi::frame_abroad;
  }
  // False when it was the last one.
  [[gnu::always_inline]] bool note_unmapped(FrameInfo& info) {
    AEGIS_ASSERT(info.maps > 0);
    if (--info.maps != 0) return true;
    info.flags &= static_cast<std::uint16_t>(~abi::frame_abroad);
    return false;
  }
  // While a frame is taken by force, or with its account: see force.hpp.
  void condemn(FrameNumber frame);
  void spare(FrameNumber frame);
  // One pass over a bitmap: 64 frames a word.
  [[nodiscard]] bool any_condemned(std::uint64_t first, std::uint64_t count) const;
  // Boot: RAM that is not reserved becomes free.
  void add_free(FrameNumber frame) {
    const std::uint64_t n = frame.raw();
    bitmap_[n / 64] |= std::uint64_t{1} << (n % 64);
    if (n / 64 < hint_) hint_ = n / 64;
    ++info_->free_frames;
  }

  [[nodiscard]] bool is_live(ObjectRef ref, FrameUse use) const { return ref.frame < count_ && is_still(ref, use); }
  // Of a name that was live once, as those in the slots of capabilities.
  [[nodiscard]] bool is_still(ObjectRef ref, FrameUse use) const {
    return frames_[ref.frame].use == use && frames_[ref.frame].generation == ref.generation;
  }
  [[nodiscard]] ObjectRef ref_of(const void* object) const {
    const std::uint32_t frame = frame_index(object);
    return {frame, frames_[frame].generation};
  }
  template <typename T>
  [[nodiscard]] T* live(ObjectRef ref) const {
    return ref && is_live(ref, ObjectTraits<T>::use) ? &object_at<T>(ref.frame) : nullptr;
  }

 private:
  [[nodiscard]] bool is_free(std::uint64_t frame) const { return (bitmap_[frame / 64] >> (frame % 64) & 1) != 0; }
  [[nodiscard]] std::uint64_t first_taken(std::uint64_t from, std::uint64_t end) const;
  [[nodiscard]] std::uint64_t starts_in(std::uint64_t word, std::uint64_t count) const;

  abi::SystemInfo* info_ = nullptr;
  FrameInfo* frames_ = nullptr;
  std::uint64_t* bitmap_ = nullptr;
  std::uint64_t* condemned_ = nullptr;  // a bit per frame: its flag, for quick looks at ranges
  std::uint64_t count_ = 0;
  std::uint64_t words_ = 0;         // of the bitmap
  mutable std::uint64_t hint_ = 0;  // no free frame lies in a word of the bitmap before this one
};

}  // namespace aegis
