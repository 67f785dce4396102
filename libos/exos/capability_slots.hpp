// SPDX-License-Identifier: MIT
// Which slots of the container's capability table are free. The table grows by a leaf when none is.
#pragma once

#include "abi/types.hpp"
#include "libos/exos/errno.hpp"

namespace exos {

[[nodiscard]] Result<abi::CapSlot> take_slot();
void return_slot(abi::CapSlot slot);     // an empty one

// Ends an object of the container's and gives back its slot.
template <typename C>
void end_object(C cap) {
  if (!cap.destroy()) static_cast<void>(cap.drop());
  return_slot(cap.slot());
}

// What a failed Aegis call means to a program: everything but want of memory is the library's own error.
[[nodiscard]] Errno to_errno(abi::Error error);

}  // namespace exos
