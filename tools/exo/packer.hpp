// SPDX-License-Identifier: MIT
// Collects in a tree what a program needs: its file, interpreter, libraries, run-time folders, a few files of /etc.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "exo/library_search.hpp"
#include "exo/tree.hpp"

namespace exo {

class Packer {
 public:
  explicit Packer(const std::string& library_path) : search_{library_path} {}

  // A program at an absolute host path, and all that starting it takes.
  Status add_program(const std::string& path);
  // --copy: a path (a directory: all below it), or the name of a program on PATH.
  Status add_copy(const std::string& what);
  // -v: a host directory or file under a guest path, over whatever the tree has there. Returns the guest path, links
  // resolved.
  Result<std::string> add_volume(const std::string& host, const std::string& guest);
  // What every guest has. Last, when it is known whether glibc is there.
  Status add_common();

  [[nodiscard]] Tree& tree() { return tree_; }
  [[nodiscard]] const Tree& tree() const { return tree_; }

 private:
  enum class Missing { is_an_error, is_left_out };
  Status add_libraries(const std::string& path, Missing missing);
  Status add_libraries_below(const std::string& guest);

  Tree tree_;
  LibrarySearch search_;
  Loader loader_ = Loader::glibc;
  std::set<std::string> done_;                       // programs and libraries already resolved
  std::map<std::string, std::string> from_cache_;
};

}  // namespace exo
