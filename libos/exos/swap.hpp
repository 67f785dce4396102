// SPDX-License-Identifier: MIT
// The swap object: pages that init keeps outside the container's account and maps into the state slot (a stand-in for a
// disk, docs/decisions). Each page of it is a slot. A program's page in a slot is in the books of its Memory; a file's page
// is in its page tree, and its slot remembers the address that the library keeps for it.
#pragma once

#include "libos/exos/errno.hpp"
#include "libos/exos/swap_map.hpp"

namespace exos {

class Memory;

namespace swap {

// Once, by the root env. Without memory for the books there is no swap.
void start(std::uint64_t address, std::uint64_t pages);
struct Use { std::uint64_t total, used; };   // pages
[[nodiscard]] Use use();
[[nodiscard]] bool full();                   // no slot is free: also when there are none at all

// --- slots
[[nodiscard]] std::uint32_t write(const void* page);      // SwapSlots::none: no slot
void read(std::uint32_t slot, void* page);
[[nodiscard]] bool share(std::uint32_t slot);
void drop(std::uint32_t slot);
void set_home(std::uint32_t slot, const void* page);
[[nodiscard]] std::byte* home_of(std::uint32_t slot);

// --- entries: the pool that the Memories' books are made of
[[nodiscard]] bool entries_ready(std::size_t count);      // takes memory for them if it has to
void add_entries(std::byte* page);                        // a page that is the pool's from now on
[[nodiscard]] std::byte* entries_place();                 // an address for such a page whose page table is there; null: none left
[[nodiscard]] bool insert(Memory& memory, std::uint64_t va, std::uint32_t slot, bool guarded = false);   // false: no entry; takes no memory

// --- what happens to addresses of a program
void drop(Memory& memory, std::uint64_t start, std::uint64_t end);
void move(Memory& memory, std::uint64_t from, std::uint64_t to, std::uint64_t size);
[[nodiscard]] Status copy(const Memory& from, Memory& to);   // fork
// Writes what the page at `va` of the memory holds to `to`; the slot stays until drop().
void read_back(const Memory& memory, std::uint64_t va, void* to);

}  // namespace swap

}  // namespace exos
