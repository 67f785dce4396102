// SPDX-License-Identifier: MIT
// The container lock: guards all that the library keeps. Whoever finds it held spins for a moment and then gives the
// processor to its root env, which sleeps until the lock is let go. The owner is recorded, so that who waits can see that it
// is dead, and the kernel lets a slice's end wait a little for who holds it (UserArea::defer).
#pragma once

#include "libos/exos/area.hpp"

namespace exos::container_lock {

void acquire();
void release();
// Of a root env whose task has left the processor because the lock is held.
void sleep_until_free();

}  // namespace exos::container_lock
