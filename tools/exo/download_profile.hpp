// SPDX-License-Identifier: MIT
// Runs of a downloaded program on the host, in the interpreter, and its native code as text.
#pragma once

#include "exo/download.hpp"

namespace exo {

struct ProfileOptions {
  std::vector<std::string> inputs, captures;
};

struct Profile {
  unsigned long long runs = 0, steps = 0, nonzero = 0, zero = 0, outside = 0, exhausted = 0;
  std::vector<unsigned long long> hits;  // by instruction
};

using Contexts = std::vector<std::vector<std::byte>>;
[[nodiscard]] Result<Contexts> read_contexts(const ProfileOptions& options);

// The regions begin as the object has them, and keep what a run has written for the next.
[[nodiscard]] Profile run_profile(const Download& download, const Verified& verified, const Contexts& contexts);

// A line for each machine instruction of [from, to).
[[nodiscard]] std::string native_text(std::span<const std::byte> code, std::size_t from, std::size_t to);

}  // namespace exo
