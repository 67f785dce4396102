// SPDX-License-Identifier: MIT
// Protection keys of programs: pkey_alloc(2) and its like, and PKRU, which says what a thread may do with pages of each key. The
// library runs with the program's PKRU, but for the bits of the state's own key (guard.hpp): so a copy to or from the program is
// refused what the program is refused.
#pragma once

#include "libos/exos/errno.hpp"

namespace exos {
class Memory;
}

namespace exos::keys {

[[nodiscard]] bool exist();
[[nodiscard]] std::uint32_t read_rights();
void write_rights(std::uint32_t pkru);

// Whether a program of the container has ever asked for a key. Before that all keep their PKRU through handlers, and nothing is done
// about it.
inline constinit bool in_use = false;

// What a program and a signal handler begin with: nothing allowed but key 0. No effect where there are no keys.
void set_initial_rights();

// The first free key of the program; in PKRU of the calling thread its two bits become `rights`. ENOSPC: none is free.
[[nodiscard]] Result<std::uint32_t> allocate(Memory& memory, std::uint32_t rights);
[[nodiscard]] Status release(Memory& memory, std::int32_t key);
// Whether PKRU forbids the calling thread to read, or to write, pages of the key. Only where there are keys.
[[nodiscard]] bool forbid(std::uint32_t key, bool writes);
[[nodiscard]] bool is_allocated(const Memory& memory, std::int32_t key);

// PKRU as the vector state at `vector_state` in the program's memory has it (0: initial), as a handler's frame that it returns by.
[[nodiscard]] Status load_rights(std::uint64_t vector_state);

// While the library touches pages of programs in place, all keys are open to it.
class Opened {
 public:
  Opened() : before_{exist() ? read_rights() : 0} { if (before_ != 0) write_rights(0); }
  ~Opened() { if (before_ != 0) write_rights(before_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  std::uint32_t before_;
};

}  // namespace exos::keys
