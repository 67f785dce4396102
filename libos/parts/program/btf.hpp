// SPDX-License-Identifier: MIT
// What `clang -target bpf -g` writes about types and source lines, as far as it is needed: how large a map is, and
// which line an instruction comes from. [Linux, Documentation/bpf/btf.rst]
#pragma once

#include "libos/parts/program/object.hpp"

namespace parts::program {

// A map of .maps: an array of `count` values of `value_bytes`.
struct MapShape {
  std::uint32_t count = 0, value_bytes = 0;
};

struct SourceLine {
  std::string_view file, text;
  std::uint32_t line = 0, column = 0;
};

class Btf {
 public:
  explicit Btf(const Object& object);  // of an object without it: finds nothing

  // The map whose variable begins at `offset` of .maps.
  [[nodiscard]] std::optional<MapShape> map_at(std::uint64_t offset) const;
  [[nodiscard]] std::optional<SourceLine> line_of(std::string_view section, std::uint64_t offset) const;

 private:
  struct Type {
    std::uint64_t at = 0;  // of its members or other details, in types_
    std::uint32_t name = 0, kind = 0, count = 0, size_or_type = 0;
  };
  [[nodiscard]] std::optional<Type> next(std::uint64_t& at) const;
  [[nodiscard]] std::optional<Type> type(std::uint32_t id) const;
  [[nodiscard]] std::optional<Type> plain(std::uint32_t id) const;  // behind names and qualifiers
  [[nodiscard]] std::optional<std::uint64_t> size_of(std::uint32_t id) const;
  [[nodiscard]] std::optional<std::uint32_t> length_of_array_behind(std::uint32_t id) const;
  [[nodiscard]] std::optional<MapShape> shape_of(const Type& map) const;
  [[nodiscard]] std::string_view text(std::uint32_t offset) const { return text_at(strings_, offset); }

  std::span<const std::byte> types_, strings_, lines_;
};

}  // namespace parts::program
