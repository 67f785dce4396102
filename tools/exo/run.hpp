// SPDX-License-Identifier: MIT
// `exo run`: packs, starts, relays, writes back, tells the exit status.
#pragma once

#include <string>

#include "exo/archive.hpp"
#include "exo/options.hpp"
#include "exo/packer.hpp"

namespace exo {

// A guest that is ready to start: what it sees, and the machine for it.
struct Prepared {
  Packer packer;
  Archive archive;
  MachinePlan machine;
};

[[nodiscard]] Result<Prepared> prepare(const Locations& at, const RunOptions& options);
// Runs the program with this process's standard descriptors. The exit status for the shell.
[[nodiscard]] Result<int> run(const Locations& at, const RunOptions& options);

}  // namespace exo
