// SPDX-License-Identifier: MIT
// Directories that the guest sees (-v), and how its changes come back: all of them or none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "exo/failure.hpp"

namespace exo {

struct Volume {
  std::string host, guest;   // both absolute
  bool is_writable = false;  // written back at the program's end

  // "SRC:DST[:ro|:rw]"; SRC relative to this process, and it must exist.
  [[nodiscard]] static Result<Volume> parse(const std::string& text);
};

// Replaces the host directory by the tree in `archive`: built beside it, made durable, then exchanged in one step; only
// then is the old one removed. On failure the old one is untouched, and the text says where the new one lies.
[[nodiscard]] Status write_back(const Volume& volume, std::string_view archive);

}  // namespace exo
