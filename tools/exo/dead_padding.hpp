// SPDX-License-Identifier: MIT
// Alignment padding inside a function: found by decoding it from its start, which the unwind table gives.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace exo {

struct CodeRange {
  std::size_t start, end;  // relative to the function's first byte
};

// Runs of no-ops behind an instruction that never continues (ret, jmp, ud2, hlt), to which no branch of the function
// leads. Nothing for a function whose bytes are not all instructions, or that branches into the middle of one: there may
// be data in it, and nobody can say what is dead.
[[nodiscard]] std::vector<CodeRange> dead_padding(std::span<const std::uint8_t> function);

// Bytes of one no-op or int3 at the start of `code`; 0 when it is neither. Covers the forms that assemblers pad with: cc,
// 90, and 0f 1f /0, each no-op under any of the prefixes 66 and 2e.
[[nodiscard]] std::size_t no_op_size(std::span<const std::uint8_t> code);

}  // namespace exo
