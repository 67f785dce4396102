// SPDX-License-Identifier: MIT
// A machine for the core on the host: memory is an array, processors are records, time stands still until told. It also
// watches: each page-table write is checked when it happens, and processors remember translations until they are
// flushed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/core/cpu.hpp"
#include "kernel/core/frame_table.hpp"
#include "kernel/core/traps.hpp"

namespace fake {

using aegis::Cpu;
using abi::FrameNumber;

inline constexpr std::uint64_t frame_count = 2048;
inline constexpr std::uint32_t cpu_count = 2;

struct PowerOff {
  std::uint32_t code;
};

struct Translation {
  FrameNumber frame;
  bool write, execute;
  bool large = false;  // forgotten together with the rest of its 2 MiB
};

inline std::uint32_t new_machines_tags = 4;

struct Machine {
  std::array<Cpu, cpu_count> cpus;
  std::array<std::uint64_t, cpu_count> top;          // frame of the tables in use; 0: the kernel's
  // What each processor remembers, by tag; the kernel's own tables have none.
  std::array<std::array<std::map<std::uint64_t, Translation>, aegis::arch::max_tags>, cpu_count> translations;
  std::array<std::uint32_t, cpu_count> tag;          // in use
  std::uint32_t tags = new_machines_tags;            // that a processor has; 1: none
  std::array<std::uint64_t, cpu_count> timer;
  std::array<unsigned, cpu_count> pokes;
  std::array<unsigned, cpu_count> asked;             // to forget translations
  aegis::FrameTable* frames = nullptr;               // set once it is built: page-table writes are checked against it
  std::uint32_t running = 0;                         // the processor that executes now
  std::uint64_t now_ns = 1;
  std::string log, console_out, console_in;
  std::size_t console_room = ~std::size_t{0};
};

[[nodiscard]] Machine& machine();
void reset();

// What the processor would find for `va`, by walking the tables that it uses.
[[nodiscard]] std::optional<Translation> walk(std::uint64_t top, std::uint64_t va);
// Every present page below user_end: each(va, entry).
template <typename F>
void each_page(std::uint64_t top, F each);
// Remembers every translation that the processor could have.
void fill_translations(std::uint32_t cpu);
// True when all that processors which run an env remember of its space is still so.
[[nodiscard]] bool translations_agree(std::string& why);

[[nodiscard]] inline std::uint64_t* table(std::uint64_t frame) {
  return reinterpret_cast<std::uint64_t*>(aegis::arch::frame_memory(FrameNumber{frame}));
}

template <typename F>
void each_page(std::uint64_t top, F each) {
  const auto present = [](std::uint64_t e) { return (e & abi::pte_present) != 0; };
  const auto frame = [](std::uint64_t e) { return (e & abi::pte_frame_mask) >> 12; };
  for (std::uint64_t a = 0; a < 256; ++a) {
    if (!present(table(top)[a])) continue;
    const std::uint64_t* l3 = table(frame(table(top)[a]));
    for (std::uint64_t b = 0; b < 512; ++b) {
      if (!present(l3[b])) continue;
      const std::uint64_t* l2 = table(frame(l3[b]));
      for (std::uint64_t c = 0; c < 512; ++c) {
        if (!present(l2[c])) continue;
        if ((l2[c] & abi::pte_large) != 0) {
          for (std::uint64_t d = 0; d < 512; ++d) each(a << 39 | b << 30 | c << 21 | d << 12, l2[c] + (d << 12));
          continue;
        }
        const std::uint64_t* l1 = table(frame(l2[c]));
        for (std::uint64_t d = 0; d < 512; ++d)
          if (present(l1[d])) each(a << 39 | b << 30 | c << 21 | d << 12, l1[d]);
      }
    }
  }
}

}  // namespace fake
