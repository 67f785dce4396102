// SPDX-License-Identifier: MIT
// `exo debug core FILE [PROGRAM] [-- GDB-ARGUMENTS]`: gdb on a core file of a guest's program.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

[[nodiscard]] Result<int> debug_core(const std::vector<std::string>& words);

// The path, in the guest, of the program whose core this is: what was mapped at its entry (NT_FILE, NT_AUXV). Empty when the
// core does not say. Fails when it is none.
[[nodiscard]] Result<std::string> program_of_core(const std::string& core);

}  // namespace exo
