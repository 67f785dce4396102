// SPDX-License-Identifier: MIT
// What is patched of one file: Inode::patches. Pages and stubs are the library's, mapped where the file is executed; they
// only ever gain sites, so a process that has a page mapped gets the sites that another one adds.
#pragma once

#include "libos/exos/file.hpp"

namespace exos {

inline constexpr std::size_t stub_size = 16;
inline constexpr std::size_t stub_pages = 4;
inline constexpr std::size_t stubs_per_page = abi::page_size / stub_size - 1;   // the first place holds the entry's address

struct PatchedSite {
  std::uint32_t offset = 0;      // in the file, of the two bytes
  std::uint32_t padding = 0;     // of the jump to the stub; 0: this site cannot be patched
};

struct PatchedPage {
  std::uint64_t index = 0;       // of the file
  std::uint64_t distance = 0;    // from the page to the stub area, in every mapping that shows it
  std::byte* memory = nullptr;   // all of the file's page, with its sites patched
};

class FilePatches {
 public:
  // `gaps`: pairs of offset and length, ascending (docs/archive.md).
  explicit FilePatches(std::span<const std::byte> gaps) : gaps_{gaps} {}
  FilePatches(const FilePatches&) = delete;
  FilePatches& operator=(const FilePatches&) = delete;
  ~FilePatches();

  [[nodiscard]] const PatchedPage* page(std::uint64_t index) const;
  [[nodiscard]] const PatchedSite* site(std::uint32_t offset) const;
  // The site whose jump starts at `offset`, or null.
  [[nodiscard]] const PatchedSite* site_by_padding(std::uint32_t offset) const;
  [[nodiscard]] std::byte* stubs(std::uint64_t index) const { return index < stub_pages ? stubs_[index] : nullptr; }
  [[nodiscard]] std::span<const PatchedPage> pages() const { return {pages_.data(), pages_.size()}; }
  [[nodiscard]] bool retired() const { return retired_; }

  // Patches the site in the copy of its page, `original`; remembered too when that cannot be done. An error changes nothing.
  [[nodiscard]] Status add(std::uint32_t offset, const std::byte* original, std::uint64_t distance);
  // The file changes: no page is patched any more. Stubs stay, for those who are in them.
  void retire();

 private:
  struct Gap { std::uint32_t offset, length; };
  [[nodiscard]] Gap gap(std::size_t i) const;
  [[nodiscard]] std::uint32_t find_padding(std::uint32_t offset) const;
  [[nodiscard]] bool padding_taken(std::uint32_t padding) const;
  [[nodiscard]] Result<PatchedPage*> make_page(std::uint64_t index, const std::byte* original, std::uint64_t distance);
  [[nodiscard]] Status make_stub_page();
  [[nodiscard]] std::size_t site_index(std::uint32_t offset) const;   // the first at or behind it
  [[nodiscard]] std::size_t page_index(std::uint64_t index) const;

  std::span<const std::byte> gaps_;
  Vector<PatchedSite> sites_;    // by offset
  Vector<PatchedPage> pages_;    // by index
  std::byte* stubs_[stub_pages]{};
  std::size_t stub_count_ = 0;
  bool retired_ = false;
  mutable std::size_t last_found_ = 0;   // in sites_: a site that cannot be patched is asked for again and again
};

[[nodiscard]] inline FilePatches* patches_of(const Inode& inode) { return static_cast<FilePatches*>(inode.patches); }

}  // namespace exos
