// SPDX-License-Identifier: MIT
// The boot archive as a file in memory: init, the library OS, the run description, the gaps, and the tree.
#pragma once

#include <string>
#include <vector>

#include "exo/descriptor.hpp"
#include "exo/locations.hpp"
#include "exo/run_description.hpp"
#include "exo/tree.hpp"

namespace exo {

struct Archive {
  Descriptor file;  // a memory file: nothing to clean up; QEMU opens it as /proc/self/fd/N
  std::uint64_t size = 0;
};

// `description` is taken without the gaps, which are added here.
[[nodiscard]] Result<Archive> make_archive(const Locations& at, const Tree& tree, RunDescription description);

// An archive with nothing but a first env, for tests of the kernel.
[[nodiscard]] Result<Archive> make_bare_archive(const std::string& first_env);

}  // namespace exo
