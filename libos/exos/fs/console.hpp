// SPDX-License-Identifier: MIT
// The container's standard descriptors as files.
#pragma once

#include "base/format.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/fs/open_file.hpp"

namespace exos {

[[nodiscard]] Result<FileRef> open_console(std::uint32_t number);   // 0, 1, 2

}  // namespace exos
