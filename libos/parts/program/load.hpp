// SPDX-License-Identifier: MIT
// Makes of an object of `clang -target bpf` what program_load takes (abi/program.hpp): the program's function first,
// behind it those that it calls, references to data turned into region and offset. The regions, in the order of their
// first use: all constants together (read-only), all variables together, and each map (.maps, an array of values in
// BTF) by itself, so that its frames can be given to a second program too. The kind stands in the section's name, as
// `filter` or `filter/web`.
#pragma once

#include "abi/program.hpp"
#include "libos/parts/program/btf.hpp"

namespace parts::program {

struct RegionImage {
  std::string_view name = {};  // "constants", "variables", or the map's
  std::uint64_t bytes = 0;
  bool writable = false;
};

// Where an instruction comes from.
struct Origin {
  std::uint32_t section = 0;
  std::uint64_t offset = 0;
  std::string_view function = {};
};

class Loader {
 public:
  // `object` and `code` (max_program_length is always enough) must stay while the loader is used.
  Loader(const Object& object, std::span<abi::bpf::Instruction> code) : object_{object}, btf_{object}, code_{code} {}

  // `name`: a function, or the section of one; empty: the only function that has a section of its own, or is alone.
  [[nodiscard]] Result<void> load(std::string_view name);

  // What load() found; `first` of the regions and the address of the code are the caller's to fill in. The kind is the
  // section's, 0 when that names none; steps are as many as the kind allows.
  [[nodiscard]] abi::ProgramHeader header() const;
  [[nodiscard]] std::uint32_t length() const { return length_; }
  [[nodiscard]] std::string_view name() const { return functions_[0].name; }
  [[nodiscard]] std::span<const RegionImage> regions() const { return {regions_.data(), region_count_}; }
  // Writes what a region holds at first into `out`, which is as long as its frames.
  void fill(std::uint32_t region, std::span<std::byte> out) const;
  [[nodiscard]] Origin origin(std::uint32_t instruction) const;
  [[nodiscard]] const Btf& btf() const { return btf_; }

 private:
  struct Function {
    std::uint32_t section = 0, start = 0, count = 0, at = 0;  // in instructions; `at`: in the program
    std::string_view name = {};
  };
  struct Piece {  // of a region: a section's bytes, or nothing of the file (a map)
    std::uint32_t section = 0, region = 0;
    std::uint64_t offset = 0, map = 0;
  };

  [[nodiscard]] Result<Symbol> choose(std::string_view name) const;
  [[nodiscard]] Result<std::uint32_t> add_function(std::uint32_t section, std::uint64_t offset, std::uint32_t caller,
                                                   std::uint64_t from);
  [[nodiscard]] Result<void> relocate(const Function& function);
  [[nodiscard]] Result<void> relocate_one(const Function& function, const Relocation& relocation);
  [[nodiscard]] Result<void> connect_calls(const Function& function);
  [[nodiscard]] Result<void> connect_call(const Function& from, std::uint32_t at, std::uint32_t section,
                                          std::int64_t target);
  [[nodiscard]] Result<void> refer_to_data(const Function& from, std::uint32_t at, const Symbol& symbol);
  [[nodiscard]] Result<Piece> add_data(const Section& section, const Failure& where);
  [[nodiscard]] Result<Piece> add_map(const Section& section, std::uint64_t offset, const Failure& where);
  [[nodiscard]] Result<std::uint32_t> add_region(const RegionImage& image, const Failure& where);

  static constexpr std::uint32_t max_pieces = 16;
  static constexpr std::uint32_t no_region = ~0u;

  const Object& object_;
  Btf btf_;
  std::span<abi::bpf::Instruction> code_;
  std::uint32_t length_ = 0, function_count_ = 0, region_count_ = 0, piece_count_ = 0;
  std::uint32_t constants_ = no_region, variables_ = no_region;
  std::array<Function, abi::max_program_functions> functions_{};
  std::array<RegionImage, abi::max_program_regions> regions_{};
  std::array<Piece, max_pieces> pieces_{};
  std::array<std::uint64_t, abi::max_program_length / 64> relocated_{};  // a bit for each instruction
};

}  // namespace parts::program
