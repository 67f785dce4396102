// SPDX-License-Identifier: MIT
#include "libos/exos/swap.hpp"

#include "abi/address_map.hpp"
#include "libos/exos/heap.hpp"
#include "libos/exos/memory.hpp"

namespace exos::swap {

namespace {

constinit std::uint64_t base_address = 0;
constinit SwapSlots slots;
constinit std::span<std::uint32_t> homes;      // by slot: page of the state slot, for pages of files
constinit SwapEntryPool pool;
constexpr std::size_t entries_per_page = abi::page_size / sizeof(SwapEntry);

// Addresses for pages of the pool that come when no memory can be taken, not even for a page table.
constinit std::uint64_t places_at = 0, places_end = 0;

std::byte* slot_memory(std::uint32_t slot) {
  return reinterpret_cast<std::byte*>(base_address + std::uint64_t{slot} * abi::page_size);
}

template <typename T>
std::span<T> make_array(std::uint64_t count) {
  auto* memory = static_cast<T*>(allocate_pages(base::pages_for(count * sizeof(T))));
  return memory == nullptr ? std::span<T>{} : std::span<T>{memory, static_cast<std::size_t>(count)};
}

}  // namespace

void start(std::uint64_t address, std::uint64_t pages) {
  if (pages == 0 || pages >= SwapSlots::none / 2) return;
  const auto counts = make_array<std::uint16_t>(pages);
  homes = make_array<std::uint32_t>(pages);
  const std::uint64_t most_places = base::pages_for(pages * sizeof(SwapEntry));
  places_at = reserve_addresses(most_places);
  if (counts.empty() || homes.empty() || places_at == 0) return;
  places_end = places_at + most_places * abi::page_size;
  base_address = address;
  slots.start(counts);
}

Use use() { return {slots.total(), slots.used()}; }
bool full() { return slots.full(); }

// --- slots ------------------------------------------------------------------------------------------------------------
std::uint32_t write(const void* page) {
  const std::uint32_t slot = slots.take();
  if (slot != SwapSlots::none) copy_page(slot_memory(slot), page);
  return slot;
}

void read(std::uint32_t slot, void* page) { copy_page(page, slot_memory(slot)); }
bool share(std::uint32_t slot) { return slots.share(slot); }
void drop(std::uint32_t slot) { slots.drop(slot); }

void set_home(std::uint32_t slot, const void* page) {
  homes[slot] = static_cast<std::uint32_t>((reinterpret_cast<std::uint64_t>(page) - abi::map::state_base) / abi::page_size);
}
std::byte* home_of(std::uint32_t slot) {
  return reinterpret_cast<std::byte*>(abi::map::state_base + std::uint64_t{homes[slot]} * abi::page_size);
}

// --- entries ----------------------------------------------------------------------------------------------------------
bool entries_ready(std::size_t count) {
  while (pool.size() < count) {
    auto* page = static_cast<std::byte*>(allocate_pages(1));
    if (page == nullptr) return false;
    add_entries(page);
  }
  return true;
}

void add_entries(std::byte* page) { pool.add({page, entries_per_page * sizeof(SwapEntry)}); }

std::byte* entries_place() {
  if (places_at == places_end) return nullptr;
  return reinterpret_cast<std::byte*>(std::exchange(places_at, places_at + abi::page_size));
}

bool insert(Memory& memory, std::uint64_t va, std::uint32_t slot, bool guarded) {
  SwapEntry* entry = pool.take();
  if (entry == nullptr) return false;
  memory.swapped.insert(entry, va / abi::page_size, slot);
  entry->guarded = guarded;
  return true;
}

// --- addresses of a program -------------------------------------------------------------------------------------------
void drop(Memory& memory, std::uint64_t start, std::uint64_t end) {
  if (memory.swapped.empty()) return;
  memory.swapped.take_range(start / abi::page_size, base::pages_for(end), [](SwapEntry* entry) {
    slots.drop(entry->slot);
    pool.give(entry);
  });
}

// Another way round: the entries are taken out first, so that ranges may lie anywhere. What is at the destination goes.
void move(Memory& memory, std::uint64_t from, std::uint64_t to, std::uint64_t size) {
  if (memory.swapped.empty()) return;
  drop(memory, to, to + size);
  SwapEntry* moved = nullptr;
  memory.swapped.take_range(from / abi::page_size, (from + size) / abi::page_size, [&](SwapEntry* entry) {
    entry->right = std::exchange(moved, entry);
  });
  while (moved != nullptr) {
    SwapEntry* entry = std::exchange(moved, moved->right);
    memory.swapped.insert(entry, entry->page - from / abi::page_size + to / abi::page_size, entry->slot);
  }
}

Status copy(const Memory& from, Memory& to) {
  if (from.swapped.empty()) return {};
  if (!entries_ready(from.swapped.size())) return Fail{Errno::nomem};
  for (const SwapEntry* entry = from.swapped.at_or_after(0); entry != nullptr; entry = from.swapped.at_or_after(entry->page + 1)) {
    if (!slots.share(entry->slot)) return Fail{Errno::nomem};
    if (!insert(to, entry->page * abi::page_size, entry->slot)) __builtin_trap();  // they were made ready
  }
  return {};
}

void read_back(const Memory& memory, std::uint64_t va, void* to) {
  read(memory.swapped.find(va / abi::page_size)->slot, to);
}

}  // namespace exos::swap
