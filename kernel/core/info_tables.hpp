// SPDX-License-Identifier: MIT
// The tables in the information pages beside the frame table: where each lies, and the entries of envs. Each begins on a
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
  std::uint64_t frames, slices, envs, cpus, traces;
  std::uint64_t env_count;
  std::uint64_t pages;
};
[[nodiscard]] InfoLayout info_layout(std::uint64_t frame_count, std::uint32_t cpu_count);

// Who has which EnvInfo. A free entry's `account` holds the number of the next free one, its `env` is 0.
class EnvTable {
 public:
  constexpr EnvTable() = default;
  void attach(std::span<abi::EnvInfo> entries) { entries_ = entries; }  // all zero

  [[nodiscard]] std::span<abi::EnvInfo> entries() const { return entries_; }
  [[nodiscard]] bool full() const { return free_ == end_of_list && fresh_ == entries_.size(); }
  [[nodiscard]] abi::EnvInfo& take();  // all zero; not when full()
  void give_back(abi::EnvInfo& entry);

 private:
  static constexpr std::uint32_t end_of_list = ~std::uint32_t{0};

  std::span<abi::EnvInfo> entries_{};
  std::uint32_t free_ = end_of_list;
  std::uint32_t fresh_ = 0;  // entries from here on have never been used
};

}  // namespace aegis
