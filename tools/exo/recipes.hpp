// SPDX-License-Identifier: MIT
// Programs that need more at run time than their files tell: interpreters with a library of modules.
#pragma once

#include <string>
#include <vector>

#include "exo/tree.hpp"

namespace exo {

// Folders to take along for a program, by the path its links end in; empty for most.
[[nodiscard]] std::vector<std::string> run_time_folders(const std::string& real_path);

// Whether something inside such a folder is worth its place.
[[nodiscard]] bool belongs_in_guest(const std::string& path, const struct stat& status);

}  // namespace exo
