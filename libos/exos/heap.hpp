// SPDX-License-Identifier: MIT
// Memory of the library itself, in the state slot, shared by all processes of the container. All under the container
// lock. Out of memory is a null pointer, never an abort: callers turn it into ENOMEM.
#pragma once

#include "abi/types.hpp"
#include "base/std.hpp"

namespace exos {

void heap_start(std::uint64_t first_va);                 // once, by the root env
[[nodiscard]] void* allocate(std::size_t bytes);         // 16-byte aligned, not cleared
void release(void* memory);                              // of allocate(); nullptr is fine
[[nodiscard]] void* allocate_pages(std::size_t pages);   // page-aligned, zeroed, contiguous addresses (not frames)
void release_pages(void* memory, std::size_t pages);
void copy_page(void* to, const void* from);

// --- for the pager: pages that leave and come back, caches that shrink ------------------------------------------------
[[nodiscard]] std::uint64_t reserve_addresses(std::size_t pages);   // whose page tables are there; 0: no memory
void withdraw_page(void* page);                          // its frame goes, its address stays taken
[[nodiscard]] bool restore_page(void* page);             // a new frame (zero) at such an address
void forget_page(void* page);                            // such an address is no longer wanted
[[nodiscard]] bool adopt_frame(void* page, abi::FrameNumber frame);  // a frame of the account at a reserved address
std::size_t shrink_heap();                               // gives back what is kept for later; how many pages
// Grows whenever the kernel could not give memory: tells a call that failed for that reason from others.
extern std::uint64_t memory_failures;
// The frame behind a mapped page of the state slot (read from the page-table window).
[[nodiscard]] abi::FrameNumber frame_of_page(const void* page);
// Frames the container may still take; for ENOMEM decisions, /proc/meminfo and sysinfo.
struct MemoryUse { std::uint64_t limit, used; };
[[nodiscard]] MemoryUse memory_use();

template <typename T, typename... Args>
[[nodiscard]] T* make(Args&&... args) {
  void* memory = allocate(sizeof(T));
  return memory == nullptr ? nullptr : ::new (memory) T(std::forward<Args>(args)...);
}
template <typename T>
void destroy(T* object) {
  if (object == nullptr) return;
  object->~T();
  release(object);
}

// Counted reference to an object with `std::uint32_t refs` and a static `void dispose(T*)`.
template <typename T>
class Ref {
 public:
  constexpr Ref() = default;
  explicit Ref(T* object) : object_{object} { if (object_ != nullptr) ++object_->refs; }
  Ref(const Ref& other) : Ref{other.object_} {}
  Ref(Ref&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
  Ref& operator=(Ref other) noexcept { std::swap(object_, other.object_); return *this; }
  ~Ref() { if (object_ != nullptr && --object_->refs == 0) T::dispose(object_); }
  // Takes over a reference that was counted already (a fresh object starts with refs == 0: use Ref{object}).
  [[nodiscard]] T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace exos
