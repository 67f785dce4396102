// SPDX-License-Identifier: MIT
// Memory of another process: the current env goes into its space, where the library is at the same place, and comes back.
#pragma once

#include "libos/exos/memory.hpp"

namespace exos {

// `library`: memory of the library's own. EFAULT at the first page that the other process could not read (or write) itself;
// pages before it have been moved.
[[nodiscard]] Status read_memory(Memory& memory, void* library, std::uint64_t from, std::size_t size);
[[nodiscard]] Status write_memory(Memory& memory, std::uint64_t to, const void* library, std::size_t size);
// As a debugger does: it writes where the process may only read too, into a page of the process's own then. EFAULT: no such page, or
// one that is shared.
[[nodiscard]] Status poke_memory(Memory& memory, std::uint64_t to, const void* library, std::size_t size);

}  // namespace exos
