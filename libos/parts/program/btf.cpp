// SPDX-License-Identifier: MIT
#include "libos/parts/program/btf.hpp"

namespace parts::program {
namespace {

constexpr std::uint16_t magic = 0xeb9f;
enum Kind : std::uint32_t {
  integer = 1,
  pointer,
  array,
  structure,
  union_of,
  enumeration,
  forward,
  name_of,
  volatile_of,
  const_of,
  restrict_of,
  function,
  prototype,
  variable,
  section,
  floating,
  declaration_tag,
  type_tag,
  wide_enumeration
};
constexpr unsigned longest_chain = 16;  // of names, qualifiers and arrays of arrays

// Bytes that follow the twelve of every type.
std::uint64_t details_of(std::uint32_t kind, std::uint32_t count) {
  switch (kind) {
    case integer:
    case variable:
    case declaration_tag: return 4;
    case array: return 12;
    case structure:
    case union_of:
    case section:
    case wide_enumeration: return std::uint64_t{count} * 12;
    case enumeration:
    case prototype: return std::uint64_t{count} * 8;
    default: return 0;
  }
}

std::span<const std::byte> part(std::span<const std::byte> all, std::uint64_t start, std::uint64_t size) {
  return base::range_within(start, size, all.size()) ? all.subspan(start, size) : std::span<const std::byte>{};
}

}  // namespace

Btf::Btf(const Object& object) {
  const auto bytes = object.find(".BTF").bytes, more = object.find(".BTF.ext").bytes;
  const auto word = [](std::span<const std::byte> from, std::uint64_t at) {
    return std::uint64_t{read_at<std::uint32_t>(from, at).value_or(0)};
  };
  if (read_at<std::uint16_t>(bytes, 0) == magic) {
    const std::uint64_t header = word(bytes, 4);
    types_ = part(bytes, header + word(bytes, 8), word(bytes, 12));
    strings_ = part(bytes, header + word(bytes, 16), word(bytes, 20));
  }
  if (read_at<std::uint16_t>(more, 0) == magic) lines_ = part(more, word(more, 4) + word(more, 16), word(more, 20));
}

std::optional<Btf::Type> Btf::next(std::uint64_t& at) const {
  const auto head = read_at<std::array<std::uint32_t, 3>>(types_, at);
  if (!head) return std::nullopt;
  const Type found{.at = at + 12,
                   .name = (*head)[0],
                   .kind = (*head)[1] >> 24 & 31,
                   .count = (*head)[1] & 0xffff,
                   .size_or_type = (*head)[2]};
  at += 12 + details_of(found.kind, found.count);
  return found;
}

std::optional<Btf::Type> Btf::type(std::uint32_t id) const {
  std::uint64_t at = 0;
  for (std::uint32_t i = 1; id != 0; ++i) {
    const auto found = next(at);
    if (!found || i == id) return found;
  }
  return std::nullopt;
}

std::optional<Btf::Type> Btf::plain(std::uint32_t id) const {
  for (unsigned i = 0; i < longest_chain; ++i) {
    const auto found = type(id);
    if (!found) return std::nullopt;
    switch (found->kind) {
      case name_of:
      case volatile_of:
      case const_of:
      case restrict_of:
      case type_tag: id = found->size_or_type; break;
      default: return found;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Btf::size_of(std::uint32_t id) const {
  std::uint64_t count = 1;
  for (unsigned i = 0; i < longest_chain; ++i) {
    const auto found = plain(id);
    if (!found) return std::nullopt;
    switch (found->kind) {
      case integer:
      case structure:
      case union_of:
      case enumeration:
      case floating:
      case wide_enumeration: return count * found->size_or_type;
      case pointer: return count * 8;
      case array: {
        const auto shape = read_at<std::array<std::uint32_t, 3>>(types_, found->at);  // element, index, length
        if (!shape) return std::nullopt;
        count *= (*shape)[2];
        if (count > ~0u) return std::nullopt;
        id = (*shape)[0];
        break;
      }
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

// `int (*name)[N]`: how numbers are written in a map's declaration.
std::optional<std::uint32_t> Btf::length_of_array_behind(std::uint32_t id) const {
  const auto outer = plain(id);
  if (!outer || outer->kind != pointer) return std::nullopt;
  const auto inner = plain(outer->size_or_type);
  if (!inner || inner->kind != array) return std::nullopt;
  return read_at<std::uint32_t>(types_, inner->at + 8);
}

std::optional<MapShape> Btf::shape_of(const Type& map) const {
  constexpr std::uint32_t array_map = 2;  // BPF_MAP_TYPE_ARRAY
  MapShape shape;
  bool is_array = false;
  for (std::uint32_t i = 0; i < map.count; ++i) {
    const auto member =
        read_at<std::array<std::uint32_t, 3>>(types_, map.at + std::uint64_t{i} * 12);  // name, type, place
    if (!member) return std::nullopt;
    const std::string_view name = text((*member)[0]);
    if (name == "type")
      is_array = length_of_array_behind((*member)[1]) == array_map;
    else if (name == "max_entries")
      shape.count = length_of_array_behind((*member)[1]).value_or(0);
    else if (name == "value_size")
      shape.value_bytes = length_of_array_behind((*member)[1]).value_or(0);
    else if (name == "value") {
      const auto outer = plain((*member)[1]);
      const auto size = outer && outer->kind == pointer ? size_of(outer->size_or_type) : std::nullopt;
      shape.value_bytes = size && *size <= ~0u ? static_cast<std::uint32_t>(*size) : 0;
    }
  }
  if (!is_array || shape.count == 0 || shape.value_bytes == 0) return std::nullopt;
  return shape;
}

std::optional<MapShape> Btf::map_at(std::uint64_t offset) const {
  std::uint64_t at = 0;
  while (const auto found = next(at)) {
    if (found->kind != section || text(found->name) != ".maps") continue;
    for (std::uint32_t i = 0; i < found->count; ++i) {
      const auto entry =
          read_at<std::array<std::uint32_t, 3>>(types_, found->at + std::uint64_t{i} * 12);  // variable, offset, size
      if (!entry) return std::nullopt;
      if ((*entry)[1] != offset) continue;
      const auto holder = type((*entry)[0]);
      const auto map = holder && holder->kind == variable ? plain(holder->size_or_type) : std::nullopt;
      return map && map->kind == structure ? shape_of(*map) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<SourceLine> Btf::line_of(std::string_view wanted, std::uint64_t offset) const {
  constexpr std::uint32_t least_record = 16;
  const auto record_size = read_at<std::uint32_t>(lines_, 0);
  if (!record_size || *record_size < least_record) return std::nullopt;
  std::optional<SourceLine> best;
  std::uint64_t best_offset = 0;
  for (std::uint64_t at = 4;
       const auto head = read_at<std::array<std::uint32_t, 2>>(lines_, at);) {  // section, records
    const bool here = text((*head)[0]) == wanted;
    const std::uint64_t records = std::uint64_t{(*head)[1]} * *record_size;
    at += 8;
    if (!base::range_within(at, records, lines_.size())) break;
    for (std::uint32_t i = 0; here && i < (*head)[1]; ++i) {
      const auto record = read_at<std::array<std::uint32_t, 4>>(lines_, at + std::uint64_t{i} * *record_size);
      if (!record) break;
      if ((*record)[0] > offset || (best && (*record)[0] < best_offset)) continue;
      best_offset = (*record)[0];
      best = SourceLine{.file = text((*record)[1]),
                        .text = text((*record)[2]),
                        .line = (*record)[3] >> 10,
                        .column = (*record)[3] & 0x3ff};
    }
    at += records;
  }
  return best;
}

}  // namespace parts::program
