// SPDX-License-Identifier: MIT
// Building blocks of /proc and /sys: text files and links whose contents a function makes when they are looked at.
#pragma once

#include "base/format.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/fs/open_file.hpp"

namespace exos {

struct Process;

// Text that grows; the first failure sticks.
class Report {
 public:
  template <typename... Args>
  Report& print(base::FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
    base::Text<512> piece{format, args...};
    return add(piece.view());
  }
  Report& add(std::string_view text) {
    if (status_.has_value()) status_ = text_.append(text);
    return *this;
  }
  [[nodiscard]] Result<String> take() {
    if (!status_.has_value()) return Fail{status_.error()};
    return std::move(text_);
  }

 private:
  String text_;
  Status status_;
};

// What a node is about: a process (by its first task, or in /task one of its tasks), or nothing.
struct Subject { std::uint32_t pid = 0, tid = 0; bool of_task = false; };

using TextMaker = Status (*)(Report& out, const Subject& subject);
using TextTaker = Status (*)(std::string_view text, const Subject& subject);

struct TextEntry {
  std::string_view name;
  TextMaker make = nullptr;
  std::uint32_t mode = 0444;
  TextTaker take = nullptr;     // for writable ones
};

[[nodiscard]] Result<InodeRef> make_text_inode(FileSystem& fs, const TextEntry& entry, const Subject& subject);

using LinkMaker = Result<String> (*)(const Subject& subject);
using LinkFinder = Result<InodeRef> (*)(const Subject& subject);
[[nodiscard]] Result<InodeRef> make_link_inode(FileSystem& fs, const Subject& subject, LinkMaker target, LinkFinder find);

// Base of directories that are made up when they are looked at.
class SyntheticDirectory : public Directory {
 public:
  [[nodiscard]] std::uint64_t blocks() const override { return 0; }
  void initialise(FileSystem& fs, std::uint32_t new_mode, InodeRef above) {
    initialise_inode(*this, fs, mode_directory | new_mode);
    links = 2;
    parent = std::move(above);
  }
};

// A tree of directories and texts that never changes: made once, by path.
class FixedTree {
 public:
  explicit FixedTree(InodeRef root) : root_{std::move(root)} {}
  [[nodiscard]] Status add(std::string_view path, const TextEntry& entry);
  [[nodiscard]] Status add_directory(std::string_view path);

 private:
  Result<InodeRef> directory(std::string_view path);
  InodeRef root_;
};
// Nobody changes its entries from now on, nor those of the directories below.
void freeze(Inode& directory);

[[nodiscard]] Result<std::uint32_t> number_from(std::string_view text);

// proc_process.cpp
[[nodiscard]] Result<InodeRef> make_process_directory(const Subject& subject, InodeRef above);
[[nodiscard]] Status make_mounts(Report& out, const Subject& subject);
// proc_memory.cpp
[[nodiscard]] Result<InodeRef> make_memory_inode(FileSystem& fs, const Subject& subject);
[[nodiscard]] Status make_auxiliary(Report& out, const Subject& subject);
// proc_system.cpp: what is not about a process
[[nodiscard]] Status fill_proc(FixedTree& tree);
[[nodiscard]] Status fill_sys(FixedTree& tree);

}  // namespace exos
