// SPDX-License-Identifier: MIT
// Rewriting of `syscall` sites that have trapped: the two bytes become a jump into dead padding near by, that one a jump to
// a stub behind the file's mapping, and the stub enters the library without the kernel. Patched pages belong to the inode
// and are shared by every process that executes the file; read() never shows them.
//
// A patched page is mapped only where the stubs lie at the distance that it was patched for, and never where the program
// may write: a page that the process makes its own has the file's bytes.
#pragma once

#include "libos/exos/memory.hpp"

namespace exos {

// Finds the padding tables of the archive and gives them to the files that they describe. Once, by files_start().
[[nodiscard]] Status patches_start(const InodeRef& root);

// A call has just trapped from `site` (the address of its two bytes). Patches it if that is possible.
void patch_site(Memory& memory, std::uint64_t site);
[[nodiscard]] std::uint64_t patched_sites();     // in the whole container, since its start

// The patched page to be mapped for page `index` of the area's file, if there is one.
[[nodiscard]] std::optional<abi::FrameNumber> patched_page(const Vma& area, std::uint64_t index);
// The frame of page `index` of a stub area.
[[nodiscard]] std::optional<abi::FrameNumber> stub_page(const Vma& stubs, std::uint64_t index);

// Space wanted behind a file that can be patched, in bytes; 0 for others.
[[nodiscard]] std::uint64_t stub_space(const Inode& inode);
// Puts the stub area behind a mapping of the whole file that was placed with that space free behind it.
void map_stubs(Memory& memory, InodeRef inode, std::uint64_t start, std::uint64_t file_span);

// A program's rip inside padding or a stub stands for the site itself: where is it, and the call's state there.
[[nodiscard]] std::uint64_t site_of(Memory& memory, std::uint64_t rip);
// The same where `memory` is the current one: the entry of most pages says that nothing is to be looked for.
[[nodiscard]] std::uint64_t own_site_of(Memory& memory, std::uint64_t rip);

// A program that single-steps (TF) has come into padding: it sees its own code from now on. False: rip is elsewhere.
[[nodiscard]] bool step_out(Memory& memory, std::uint64_t& rip);

// From now on the memory shows what its files hold, and its calls come through the kernel, until Memory::unpatched is reset.
void show_own_text(Memory& memory);
void show_own_text_here(Memory& memory);   // now; the current env is in that space

// Takes the patched pages of the range away, so that the file's own come again: before they move or become the process's.
void leave_patched(Memory& memory, std::uint64_t start, std::uint64_t end);

}  // namespace exos
