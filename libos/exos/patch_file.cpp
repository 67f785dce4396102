// SPDX-License-Identifier: MIT
// Code that is written here may be running: a stub is complete before its padding jumps to it, and that before the site
// does. The site's two bytes change by one store within a cache line. [intel/vol3 8.1.3]
#include "libos/exos/patch_file.hpp"

#include "libos/exos/guard.hpp"
#include "libos/exos/heap.hpp"

namespace exos {

namespace {

constexpr std::uint8_t jump_short = 0xeb, jump_near = 0xe9;
constexpr std::size_t syscall_size = 2, near_size = 5, cache_line = 64;
constexpr std::array<std::uint8_t, 2> syscall_code{0x0f, 0x05};
// __restore_rt: unwinders know a signal frame by these bytes.
constexpr std::array<std::uint8_t, 9> restore_code{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
constexpr std::uint64_t farthest = (std::uint64_t{1} << 31) - 16 * abi::page_size;   // what rel32 reaches, with room

void store_distance(std::byte* at, std::uint64_t from, std::uint64_t to) {
  const auto distance = static_cast<std::uint32_t>(to - from);
  std::memcpy(at, &distance, sizeof distance);
}

bool matches(const std::byte* page, std::size_t within, std::span<const std::uint8_t> code, std::size_t before) {
  return within >= before && std::memcmp(page + within - before, code.data(), code.size()) == 0;
}

// Whether the two bytes may become a jump at all.
bool is_patchable(const std::byte* page, std::size_t within) {
  if (within % cache_line == cache_line - 1) return false;
  if (!matches(page, within, syscall_code, 0)) return false;
  return !matches(page, within, restore_code, restore_code.size() - syscall_size);
}

// lea site+2(%rip), %r11 ; jmp *entry(%rip)
void write_stub(std::byte* stub_page, std::size_t within, std::uint64_t stub, std::uint64_t site) {
  constexpr std::array<std::uint8_t, stub_size> code{0x4c, 0x8d, 0x1d, 0, 0, 0, 0, 0xff, 0x25, 0, 0, 0, 0, 0xcc, 0xcc, 0xcc};
  constexpr std::size_t lea_size = 7, jump_size = 6;
  std::byte* at = stub_page + within;
  std::memcpy(at, code.data(), code.size());
  store_distance(at + 3, stub + lea_size, site + syscall_size);
  store_distance(at + lea_size + 2, within + lea_size + jump_size, 0);
}

}  // namespace

FilePatches::~FilePatches() {
  retire();
  for (std::byte* page : stubs_)
    if (page != nullptr) release_pages(page, 1);
}

void FilePatches::retire() {
  for (const PatchedPage& page : pages_) release_pages(page.memory, 1);
  pages_.clear();
  sites_.clear();
  retired_ = true;
}

FilePatches::Gap FilePatches::gap(std::size_t i) const {
  Gap gap;
  std::memcpy(&gap, gaps_.data() + i * sizeof gap, sizeof gap);
  return gap;
}

std::size_t FilePatches::site_index(std::uint32_t offset) const {
  const auto at = std::ranges::lower_bound(sites_.begin(), sites_.end(), offset, {}, &PatchedSite::offset);
  return static_cast<std::size_t>(at - sites_.begin());
}

std::size_t FilePatches::page_index(std::uint64_t index) const {
  const auto at = std::ranges::lower_bound(pages_.begin(), pages_.end(), index, {}, &PatchedPage::index);
  return static_cast<std::size_t>(at - pages_.begin());
}

const PatchedPage* FilePatches::page(std::uint64_t index) const {
  const std::size_t i = page_index(index);
  return i < pages_.size() && pages_[i].index == index ? &pages_[i] : nullptr;
}

const PatchedSite* FilePatches::site(std::uint32_t offset) const {
  const auto is_there = [&](std::size_t i) { return i < sites_.size() && sites_[i].offset == offset; };
  if (!is_there(last_found_)) last_found_ = site_index(offset);
  return is_there(last_found_) ? &sites_[last_found_] : nullptr;
}

const PatchedSite* FilePatches::site_by_padding(std::uint32_t offset) const {
  constexpr std::uint32_t reach = 256;
  for (std::size_t i = site_index(offset > reach ? offset - reach : 0); i < sites_.size() && sites_[i].offset < offset + reach; ++i)
    if (sites_[i].padding == offset) return &sites_[i];
  return nullptr;
}

bool FilePatches::padding_taken(std::uint32_t padding) const { return site_by_padding(padding) != nullptr; }

// Five dead bytes that a short jump reaches, on the site's own page: another page might not be the patched one where this
// one is. Places in a gap are counted from its start (or the page's), so no two overlap.
std::uint32_t FilePatches::find_padding(std::uint32_t offset) const {
  const std::uint64_t page_start = base::align_down<std::uint64_t>(offset, abi::page_size);
  const std::uint64_t after = offset + syscall_size;
  const std::uint64_t low = std::max(page_start, after >= 128 ? after - 128 : 0);
  const std::uint64_t high = std::min(page_start + abi::page_size - near_size, after + 127);
  std::size_t first = 0, last = gaps_.size() / sizeof(Gap);
  while (first < last) {   // the first gap that ends behind `low`
    const std::size_t middle = (first + last) / 2;
    const Gap g = gap(middle);
    if (std::uint64_t{g.offset} + g.length <= low) first = middle + 1;
    else last = middle;
  }
  for (std::size_t i = first; i < gaps_.size() / sizeof(Gap); ++i) {
    const Gap g = gap(i);
    if (g.offset > high) break;
    const std::uint64_t end = std::uint64_t{g.offset} + g.length;
    for (std::uint64_t at = std::max<std::uint64_t>(g.offset, page_start); at <= high && at + near_size <= end; at += near_size)
      if (at >= low && !padding_taken(static_cast<std::uint32_t>(at))) return static_cast<std::uint32_t>(at);
  }
  return 0;
}

Result<PatchedPage*> FilePatches::make_page(std::uint64_t index, const std::byte* original, std::uint64_t distance) {
  const std::size_t i = page_index(index);
  if (i < pages_.size() && pages_[i].index == index) return &pages_[i];
  auto* memory = static_cast<std::byte*>(allocate_pages(1));
  if (memory == nullptr) return Fail{Errno::nomem};
  std::memcpy(memory, original, abi::page_size);
  if (const Status inserted = pages_.insert(i, {index, distance, memory}); !inserted) {
    release_pages(memory, 1);
    return Fail{inserted.error()};
  }
  return &pages_[i];
}

Status FilePatches::make_stub_page() {
  std::byte*& page = stubs_[stub_count_ / stubs_per_page];
  if (page != nullptr) return {};
  page = static_cast<std::byte*>(allocate_pages(1));
  if (page == nullptr) return Fail{Errno::nomem};
  const auto entry = reinterpret_cast<std::uint64_t>(guard::entries().call);
  std::memcpy(page, &entry, sizeof entry);
  return {};
}

Status FilePatches::add(std::uint32_t offset, const std::byte* original, std::uint64_t distance) {
  TRY_VOID(sites_.reserve(sites_.size() + 1));
  const std::size_t within = offset % abi::page_size;
  const std::uint64_t index = offset / abi::page_size;
  const PatchedPage* there = page(index);
  if (there != nullptr && there->distance != distance) return Fail{Errno::again};   // mapped otherwise than elsewhere: traps
  const bool possible = is_patchable(original, within) && stub_count_ < stub_pages * stubs_per_page && distance < farthest;
  const std::uint32_t padding = possible ? find_padding(offset) : 0;
  if (padding == 0) return sites_.insert(site_index(offset), {offset, 0});
  PatchedPage& page = *TRY(make_page(index, original, distance));
  TRY_VOID(make_stub_page());

  // point of no return. Addresses count from the page's start.
  const std::size_t stub_page = stub_count_ / stubs_per_page, stub_within = (stub_count_ % stubs_per_page + 1) * stub_size;
  ++stub_count_;
  const std::uint64_t stub = distance + stub_page * abi::page_size + stub_within;
  write_stub(stubs_[stub_page], stub_within, stub, within);
  const std::size_t padding_within = padding % abi::page_size;
  page.memory[padding_within] = std::byte{jump_near};
  store_distance(page.memory + padding_within + 1, padding_within + near_size, stub);
  const auto jump = static_cast<std::uint16_t>(jump_short | (padding - (offset + syscall_size)) << 8);
  asm volatile("movw %1, %0" : "=m"(*reinterpret_cast<std::uint8_t(*)[syscall_size]>(page.memory + within)) : "r"(jump) : "memory");
  return sites_.insert(site_index(offset), {offset, padding});
}

}  // namespace exos
