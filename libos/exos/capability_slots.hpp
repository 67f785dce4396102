// SPDX-License-Identifier: MIT
// Which slots of the container's capability table are free. The table grows by a leaf when none is.
#pragma once

#include "abi/types.hpp"
#include "libos/exos/errno.hpp"

namespace exos {

[[nodiscard]] Result<abi::CapSlot> take_slot();
void return_slot(abi::CapSlot slot);     // drops what is in it

// What a failed Aegis call means to a program: everything but want of memory is the library's own error.
[[nodiscard]] Errno to_errno(abi::Error error);

}  // namespace exos
