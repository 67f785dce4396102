// SPDX-License-Identifier: MIT
// Instructions and values of eBPF as text, in the manner of llvm-objdump.
#include "exo/download.hpp"
#include "kernel/program/arithmetic.hpp"

namespace exo {
namespace bpf = abi::bpf;
namespace {

std::string number_text(std::int64_t value) {
  constexpr std::int64_t plain = 65536;
  if (value > -plain && value < plain) return std::to_string(value);
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string register_text(unsigned number, bool wide = true) { return (wide ? "r" : "w") + std::to_string(number); }

std::string offset_text(std::int64_t offset) {
  return (offset < 0 ? " - " : " + ") + std::to_string(offset < 0 ? -offset : offset);
}

std::string memory_text(bpf::Instruction at, unsigned pointer) {
  const std::string type = (at.mode() == bpf::memsx ? "s" : "u") + std::to_string(at.bytes() * 8);
  return "*(" + type + "*)(" + register_text(pointer) + offset_text(at.offset) + ")";
}

const char* sign_of(std::uint8_t operation, int offset) {
  switch (operation) {
    case bpf::add: return "+=";
    case bpf::sub: return "-=";
    case bpf::mul: return "*=";
    case bpf::div: return offset == 1 ? "s/=" : "/=";
    case bpf::mod: return offset == 1 ? "s%=" : "%=";
    case bpf::bit_or: return "|=";
    case bpf::bit_and: return "&=";
    case bpf::bit_xor: return "^=";
    case bpf::lsh: return "<<=";
    case bpf::rsh: return ">>=";
    case bpf::arsh: return "s>>=";
    default: return "=";
  }
}

const char* relation_of(std::uint8_t operation) {
  switch (operation) {
    case bpf::jeq: return "==";
    case bpf::jne: return "!=";
    case bpf::jgt: return ">";
    case bpf::jge: return ">=";
    case bpf::jlt: return "<";
    case bpf::jle: return "<=";
    case bpf::jsgt: return "s>";
    case bpf::jsge: return "s>=";
    case bpf::jslt: return "s<";
    case bpf::jsle: return "s<=";
    default: return "&";
  }
}

std::string arithmetic_text(bpf::Instruction at) {
  const bool wide = at.group() == bpf::alu64;
  const std::string dst = register_text(at.dst(), wide);
  const std::string operand = at.by_register() ? register_text(at.src(), wide) : number_text(at.immediate);
  if (at.operation() == bpf::neg) return dst + " = -" + dst;
  if (at.operation() == bpf::end) {
    const char* how = wide ? "bswap" : at.by_register() ? "be" : "le";
    return register_text(at.dst()) + " = " + how + std::to_string(at.immediate) + " " + register_text(at.dst());
  }
  const bool extends = at.operation() == bpf::mov && at.offset != 0;
  return dst + " " + sign_of(at.operation(), at.offset) + " " +
         (extends ? "(s" + std::to_string(at.offset) + ")" : "") + operand;
}

std::string call_text(const Download& download, bpf::Instruction at, std::size_t index) {
  if (at.src() == bpf::call_local) {
    const std::int64_t target = engine::call_target(at, static_cast<std::uint32_t>(index));
    std::string text = "call " + std::to_string(target);
    if (target >= 0 && target < static_cast<std::int64_t>(download.places.size())) {
      const std::string& function = download.places[static_cast<std::size_t>(target)].function;
      if (!function.empty()) text += " <" + function + ">";
    }
    return text;
  }
  if (at.immediate == static_cast<std::int32_t>(abi::ProgramHelper::now)) return "call now";
  if (at.immediate == static_cast<std::int32_t>(abi::ProgramHelper::caller)) return "call caller";
  return "call helper " + std::to_string(at.immediate);
}

std::string jump_text(const Download& download, bpf::Instruction at, std::size_t index) {
  if (at.operation() == bpf::exit) return "exit";
  if (at.operation() == bpf::call) return call_text(download, at, index);
  const std::string target = "goto " + std::to_string(engine::jump_target(at, static_cast<std::uint32_t>(index)));
  if (at.operation() == bpf::ja) return target;
  const bool wide = at.group() == bpf::jmp;
  const std::string operand = at.by_register() ? register_text(at.src(), wide) : number_text(at.immediate);
  return "if " + register_text(at.dst(), wide) + " " + relation_of(at.operation()) + " " + operand + " " + target;
}

std::string region_name(const Download& download, std::size_t index) {
  return index < download.region_names.size() ? download.region_names[index] : "region " + std::to_string(index);
}

std::string immediate_text(const Download& download, bpf::Instruction at, std::size_t index) {
  const auto low = static_cast<std::uint32_t>(at.immediate);
  const auto high =
      static_cast<std::uint32_t>(index + 1 < download.code.size() ? download.code[index + 1].immediate : 0);
  const std::string dst = register_text(at.dst()) + " = ";
  if (at.src() == bpf::imm_map_value || at.src() == bpf::imm_map_value_index)
    return dst + region_name(download, low) + (high == 0 ? "" : offset_text(high));
  return dst + number_text(static_cast<std::int64_t>(std::uint64_t{high} << 32 | low)) + " ll";
}

std::string atomic_text(bpf::Instruction at) {
  const bool wide = at.bytes() == 8;
  const std::string place = memory_text(at, at.dst()), src = register_text(at.src(), wide);
  if (at.immediate == bpf::atomic_exchange) return src + " = exchange(" + place + ", " + src + ")";
  if (at.immediate == bpf::atomic_compare) {
    const std::string result = register_text(0, wide);
    return result + " = compare_exchange(" + place + ", " + result + ", " + src + ")";
  }
  const auto operation = static_cast<std::uint8_t>(at.immediate & ~bpf::atomic_fetch);
  const std::string change = "lock " + place + " " + sign_of(operation, 0) + " " + src;
  return (at.immediate & bpf::atomic_fetch) != 0 ? src + " = fetch, " + change : change;
}

}  // namespace

std::string instruction_text(const Download& download, std::size_t index) {
  const bpf::Instruction at = download.code[index];
  switch (at.group()) {
    case bpf::alu:
    case bpf::alu64: return arithmetic_text(at);
    case bpf::jmp:
    case bpf::jmp32: return jump_text(download, at, index);
    case bpf::ld:
      return at.opcode == bpf::load_immediate ? immediate_text(download, at, index)
                                              : "packet load " + std::to_string(at.immediate);
    case bpf::ldx:
      return register_text(at.dst(), at.bytes() == 8 || at.mode() == bpf::memsx) + " = " + memory_text(at, at.src());
    case bpf::st: return memory_text(at, at.dst()) + " = " + number_text(at.immediate);
    default:
      if (at.mode() == bpf::atomic) return atomic_text(at);
      return memory_text(at, at.dst()) + " = " + register_text(at.src(), at.bytes() == 8);
  }
}

namespace {

std::string range_text(const engine::Range& range) {
  const auto lo = static_cast<std::int64_t>(range.lo), hi = static_cast<std::int64_t>(range.hi);
  if (range.is_constant()) return number_text(lo);
  std::string text;
  if (range.size() == engine::all_ones)
    text = "any number";
  else if (range.lo <= range.hi)
    text = number_text(lo) + " .. " + (hi < 0 ? "2^64 - " + number_text(0 - hi) : number_text(hi));
  else
    text = number_text(lo) + " .. " + number_text(hi);  // through 0
  return range.shift == 0 ? text : text + " in steps of " + std::to_string(std::uint64_t{1} << range.shift);
}

}  // namespace

std::string value_text(const Download& download, const engine::Value& value, std::uint64_t frame_top) {
  using engine::Region;
  using engine::What;
  switch (value.what) {
    case What::unset: return "not written on every way here";
    case What::number: return range_text(value.range);
    case What::length: return "the context's length, " + range_text(value.range);
    case What::mixed: return "different things on different ways here";
    case What::outer: return "pointer into the caller's stack";
    case What::bytes: return "bytes";
    case What::pointer: break;
  }
  if (value.region == Region::stack)
    return "pointer into the stack, r10 + " + range_text(minus(value.range, engine::Range::constant(frame_top)));
  const std::string where = value.region == Region::context
                                ? "the context"
                                : region_name(download, engine::slot_of(value.region) - engine::slot_of(Region::data));
  return "pointer into " + where + ", at " + range_text(value.range);
}

}  // namespace exo
