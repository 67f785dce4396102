// SPDX-License-Identifier: MIT
// An object file of `clang -target bpf`: sections, symbols, relocations. Every field is checked when it is read; a
// damaged file gives less or a Fault, never a bad access. Allocates nothing. [gabi 4.1]
#pragma once

#include "base/elf.hpp"

namespace parts::program {

enum class Fault : std::uint8_t {
  not_elf,             // no ELF magic
  not_bpf,             // ELF, but no relocatable little-endian object for BPF
  damaged,             // a table lies outside the file, or makes no sense
  no_program,          // no function that could be the program, or none of this name
  which_program,       // several, and no name was given
  no_function,         // a call leads where no function begins
  unknown_symbol,      // the code refers to what this object does not define
  code_address,        // the address of a function is taken
  pointer_in_data,     // data that holds addresses: there are none to fill in
  bad_relocation,      // of a kind or at a place that means nothing here
  no_map_description,  // a map without BTF (-g), or other than an array of values
  outside_data,        // an address beside the variable's section
  region_too_large,
  too_many_regions,  // sections, or maps
  too_many_functions,
  too_long,  // more instructions than a program may have
};

[[nodiscard]] constexpr std::string_view describe(Fault fault) {
  switch (fault) {
    case Fault::not_elf: return "not an ELF file";
    case Fault::not_bpf: return "not an object of `clang -target bpf`";
    case Fault::damaged: return "a damaged ELF file";
    case Fault::no_program: return "no such program in it";
    case Fault::which_program: return "several programs: say which one";
    case Fault::no_function: return "call of what is no function";
    case Fault::unknown_symbol: return "a symbol that the object does not define";
    case Fault::code_address: return "the address of a function is taken";
    case Fault::pointer_in_data: return "data that holds pointers";
    case Fault::bad_relocation: return "a relocation that means nothing here";
    case Fault::no_map_description: return "a map that is not described in BTF (compile with -g) as an array";
    case Fault::outside_data: return "an address outside its section";
    case Fault::region_too_large: return "more data than a region holds";
    case Fault::too_many_regions: return "more maps and sections than a program may have regions";
    case Fault::too_many_functions: return "more functions than a program may have";
    case Fault::too_long: return "more instructions than a program may have";
  }
  return "a broken object";
}

// Where it was: byte `offset` of a section (0: of none), and the symbol that it is about, if any.
struct Failure {
  Fault fault;
  std::uint32_t section = 0;
  std::uint64_t offset = 0;
  std::string_view symbol = {};
};
template <typename T>
using Result = base::Expected<T, Failure>;

struct Section {
  std::uint32_t index = 0;
  std::string_view name = {};
  std::uint32_t type = 0, link = 0, info = 0;
  std::uint64_t flags = 0, size = 0, alignment = 1;
  std::span<const std::byte> bytes = {};  // none when the file has none of it

  [[nodiscard]] bool is_code() const { return (flags & 4) != 0; }
  [[nodiscard]] bool is_writable() const { return (flags & 1) != 0; }
  [[nodiscard]] bool is_data() const { return (flags & 2) != 0 && !is_code(); }
};

struct Symbol {
  std::string_view name = {};
  std::uint32_t section = 0;  // 0: defined elsewhere; special numbers are above all sections
  std::uint64_t value = 0, size = 0;
  bool is_function = false, is_global = false;
};

struct Relocation {
  std::uint64_t offset;
  std::uint32_t type, symbol;
};
inline constexpr std::uint32_t data_reference = 1, code_reference = 10;  // R_BPF_64_64, R_BPF_64_32

// A piece of bytes as a table of T, without regard to alignment.
template <typename T>
[[nodiscard]] std::optional<T> read_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (!base::range_within(offset, sizeof(T), bytes.size())) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}
// The text that begins there, ended by a zero byte; empty when it is not.
[[nodiscard]] std::string_view text_at(std::span<const std::byte> bytes, std::uint64_t offset);

class Object {
 public:
  // `file` must stay while the object, or a name it gave out, is used.
  [[nodiscard]] static Result<Object> open(std::span<const std::byte> file);

  [[nodiscard]] std::uint32_t section_count() const { return section_count_; }
  [[nodiscard]] Section section(std::uint32_t index) const;  // an empty one when there is none
  [[nodiscard]] Section find(std::string_view name) const;
  [[nodiscard]] std::uint32_t symbol_count() const { return symbol_count_; }
  [[nodiscard]] Symbol symbol(std::uint32_t index) const;
  // The function that begins there.
  [[nodiscard]] std::optional<Symbol> function_at(std::uint32_t section, std::uint64_t offset) const;
  // The relocations of a section: a table of Relocation.
  [[nodiscard]] Section relocations_of(std::uint32_t section) const;
  [[nodiscard]] static std::size_t relocation_count(const Section& table) { return table.bytes.size() / 16; }
  [[nodiscard]] static Relocation relocation(const Section& table, std::size_t index);

 private:
  std::span<const std::byte> file_;
  std::uint64_t sections_ = 0;
  std::uint32_t section_count_ = 0, symbol_count_ = 0;
  std::span<const std::byte> section_names_, symbols_, symbol_names_;
};

}  // namespace parts::program
