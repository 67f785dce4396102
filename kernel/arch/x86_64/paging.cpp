// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/paging.hpp"

#include "kernel/arch/x86_64/early_memory.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/per_cpu.hpp"

extern "C" {
extern const std::byte image_start[], text_end[], constants_end[], image_end[];
bool copy_across(void* to, const void* from, std::size_t size);
[[gnu::section(".fixed")]] constinit std::uint64_t kernel_top_physical = 0;  // for started processors
}

namespace aegis::arch {
namespace {

// [intel/vol3 4.5]
constexpr std::uint64_t present = abi::pte_present, writable = abi::pte_write, large = abi::pte_large, global = 1u << 8,
                        write_through = 1u << 3, cache_disabled = 1u << 4, no_execute = abi::pte_no_execute;
constexpr std::uint64_t page = base::page_size;
constexpr std::uint64_t table_entries = 512, large_page = std::uint64_t{1} << large_bits;

constinit std::uint64_t* kernel_top = nullptr;
constinit std::uint64_t window_next = window_start;
// A page table for each 2 MiB of the direct map, for when one of its pages gets rights of its own.
constinit PhysicalAddress split_tables{0};

std::uint64_t* table_of(std::uint64_t entry) {
  return direct<std::uint64_t>(PhysicalAddress{entry & abi::pte_frame_mask});
}

// The entry for `va` in a table whose entries map 2^bits bytes each; missing tables above it are made.
std::uint64_t& entry_for(std::uint64_t va, std::uint64_t bits) {
  std::uint64_t* table = kernel_top;
  for (std::uint64_t level = slot_bits; level > bits; level -= 9) {
    std::uint64_t& entry = table[va >> level & (table_entries - 1)];
    if (entry == 0) entry = take_early_frame().raw() | present | writable;
    AEGIS_ASSERT((entry & large) == 0);
    table = table_of(entry);
  }
  return table[va >> bits & (table_entries - 1)];
}

// Maps with 2 MiB pages where both addresses and the length allow: never larger ones, which would be long to split.
void map_range(std::uint64_t va, PhysicalAddress pa, std::uint64_t size, std::uint64_t flags) {
  while (size > 0) {
    std::uint64_t bits = base::page_bits;
    if (size >= large_page && base::is_aligned(va | pa.raw(), large_page)) bits = large_bits;
    const std::uint64_t bytes = std::uint64_t{1} << bits;
    entry_for(va, bits) = pa.raw() | flags | present | global | (bits == base::page_bits ? 0 : large);
    va += bytes;
    pa = pa + bytes;
    size -= bytes;
  }
}

void map_image(const std::byte* start, const std::byte* end, std::uint64_t flags) {
  map_range(reinterpret_cast<std::uint64_t>(start), physical(start), static_cast<std::uint64_t>(end - start), flags);
}

// RAM [start, end), which must not be writable where the kernel's text and constants lie: no alias of them may be.
void map_direct(std::uint64_t start, std::uint64_t end) {
  const std::uint64_t locked_start = physical(image_start).raw(), locked_end = physical(constants_end).raw();
  const auto piece = [](std::uint64_t from, std::uint64_t to, std::uint64_t flags) {
    if (from < to) map_range(direct_base + from, PhysicalAddress{from}, to - from, flags | no_execute);
  };
  const auto clip = [&](std::uint64_t at) { return at < start ? start : at > end ? end : at; };
  piece(start, clip(locked_start), writable);
  piece(clip(locked_start), clip(locked_end), 0);
  piece(clip(locked_end), end, writable);
}

// The direct map's entry of one frame. A large page becomes a table that says the same.
std::uint64_t& direct_entry(FrameNumber frame) {
  const std::uint64_t va = direct_base + (frame.raw() << base::page_bits);
  std::uint64_t* table = kernel_top;
  for (std::uint64_t level = slot_bits; level > large_bits; level -= 9) table = table_of(table[va >> level & (table_entries - 1)]);
  std::uint64_t& directory = table[va >> large_bits & (table_entries - 1)];
  if ((directory & large) != 0) {
    const PhysicalAddress split = split_tables + (frame.raw() / table_entries << base::page_bits);
    auto* entries = direct<std::uint64_t>(split);
    for (std::uint64_t i = 0; i < table_entries; ++i) entries[i] = (directory & ~large) + i * page;
    directory = split.raw() | present | writable;
  }
  return table_of(directory)[va >> base::page_bits & (table_entries - 1)];
}

void change_rights(FrameNumber first, std::uint64_t count, std::uint64_t rights) {
  constexpr std::uint64_t at_once = 32;  // flushed page by page: reloading cr3 would leave what is global
  const std::uint64_t everybody = cpu_count() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << cpu_count()) - 1;
  for (std::uint64_t done = 0; done < count; done += at_once) {
    const std::uint64_t n = count - done < at_once ? count - done : at_once;
    for (FrameNumber f = first + done; f < first + done + n; ++f)
      direct_entry(f) = f.raw() << base::page_bits | present | global | rights;
    flush_translations(everybody, direct_base + ((first.raw() + done) << base::page_bits), n);
  }
}

}  // namespace

void build_kernel_tables(std::span<const traps::MemoryRange> ram) {
  const PhysicalAddress top = take_early_frame();
  kernel_top = direct<std::uint64_t>(top);
  map_image(image_start, text_end, 0);
  map_image(text_end, constants_end, no_execute);
  map_image(constants_end, image_end, writable | no_execute);
  std::uint64_t end = 0;
  for (const auto& range : ram) {
    map_direct(range.start, range.end);
    if (range.end > end) end = range.end;
  }
  split_tables = take_early_frames((end + large_page - 1) >> large_bits);
  // The window's directory exists from now on, so later mappings touch no table that is copied or shared by value.
  (void)entry_for(window_start, base::page_bits);
  kernel_top[abi::window_slot] = top.raw() | present | abi::pte_user | no_execute;
  kernel_top_physical = top.raw();
}

void load_kernel_tables() {
  x86::write_cr3(kernel_top_physical);
  this_per_cpu().cr3 = kernel_top_physical;
}

std::byte* map_window(PhysicalAddress start, std::uint64_t size, Caching caching) {
  const PhysicalAddress first{base::align_down(start.raw(), page)};
  const std::uint64_t bytes = base::align_up(start.raw() + size, page) - first.raw();
  const std::uint64_t va = window_next;
  if (!base::range_within(va, bytes + page, window_end)) panic("the kernel's window is full", __FILE__, __LINE__);
  window_next = va + bytes + page;
  // With the PAT as reset left it, PCD and PWT together mean uncacheable. [intel/vol3 11.12.4]
  const std::uint64_t flags = caching == Caching::device ? cache_disabled | write_through : 0;
  for (std::uint64_t at = 0; at < bytes; at += page)
    entry_for(va + at, base::page_bits) = (first.raw() + at) | flags | writable | no_execute | present | global;
  return reinterpret_cast<std::byte*>(va + (start.raw() - first.raw()));
}

void seal_code(FrameNumber first, std::uint64_t count) { change_rights(first, count, 0); }
void unseal_code(FrameNumber first, std::uint64_t count) { change_rights(first, count, writable | no_execute); }
std::uint64_t run_code(const std::byte* entry, void* run) {
  return reinterpret_cast<std::uint64_t (*)(void*)>(const_cast<std::byte*>(entry))(run);
}

// --- api.hpp ---------------------------------------------------------------------------------------------------------

std::byte* frame_memory(FrameNumber frame) { return direct(PhysicalAddress{frame.raw() << base::page_bits}); }

FrameNumber frame_of(const void* memory) { return FrameNumber{physical(memory).raw() >> base::page_bits}; }

void zero_frame(FrameNumber frame) {
  void* to = frame_memory(frame);
  std::size_t words = page / 8;
  asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(std::uint64_t{0}) : "memory");
}

void copy_frame(FrameNumber to_frame, FrameNumber from_frame) {
  void* to = frame_memory(to_frame);
  const void* from = frame_memory(from_frame);
  std::size_t words = page / 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

bool copy_from_user(void* to, std::uint64_t from, std::size_t size) {
  return copy_across(to, reinterpret_cast<const void*>(from), size);
}

bool copy_to_user(std::uint64_t to, const void* from, std::size_t size) {
  return copy_across(reinterpret_cast<void*>(to), from, size);
}

void prepare_top_table(FrameNumber top) {
  auto* entries = reinterpret_cast<std::uint64_t*>(frame_memory(top));
  entries[abi::window_slot] = top.raw() << base::page_bits | present | abi::pte_user | no_execute;
  for (std::uint64_t slot = direct_slot; slot < table_entries; ++slot) entries[slot] = kernel_top[slot];
}

std::uint32_t tag_count() { return features().pcid ? max_tags : 1; }

// The kernel's own tables have tag 0, the others begin at 1. Without tags every write forgets all but what is global.
void load_space(FrameNumber top, std::uint32_t tag, Remembered remembered) {
  const std::uint64_t own = features().pcid ? tag + 1 : 0;
  const std::uint64_t cr3 = top == FrameNumber{0} ? kernel_top_physical : top.raw() << base::page_bits | own;
  this_per_cpu().cr3 = cr3;
  x86::write_cr3(cr3 | (features().pcid && remembered == Remembered::kept ? x86::cr3_keep : 0));
}

void load_untagged_space(FrameNumber top) {
  const std::uint64_t cr3 = top.raw() << base::page_bits;
  asm volatile("movq %0, %%gs:%c1" : : "r"(cr3), "i"(offsetof(PerCpu, cr3)) : "memory");  // without asking for the address first
  x86::write_cr3(cr3);
}

std::uint64_t exchange_entry(std::uint64_t* entry, std::uint64_t value) {
  return std::atomic_ref{*entry}.exchange(value, std::memory_order_seq_cst);
}

}  // namespace aegis::arch
