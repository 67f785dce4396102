// SPDX-License-Identifier: MIT
// Restartable sequences: a task that was interrupted in one goes on at its abort address. [linux rseq.h]
#pragma once

#include "libos/exos/processor.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/user_access.hpp"

namespace exos {

struct RseqArea { std::uint32_t cpu_at_start, cpu; std::uint64_t sequence; std::uint32_t flags, node, memory_cpu; };

// The task lost its processor in the program, or is about to run a handler: its frame may have to go to the abort address.
void leave_sequence(Task& task, std::uint64_t sequence);   // which its area names
inline void leave_sequence(Task& task) {
  if (task.rseq_area == 0) return;
  std::uint64_t sequence = 0;
  const bool told = get_in_place(sequence, reinterpret_cast<const RseqArea*>(task.rseq_area)->sequence);   // linux_rseq knows its range
  if (!told || sequence != 0) [[unlikely]] leave_sequence(task, sequence);   // 0 is no sequence's address: a fault of its own
}
// The words by which the program knows its processor, when that has changed.
void write_processor(Task& task);
inline void tell_processor(Task& task) {
  if (task.rseq_area != 0 && task.rseq_processor != current_area().processor->index) [[unlikely]] write_processor(task);
}

}  // namespace exos
