// SPDX-License-Identifier: MIT
// Where the tool's own pieces lie: everything is found from the place of the running binary, build/tools/exo/exo.
#pragma once

#include <filesystem>

#include "exo/failure.hpp"

namespace exo {

struct Locations {
  std::filesystem::path build, source;
  std::filesystem::path kernel, init, library;  // aegis.elf, init.elf, exos.elf

  // Finds the folders; does not ask whether the guest's files have been built.
  [[nodiscard]] static Result<Locations> find();
};

// Fails, naming the file, when a piece of the guest has not been built.
[[nodiscard]] Status require_built(const std::filesystem::path& file);

// The per-user folder for what may be lost: $XDG_CACHE_HOME/exo or ~/.cache/exo, made when missing; empty when there is
// none.
[[nodiscard]] std::filesystem::path cache_folder();

}  // namespace exo
