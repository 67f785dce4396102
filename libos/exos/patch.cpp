// SPDX-License-Identifier: MIT
// Not done yet: no file has stubs and no site is rewritten, so each call traps. That is always correct, only slower; the
// callers (mmap and exec keep room, faults ask for patched pages, signals for the site) are in place.
#include "libos/exos/patch.hpp"

namespace exos {

void patch_site(Memory&, std::uint64_t) {}
std::optional<abi::FrameNumber> patched_page(const Vma&, std::uint64_t) { return std::nullopt; }
std::uint64_t stub_space(const Inode&) { return 0; }
void map_stubs(Memory&, InodeRef, std::uint64_t, std::uint64_t) {}
std::uint64_t site_of(Memory&, std::uint64_t rip) { return rip; }

}  // namespace exos
