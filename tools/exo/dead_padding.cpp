// SPDX-License-Identifier: MIT
#include "exo/dead_padding.hpp"

#include <Zydis/Decoder.h>
#include <algorithm>
#include <optional>

namespace exo {
namespace {

struct Decoded {
  std::vector<bool> starts;             // by offset: an instruction begins here; one more entry for the end
  std::vector<std::size_t> targets;     // of direct branches, inside the function
  std::vector<CodeRange> padding;       // no-ops behind what never continues
};

bool never_continues(const ZydisDecodedInstruction& instruction) {
  switch (instruction.mnemonic) {
    case ZYDIS_MNEMONIC_RET: case ZYDIS_MNEMONIC_JMP: case ZYDIS_MNEMONIC_UD2: case ZYDIS_MNEMONIC_HLT: return true;
    default: return false;
  }
}

std::optional<Decoded> decode(std::span<const std::uint8_t> function) {
  ZydisDecoder decoder;
  if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) return std::nullopt;
  Decoded out{.starts = std::vector<bool>(function.size() + 1), .targets = {}, .padding = {}};
  bool dead = false;
  for (std::size_t at = 0; at < function.size();) {
    const auto rest = function.subspan(at);
    ZydisDecodedInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, rest.data(), rest.size(), &instruction)))
      return std::nullopt;
    out.starts[at] = true;
    const bool is_no_op = no_op_size(rest) == instruction.length;
    if (is_no_op && dead) {
      if (out.padding.empty() || out.padding.back().end != at) out.padding.push_back({at, at});
      out.padding.back().end = at + instruction.length;
    }
    at += instruction.length;
    const auto& immediate = instruction.raw.imm[0];
    if (instruction.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE && immediate.is_relative != 0) {
      const auto target = at + static_cast<std::uint64_t>(immediate.value.s);  // wraps for targets before the function
      if (target < function.size()) out.targets.push_back(static_cast<std::size_t>(target));
    }
    if (!is_no_op) dead = never_continues(instruction);
  }
  out.starts[function.size()] = true;
  std::ranges::sort(out.targets);
  return out;
}

}  // namespace

std::size_t no_op_size(std::span<const std::uint8_t> code) {
  std::size_t at = 0;
  if (code[0] == 0xcc) return 1;
  while (at < code.size() && (code[at] == 0x66 || code[at] == 0x2e)) ++at;
  if (at >= code.size()) return 0;
  if (code[at] == 0x90) return at + 1;
  if (at + 2 >= code.size() || code[at] != 0x0f || code[at + 1] != 0x1f) return 0;
  const unsigned mod = code[at + 2] >> 6, rm = code[at + 2] & 7u;
  if (mod == 3 || (mod == 0 && rm == 5)) return 0;
  const std::size_t size = at + 3 + (rm == 4 ? 1 : 0) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
  return size <= code.size() ? size : 0;
}

std::vector<CodeRange> dead_padding(std::span<const std::uint8_t> function) {
  auto decoded = decode(function);
  if (!decoded) return {};
  if (!std::ranges::all_of(decoded->targets, [&](std::size_t target) { return decoded->starts[target]; })) return {};
  std::erase_if(decoded->padding, [&](const CodeRange& range) {
    const auto target = std::ranges::lower_bound(decoded->targets, range.start);
    return target != decoded->targets.end() && *target < range.end;
  });
  return decoded->padding;
}

}  // namespace exo
