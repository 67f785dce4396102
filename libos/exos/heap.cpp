// SPDX-License-Identifier: MIT
// The library's memory: pages from the account, mapped in the state slot of the container's first space, and small
// objects out of them. Pages are mapped as owned, so a page that a process still maps lives on until it lets go.
//
// Small objects: one page per size class with a header at its start. Larger ones: a run of pages with the same header,
// so the header of any object is found at the start of its page.
#include "libos/exos/heap.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "base/bits.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/own.hpp"

namespace exos {

namespace {

std::uint32_t page_flags() { return abi::map_read | abi::map_write | abi::map_owned | guard::state_flags(); }
constexpr std::array<std::uint16_t, 14> class_sizes{16, 32, 48, 64, 96, 128, 192, 256, 336, 448, 576, 800, 1008, 2016};
constexpr std::size_t header_size = 64;
constexpr std::uint32_t magic_small = 0x4c414d53, magic_large = 0x4752414c;

// The class of an object by its size in steps of 16 bytes, rounded up: sizes are multiples of 16.
constexpr std::size_t class_step = 16, largest_small = class_sizes.back();
constexpr auto class_of = [] {
  std::array<std::uint8_t, largest_small / class_step + 1> classes{};
  std::uint8_t size_class = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    while (class_sizes[size_class] < i * class_step) ++size_class;
    classes[i] = size_class;
  }
  return classes;
}();
static_assert(std::ranges::all_of(class_sizes, [](std::uint16_t size) { return size % class_step == 0; }));

struct FreeObject { FreeObject* next; };

struct PageHeader {
  std::uint32_t magic;
  std::uint16_t size_class, used;
  std::size_t pages;         // large: of the run
  FreeObject* free;          // small
  PageHeader* next;          // small pages of the class with room
  PageHeader* previous;
};
static_assert(sizeof(PageHeader) <= header_size);

// Addresses of runs that were given back. They hold no page tables that matter: the slot has half a terabyte.
struct FreeRun { FreeRun* next; std::uint64_t address; std::size_t pages; };

constinit std::uint64_t next_address = 0;
constinit FreeRun* free_runs = nullptr;
constinit FreeRun* spare_runs = nullptr;             // records without a run
constinit std::array<PageHeader*, class_sizes.size()> with_room{};

// Single pages are taken from the kernel in batches; these are mapped, zero and unused.
constexpr std::size_t batch = 16;
constinit std::array<void*, batch> ready_pages{};
constinit std::size_t ready_count = 0;

void spare(FreeRun** at) {
  FreeRun* run = std::exchange(*at, (*at)->next);
  run->next = std::exchange(spare_runs, run);
}

std::uint64_t take_addresses(std::size_t pages) {
  for (FreeRun** at = &free_runs; *at != nullptr; at = &(*at)->next) {
    FreeRun* run = *at;
    if (run->pages < pages) continue;
    const std::uint64_t address = run->address;
    run->address += pages * abi::page_size;
    run->pages -= pages;
    if (run->pages == 0) spare(at);
    return address;
  }
  if (!base::range_within(next_address, pages * abi::page_size, abi::map::state_swap)) return 0;
  return std::exchange(next_address, next_address + pages * abi::page_size);
}

// Joined with the runs next to it, if they are among the first: others were given back long ago, and looking on would take long where
// they are many. Without a record the addresses are lost, which costs nothing but page-table entries.
void return_addresses(std::uint64_t address, std::size_t pages) {
  constexpr int most_looked_at = 64;
  int looked_at = 0;
  for (FreeRun** at = &free_runs; *at != nullptr && looked_at < most_looked_at;) {
    FreeRun& run = **at;
    const bool below = run.address + run.pages * abi::page_size == address;
    if (!below && address + pages * abi::page_size != run.address) {
      at = &run.next;
      ++looked_at;
      continue;
    }
    if (below) address = run.address;
    pages += run.pages;
    spare(at);
  }
  if (spare_runs == nullptr) {
    auto* records = static_cast<FreeRun*>(allocate(sizeof(FreeRun) * 32));
    if (records == nullptr) return;
    for (int i = 0; i < 32; ++i) {
      records[i].next = spare_runs;
      spare_runs = &records[i];
    }
  }
  FreeRun* run = std::exchange(spare_runs, spare_runs->next);
  *run = {free_runs, address, pages};
  free_runs = run;
}

bool map_pages(std::uint64_t address, std::size_t pages) {
  if (own::space.map_new(address, pages, page_flags(), own::account)) return true;
  ++memory_failures;
  static_cast<void>(own::space.unmap(address, pages));  // what was mapped before the failure
  return_addresses(address, pages);
  return false;
}

// How many pages, at most `wanted`, to take at once: as many as there are together among the runs that came back last. New addresses
// only where there are none, so that pages which come and go do not use up ever more of them.
std::size_t pages_together(std::size_t wanted) {
  constexpr int most_looked_at = 8;
  std::size_t most = free_runs == nullptr ? wanted : 0;
  int looked_at = 0;
  for (const FreeRun* run = free_runs; run != nullptr && most < wanted && looked_at < most_looked_at; run = run->next, ++looked_at)
    most = std::max(most, std::min(run->pages, wanted));
  return most;
}

void refill_ready_pages() {
  // Fewer at a time when memory is short.
  for (std::size_t wanted = batch; wanted > 0; wanted /= 4) {
    const std::size_t pages = pages_together(wanted);
    const std::uint64_t address = take_addresses(pages);
    if (address == 0 || !map_pages(address, pages)) continue;
    for (std::size_t i = pages; i > 0; --i)
      ready_pages[ready_count++] = reinterpret_cast<void*>(address + (i - 1) * abi::page_size);
    return;
  }
}

PageHeader* header_of(void* memory) {
  return reinterpret_cast<PageHeader*>(reinterpret_cast<std::uint64_t>(memory) & ~(abi::page_size - 1));
}

[[gnu::noinline]] void unlink(PageHeader* page) {
  if (page->next != nullptr) page->next->previous = page->previous;
  (page->previous != nullptr ? page->previous->next : with_room[page->size_class]) = page->next;
  page->next = page->previous = nullptr;
}

[[gnu::noinline]] void link(PageHeader* page) {
  page->previous = nullptr;
  page->next = with_room[page->size_class];
  if (page->next != nullptr) page->next->previous = page;
  with_room[page->size_class] = page;
}

[[gnu::noinline]] PageHeader* new_small_page(std::size_t size_class) {
  auto* page = static_cast<PageHeader*>(allocate_pages(1));
  if (page == nullptr) return nullptr;
  page->magic = magic_small;
  page->size_class = static_cast<std::uint16_t>(size_class);
  const std::size_t size = class_sizes[size_class];
  for (std::size_t at = header_size + (abi::page_size - header_size) / size * size; at > header_size; at -= size) {
    auto* object = reinterpret_cast<FreeObject*>(reinterpret_cast<std::byte*>(page) + at - size);
    object->next = page->free;
    page->free = object;
  }
  link(page);
  return page;
}

[[gnu::noinline]] void* allocate_large(std::size_t bytes) {
  const std::size_t pages = base::pages_for(bytes + header_size);
  auto* header = static_cast<PageHeader*>(allocate_pages(pages));
  if (header == nullptr) return nullptr;
  header->magic = magic_large;
  header->pages = pages;
  return reinterpret_cast<std::byte*>(header) + header_size;
}

[[gnu::noinline]] void release_large(PageHeader* page) {
  if (page->magic != magic_large) __builtin_trap();  // not ours: the library's own error
  release_pages(page, page->pages);
}

[[gnu::noinline]] void release_small_page(PageHeader* page) {
  unlink(page);
  release_pages(page, 1);
}

}  // namespace

constinit std::uint64_t memory_failures = 0;

void heap_start(std::uint64_t first_va) { next_address = base::align_up<std::uint64_t>(first_va, abi::page_size); }

void* allocate(std::size_t bytes) {
  if (bytes > largest_small) [[unlikely]] return bytes > (std::size_t{1} << 40) ? nullptr : allocate_large(bytes);
  const std::size_t size_class = class_of[(bytes + class_step - 1) / class_step];
  PageHeader* page = with_room[size_class];
  if (page == nullptr) [[unlikely]] page = new_small_page(size_class);
  if (page == nullptr) return nullptr;
  FreeObject* object = std::exchange(page->free, page->free->next);
  ++page->used;
  if (page->free == nullptr) [[unlikely]] unlink(page);
  return object;
}

void release(void* memory) {
  if (memory == nullptr) return;
  PageHeader* page = header_of(memory);
  if (page->magic != magic_small) [[unlikely]] return release_large(page);
  auto* object = static_cast<FreeObject*>(memory);
  const bool was_full = page->free == nullptr;
  object->next = std::exchange(page->free, object);
  if (was_full) [[unlikely]] link(page);
  // One empty page of a class is kept, so that an object that comes and goes does not cost two calls each time.
  if (--page->used != 0 || (page->next == nullptr && page->previous == nullptr)) return;
  release_small_page(page);
}

void* allocate_pages(std::size_t pages) {
  if (pages == 0) return nullptr;
  if (pages == 1) {
    if (ready_count == 0) refill_ready_pages();
    return ready_count == 0 ? nullptr : ready_pages[--ready_count];
  }
  if (pages > (std::size_t{1} << 26)) return nullptr;
  const std::uint64_t address = take_addresses(pages);
  if (address == 0 || !map_pages(address, pages)) return nullptr;
  return reinterpret_cast<void*>(address);
}

void release_pages(void* memory, std::size_t pages) {
  if (memory == nullptr || pages == 0) return;
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  if (!own::space.unmap(address, pages)) __builtin_trap();
  return_addresses(address, pages);
}

void copy_page(void* to, const void* from) {
  std::uint64_t words = abi::page_size / 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

std::uint64_t reserve_addresses(std::size_t pages) {
  const std::uint64_t address = take_addresses(pages);
  if (address == 0) return 0;
  // A page that comes and goes leaves its page table behind.
  constexpr std::uint64_t table_span = 512 * abi::page_size;
  const std::uint64_t end = address + pages * abi::page_size;
  for (std::uint64_t at = address; at < end; at = base::align_down(at, table_span) + table_span) {
    if (!own::space.map_new(at, 1, page_flags(), own::account)) return 0;
    withdraw_page(reinterpret_cast<void*>(at));
  }
  return address;
}

void withdraw_page(void* page) {
  if (!own::space.unmap(reinterpret_cast<std::uint64_t>(page), 1)) __builtin_trap();
}

bool restore_page(void* page) {
  if (own::space.map_new(reinterpret_cast<std::uint64_t>(page), 1, page_flags(), own::account)) return true;
  ++memory_failures;
  return false;
}

void forget_page(void* page) { return_addresses(reinterpret_cast<std::uint64_t>(page), 1); }

bool adopt_frame(void* page, abi::FrameNumber frame) {
  return own::space.map(reinterpret_cast<std::uint64_t>(page), {frame, 1}, page_flags(), own::account)
      .has_value();
}

std::size_t shrink_heap() {
  std::size_t pages = ready_count;
  while (ready_count > 0) release_pages(ready_pages[--ready_count], 1);
  for (PageHeader* first : with_room) {
    while (first != nullptr) {
      PageHeader* page = std::exchange(first, first->next);
      if (page->used != 0) continue;
      unlink(page);
      release_pages(page, 1);
      ++pages;
    }
  }
  return pages;
}

abi::FrameNumber frame_of_page(const void* page) {
  const std::uint64_t entry = rt::own_entry(reinterpret_cast<std::uint64_t>(page));
  return abi::FrameNumber{(entry & abi::pte_frame_mask) >> abi::page_bits};
}

MemoryUse memory_use() {
  const auto info = own::account.usage();
  if (!info) return {0, 0};
  return {rt::limit_of(*info, abi::Resource::frames), rt::use_of(*info, abi::Resource::frames)};
}

}  // namespace exos

// Deleting destructors name this; objects of the library go by destroy() and their dispose functions.
void operator delete(void* memory) noexcept { exos::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { exos::release(memory); }
extern "C" [[noreturn]] void __cxa_pure_virtual();
extern "C" [[noreturn]] void __cxa_pure_virtual() { __builtin_trap(); }

// Where the standard library would throw (a position beyond a string's end): our own error, like its other checks.
_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) _NOEXCEPT { __builtin_trap(); }
_LIBCPP_END_NAMESPACE_STD
