// SPDX-License-Identifier: MIT
// /proc and the few files of /sys that programs read: directories that exist when they are looked at, texts made at open.
#pragma once

#include "libos/exos/fs/directory.hpp"

namespace exos {

[[nodiscard]] Result<InodeRef> make_proc_root();
[[nodiscard]] Result<InodeRef> make_sys_root();

}  // namespace exos
