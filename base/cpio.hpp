// SPDX-License-Identifier: MIT
// Reader of the "newc" cpio format, the boot archive. Knows nothing of file systems; every field is checked.
//
// An entry: 110 bytes of header (magic "070701" and 13 fields of 8 hex digits), the name with its NUL, padding to 4,
// the data, padding to 4. `exo` pads names with further NULs so that file data starts on a page; readers need not care.
#pragma once

#include "base/bits.hpp"
#include "base/std.hpp"

namespace base::cpio {

struct Entry {
  std::string_view name;             // without the NULs
  std::uint32_t inode = 0;
  std::uint32_t mode = 0;            // S_IFMT and permissions, as Linux has them
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t links = 0;
  std::uint32_t mtime = 0;           // seconds since 1970
  std::uint32_t rdev_major = 0, rdev_minor = 0;
  std::span<const std::byte> data;   // file contents, or a symbolic link's target
  std::uint64_t data_offset = 0;     // of `data`, from the start of the archive
};

enum class Step { entry, end, broken };

class Reader {
 public:
  explicit constexpr Reader(std::span<const std::byte> archive) : archive_{archive} {}

  // Reads the next entry; `end` at the trailer or at the end of the memory, `broken` where the format is not kept.
  [[nodiscard]] Step next(Entry& out) {
    constexpr std::size_t header = 110;
    if (at_ == archive_.size()) return Step::end;
    if (archive_.size() - at_ < header) return Step::broken;
    const char* h = reinterpret_cast<const char*>(archive_.data()) + at_;
    if (std::string_view{h, 6} != "070701") return Step::broken;
    std::array<std::uint32_t, 13> field{};
    for (std::size_t i = 0; i < field.size(); ++i)
      if (!hex(h + 6 + 8 * i, field[i])) return Step::broken;
    const std::uint64_t name_size = field[11], data_size = field[6];
    const std::uint64_t name_at = at_ + header;
    if (name_size == 0 || !range_within(name_at, name_size, archive_.size())) return Step::broken;
    const std::uint64_t data_at = align_up<std::uint64_t>(name_at + name_size, 4);
    if (!range_within(data_at, data_size, archive_.size())) return Step::broken;
    std::string_view name{h + header, static_cast<std::size_t>(name_size)};
    if (name.back() != '\0') return Step::broken;
    name = name.substr(0, name.find('\0'));
    if (name == "TRAILER!!!") return Step::end;
    out = Entry{.name = name, .inode = field[0], .mode = field[1], .uid = field[2], .gid = field[3],
                .links = field[4], .mtime = field[5], .rdev_major = field[9], .rdev_minor = field[10],
                .data = archive_.subspan(static_cast<std::size_t>(data_at), static_cast<std::size_t>(data_size)),
                .data_offset = data_at};
    const std::uint64_t next = align_up<std::uint64_t>(data_at + data_size, 4);
    at_ = next < archive_.size() ? static_cast<std::size_t>(next) : archive_.size();
    return Step::entry;
  }

 private:
  static constexpr bool hex(const char* text, std::uint32_t& out) {
    out = 0;
    for (int i = 0; i < 8; ++i) {
      const char c = text[i];
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
      else return false;
      out = out << 4 | digit;
    }
    return true;
  }
  std::span<const std::byte> archive_;
  std::size_t at_ = 0;
};

}  // namespace base::cpio
