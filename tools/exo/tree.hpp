// SPDX-License-Identifier: MIT
// The file tree that a guest will see, by guest path without the leading slash. Knows where each file's bytes are on
// the host, not what they mean. Invariant: every node's parent is a directory node of the tree.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "exo/failure.hpp"

namespace exo {

struct Node {
  enum class Kind { directory, file, link, text, pipe };
  Kind kind = Kind::directory;
  std::string host;   // file: its path on the host
  std::string text;   // link: the target; text: the contents
  std::uint32_t mode = 0755;  // permissions
  std::uint32_t uid = 0, gid = 0, mtime = 0;
  std::uint64_t size = 0;
  std::uint64_t device = 0, inode = 0;  // of the host's file, to find hard links
  std::uint32_t links = 1;
};

class Tree {
 public:
  // Whether an entry of a folder is taken: host path, and its status.
  using Filter = std::function<bool(const std::string&, const struct stat&)>;
  enum class Unreadable { is_an_error, is_left_out };

  Tree();

  // Takes the file or directory at an absolute host path under the same name, and every symbolic link on the way to it.
  // Returns where the way ended (no links left in it).
  Result<std::string> add_path(const std::string& host);
  // Takes a directory with all below it to `guest`.
  Status add_folder(const std::string& host, const std::string& guest, const Filter& filter, Unreadable unreadable);
  Status add_file(const std::string& host, const std::string& guest);
  void add_text(const std::string& guest, std::string text, std::uint32_t mode);
  void make_folder(const std::string& guest, std::uint32_t mode = 0755);
  // Takes away what is at and below `guest`: something is laid over it.
  void remove(const std::string& guest);
  // Where a guest path leads by the links of this tree, whether or not anything is there yet.
  [[nodiscard]] std::string resolve(const std::string& guest) const;

  [[nodiscard]] const Node* find(const std::string& guest) const;
  [[nodiscard]] const std::map<std::string, Node>& nodes() const { return nodes_; }

 private:
  void make_parents(const std::string& key);
  static Node node_of(const std::string& host, const struct stat& status);
  Status add_entry(const std::string& host, const std::string& key, const Filter& filter, Unreadable unreadable);

  std::map<std::string, Node> nodes_;  // "" is the root; sorted, so a directory stands before its contents
};

// Absolute, without "." and "..", without a look at the disk.
[[nodiscard]] std::string normal_path(const std::string& path, const std::string& base);

}  // namespace exo
