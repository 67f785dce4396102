// SPDX-License-Identifier: MIT
// The tables in the information pages beside the frame table: where each lies, and the entries of envs and programs. Each begins on a
// page of its own. Written by the kernel only, under its lock or by the processor that the entry is about; readers take
// no lock and see each word whole.
#pragma once

#include "kernel/core/object.hpp"

namespace aegis {

inline constexpr std::uint64_t trace_ring_size = 16 * 1024;
inline constexpr std::uint64_t cpu_info_size =
    base::align_up<std::uint64_t>(sizeof(abi::CpuInfo) + abi::call_count * sizeof(std::uint64_t), 64);

// Offsets in bytes from the first information page.
struct InfoLayout {
  std::uint64_t frames, slices, envs, programs, cpus, traces;
  std::uint64_t env_count, program_count;
  std::uint64_t pages;
};
[[nodiscard]] InfoLayout info_layout(std::uint64_t frame_count, std::uint32_t cpu_count);

// Who has which entry of a table. A free one's `account` holds the number of the next free one, its object is 0.
template <typename Entry, std::uint32_t Entry::* object>
class ObjectTable {
 public:
  constexpr ObjectTable() = default;
  void attach(std::span<Entry> entries) { entries_ = entries; }  // all zero

  [[nodiscard]] std::span<Entry> entries() const { return entries_; }
  [[nodiscard]] bool full() const { return free_ == end_of_list && fresh_ == entries_.size(); }
  // All zero; not when full().
  [[nodiscard]] Entry& take() {
    AEGIS_ASSERT(!full());
    if (free_ == end_of_list) return entries_[fresh_++];
    Entry& entry = entries_[free_];
    free_ = entry.account;
    entry = {};
    return entry;
  }
  void give_back(Entry& entry) {
    entry.*object = 0;
    entry.account = free_;
    free_ = static_cast<std::uint32_t>(&entry - entries_.data());
  }

 private:
  static constexpr std::uint32_t end_of_list = ~std::uint32_t{0};

  std::span<Entry> entries_{};
  std::uint32_t free_ = end_of_list;
  std::uint32_t fresh_ = 0;  // entries from here on have never been used
};
using EnvTable = ObjectTable<abi::EnvInfo, &abi::EnvInfo::env>;
using ProgramTable = ObjectTable<abi::ProgramEntry, &abi::ProgramEntry::program>;

}  // namespace aegis
