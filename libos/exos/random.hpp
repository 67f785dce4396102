// SPDX-License-Identifier: MIT
// Random bytes for programs: /dev/random, /dev/urandom, getrandom, AT_RANDOM, /proc/sys/kernel/random.
#pragma once

#include "base/std.hpp"

namespace exos {

// From the processor's generator, stretched by a cipher so that its weakness or absence is not the programs'.
void fill_random(void* to, std::size_t size);

}  // namespace exos
