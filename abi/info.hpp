// SPDX-License-Identifier: MIT
// The information pages: kernel tables that may be mapped read-only under the information capability.
#pragma once

#include "abi/types.hpp"

namespace abi {

inline constexpr std::uint64_t info_magic = 0x0031'5349'4745'4100;  // "\0AEGIS1"
inline constexpr std::uint32_t info_version = 1;
inline constexpr std::uint32_t slices_per_cpu = 64;
inline constexpr std::uint32_t max_cpus = 64;

// The first information frame. Time: ns = (rdtsc() - tsc_base) * tsc_mul >> tsc_shift (128-bit product).
struct SystemInfo {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t size;             // of this struct
  std::uint64_t frames;           // physical frames that the frame table describes: 0 .. frames-1
  std::uint64_t free_frames;      // free right now
  std::uint64_t kernel_frames;    // owned by the kernel since boot
  std::uint64_t info_base;        // first information frame: this page; the frame table follows
  std::uint64_t info_count;
  std::uint64_t frame_table_offset;  // bytes from the start of this page to the FrameInfo array
  std::uint64_t tsc_base;
  std::uint64_t tsc_mul;
  std::uint32_t tsc_shift;
  std::uint32_t cpus;
  std::uint64_t wall_base_ns;     // UTC nanoseconds since 1970 at ns == 0
  std::uint64_t slice_ns;         // length of a time slice
  std::uint64_t grace_ns;         // how long an epilogue may take
  std::uint64_t boot_tsc;         // TSC at the kernel's first instruction
  std::uint32_t xcr0;             // vector state that the kernel switches
  std::uint32_t xsave_size;
  std::uint64_t features;         // cpu_* bits below
};
inline constexpr std::uint64_t cpu_pku = 1u << 0, cpu_fsgsbase = 1u << 1, cpu_avx = 1u << 2, cpu_rdrand = 1u << 3;

enum class FrameUse : std::uint8_t {
  free = 0,
  reserved = 1,    // no RAM, firmware, kernel image
  plain = 2,       // owned by an account, contents are its own
  page_table = 3,
  space = 4, env = 5, table = 6, table_leaf = 7, account = 8,
  info = 9,        // information pages
};

// One per physical frame, index = frame number.
struct FrameInfo {
  std::uint32_t owner;        // frame number of the owning account; 0: the kernel
  std::uint32_t generation;   // of the object that lives here; grows when it dies
  std::uint32_t maps;         // plain: entries that map it; page tables: entries in use
  std::uint16_t pins;         // uses by the kernel that forbid freeing
  std::uint16_t refs;         // frames capabilities that cover it
  FrameUse use;
  std::uint8_t level;         // page tables: 1 = entries map pages ... 4 = top
  std::uint16_t reserved;
  std::uint32_t aux;          // page tables: frame number of their space
};
static_assert(sizeof(FrameInfo) == 24);

}  // namespace abi
