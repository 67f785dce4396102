// SPDX-License-Identifier: MIT
// An ELF file on the host, mapped for reading: what the dynamic loader would learn from it. Damaged files give less,
// never a bad access.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/elf.hpp"
#include "exo/descriptor.hpp"

namespace exo {

// A whole file mapped read-only and private.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept : data_{std::exchange(other.data_, {})} {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~MappedFile();
  [[nodiscard]] std::span<const std::byte> data() const { return data_; }

 private:
  std::span<const std::byte> data_;
};

struct ElfFile {
  std::string path;
  MappedFile file;
  base::elf::View view{};
  std::string interpreter;                 // PT_INTERP, or empty
  std::vector<std::string> needed;         // DT_NEEDED, in order
  std::vector<std::string> rpath, runpath; // colon-separated lists taken apart, $ORIGIN not yet replaced
  std::string soname;
  bool no_default_folders = false;         // DF_1_NODEFLIB

  [[nodiscard]] static base::Expected<ElfFile, base::elf::Fault> open(const std::string& path);

  // The bytes that the file has at a virtual address, to the end of that segment's file part; empty when it has none.
  [[nodiscard]] std::span<const std::byte> at(std::uint64_t address) const;
};

}  // namespace exo
