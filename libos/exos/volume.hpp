// SPDX-License-Identifier: MIT
// Writing a volume back to the host: its tree as a newc archive on the link (docs/archive.md).
#pragma once

#include "libos/exos/run_description.hpp"
#include "libos/exos/file.hpp"

namespace exos {

void send_volume(const RunDescription::Volume& volume, const InodeRef& root);

}  // namespace exos
