// SPDX-License-Identifier: MIT
// `exo image`: a bootable ISO of a program and its system, for BIOS and UEFI machines; and booting one in QEMU.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

// `words`: iso OUT [run options] -- PROGRAM [ARGS], or boot ISO [--firmware seabios|ovmf] [-m SIZE].
[[nodiscard]] Result<int> image(const Locations& at, const std::vector<std::string>& words);

}  // namespace exo
