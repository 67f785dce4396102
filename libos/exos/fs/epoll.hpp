// SPDX-License-Identifier: MIT
// What other files need to know of epoll: a file that goes leaves the sets that watch it.
#pragma once

#include "libos/exos/file.hpp"

namespace exos {

void forget_watches(File& file);

}  // namespace exos
