// SPDX-License-Identifier: MIT
// From the start-up assembly into the program.
#include "libos/rt/start.hpp"

#include "libos/rt/calls.hpp"

extern "C" [[noreturn]] void rt_run(const abi::boot::Facts* facts);

extern "C" void rt_run(const abi::boot::Facts* facts) { rt::halt(program(*facts)); }
