// SPDX-License-Identifier: MIT
// The boot archive as the library sees it: members by name, and the frames behind its pages.
#pragma once

#include "abi/types.hpp"
#include "base/cpio.hpp"
#include "libos/exos/file.hpp"

namespace exos::archive {

// From StartInfo (container.hpp). Called by files_start().
void start();
// A member's bytes, as "aegis/gaps/0"; empty when there is none. Linear: for start-up use.
[[nodiscard]] std::span<const std::byte> member(std::string_view name);
[[nodiscard]] abi::FrameNumber frame_of(const std::byte* in_archive);
// Whether the page that starts with these bytes holds nothing else: only then may a program see it whole.
[[nodiscard]] bool page_is_clean(std::span<const std::byte> bytes);
// Enters everything under root/ into the tree.
[[nodiscard]] Status populate(Inode& root);

}  // namespace exos::archive
