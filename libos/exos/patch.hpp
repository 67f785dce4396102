// SPDX-License-Identifier: MIT
// Rewriting of `syscall` sites that have trapped: the two bytes become a jump into dead padding near by, that one a jump to
// a stub behind the file's mapping, and the stub enters the library without the kernel. Patched pages belong to the inode
// and are shared by every process that executes the file; read() never shows them.
#pragma once

#include "libos/exos/memory.hpp"

namespace exos {

struct Task;

// A call has just trapped from `site` (the address of its two bytes). Patches it if that is possible.
void patch_site(Memory& memory, std::uint64_t site);

// The patched page to be mapped for page `index` of the area's file, if there is one.
[[nodiscard]] std::optional<abi::FrameNumber> patched_page(const Vma& area, std::uint64_t index);

// Space wanted behind a file that can be patched, in bytes; 0 for others.
[[nodiscard]] std::uint64_t stub_space(const Inode& inode);
// Puts the stub area behind a mapping of the whole file that was placed with that space free behind it.
void map_stubs(Memory& memory, InodeRef inode, std::uint64_t start, std::uint64_t file_span);

// A program's rip inside padding or a stub stands for the site itself: where is it, and the call's state there.
[[nodiscard]] std::uint64_t site_of(Memory& memory, std::uint64_t rip);

}  // namespace exos
