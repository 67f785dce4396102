// SPDX-License-Identifier: MIT
// What a program that starts through rt/start.S defines.
#pragma once

#include "abi/boot.hpp"

// Returning halts the env with the result.
std::uint64_t program(const abi::boot::Facts& facts);
