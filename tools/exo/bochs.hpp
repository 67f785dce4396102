// SPDX-License-Identifier: MIT
// A guest test in Bochs: a second, independent processor, with what QEMU's translator has not (PCID, INVPCID). Slow.
#pragma once

#include <string>

#include "exo/failure.hpp"
#include "exo/locations.hpp"
#include "exo/test_case.hpp"

namespace exo {

// What the guest wrote to its serial port until it switched the machine off, or the time was over.
[[nodiscard]] Result<std::string> run_in_bochs(const GuestTest& test, const std::string& kernel, const std::string& folder);

}  // namespace exo
