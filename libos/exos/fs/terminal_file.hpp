// SPDX-License-Identifier: MIT
// Open files that are a terminal: /dev/pts/N, /dev/tty, /dev/console and the standard descriptors.
#pragma once

#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/fs/open_file.hpp"
#include "libos/exos/terminal.hpp"

namespace exos {

// A session leader without a terminal gets this one for its own, unless O_NOCTTY says no.
[[nodiscard]] Result<FileRef> open_terminal_file(Inode& inode, std::uint32_t flags, Terminal& terminal);
[[nodiscard]] Result<FileRef> open_own_terminal(Inode& inode, std::uint32_t flags);   // /dev/tty: ENXIO without one
[[nodiscard]] Result<FileRef> open_console_terminal(Inode& inode, std::uint32_t flags);   // /dev/console

// fs/pseudo_terminal.cpp: /dev/ptmx, and the directory of what it has made, beside the console.
[[nodiscard]] Result<FileRef> open_pseudo_terminal(Inode& inode, std::uint32_t flags);
[[nodiscard]] Result<InodeRef> make_terminal_directory();
[[nodiscard]] InodeRef console_node();    // /dev/pts/0 if that is the container's terminal

}  // namespace exos
