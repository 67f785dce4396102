// SPDX-License-Identifier: MIT
// What the core keeps for one processor. `current` is who shall run; `loaded` is whose vector state and segment bases
// the hardware holds. They differ only inside the kernel, until settle() has made them equal: in ring 3 the entry code
// finds the env by `current`.
#pragma once

#include "kernel/core/object.hpp"

namespace aegis {

struct ProgramRoom;  // program.hpp

enum class Phase : std::uint8_t {
  idle,     // no slice
  running,  // inside a slice
  grace,    // after its end: the epilogue runs
};

// What a tag of the processor stands for.
struct Tag {
  ObjectRef space;
  std::uint64_t views = 0;  // Kernel::views_changed when what is remembered was last right
};

struct Cpu {
  arch::CpuId id{};
  std::uint64_t bit = 0;                        // 1 << id, in sets of processors
  Env* current = nullptr;
  Env* loaded = nullptr;                        // entry.S knows it too
  Nanoseconds since{};                          // when `loaded` came
  std::uint32_t space = 0;                      // whose page tables are in use; 0: the kernel's own
  std::uint32_t tag = 0, next_tag = 0;          // in use; to be taken for the next space that has none
  std::uint32_t position = abi::slices_per_cpu - 1;  // of the current slice, or the last one
  ObjectRef slice_owner;
  Phase phase = Phase::idle;
  bool started = false;
  bool deferred = false;                        // the slice's end has waited once
  bool watching = false;                        // idle, but an env that waits for a word owns a position
  bool hurries = false;                         // inside a slice, and nobody traces transfers: they may be quick
  bool look_again = false;                      // settle before the env goes on, also after a call that keeps it
  Nanoseconds slice_end{};
  Nanoseconds armed{0};                         // what the timer was last set to; 0: it has gone off
  std::array<Tag, arch::max_tags> tags{};
  abi::CpuInfo* info = nullptr;                 // its counters, and its ring: in the information pages
  abi::TraceRing* trace = nullptr;
  abi::TraceRecord* trace_place = nullptr;      // of the next record: trace->next modulo its capacity
  ProgramRoom* room = nullptr;                  // for the programs that it runs
};

}  // namespace aegis
