// SPDX-License-Identifier: MIT
// Restartable sequences: a task that was interrupted in one goes on at its abort address. [linux rseq.h]
#pragma once

#include "libos/exos/processor.hpp"
#include "libos/exos/task.hpp"

namespace exos {

// The task lost its processor in the program, or is about to run a handler: its frame may have to go to the abort address.
void leave_sequence(Task& task);
// The words by which the program knows its processor, when that has changed.
void write_processor(Task& task);
inline void tell_processor(Task& task) {
  if (task.rseq_area != 0 && task.rseq_processor != current_area().processor->index) [[unlikely]] write_processor(task);
}

}  // namespace exos
