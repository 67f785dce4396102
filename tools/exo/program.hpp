// SPDX-License-Identifier: MIT
// Finds a program on the host as a shell would, and says what kind of thing it is.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

// The absolute path of a program by name (on PATH) or by path.
[[nodiscard]] Result<std::string> find_program(const std::string& name);

struct ProgramKind {
  bool is_script = false;
  std::string interpreter;               // of a script: its absolute path
  std::vector<std::string> also_runs;    // of a script: names that its interpreter will look up (#!/usr/bin/env NAME)
};

// Fails with 126 when the file is nothing that can be run here.
[[nodiscard]] Result<ProgramKind> inspect_program(const std::string& path);

}  // namespace exo
