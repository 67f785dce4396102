// SPDX-License-Identifier: MIT
// The container's standard descriptors and its terminal as files.
#pragma once

#include "base/format.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/fs/open_file.hpp"

namespace exos {

[[nodiscard]] Result<FileRef> open_console(std::uint32_t number);                  // 0, 1, 2
[[nodiscard]] Result<FileRef> open_terminal(Inode& inode, std::uint32_t flags);    // /dev/tty; ENXIO without a terminal

}  // namespace exos
