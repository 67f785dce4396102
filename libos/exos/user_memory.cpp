// SPDX-License-Identifier: MIT
// Copies between the library and the program. A fault inside exos_copy or exos_zero that the pager cannot resolve
// continues at exos_copy_failed (start.cpp's exception handler), which answers "not done".
#include "libos/exos/user_memory.hpp"

#include "libos/exos/memory.hpp"

namespace exos {

extern "C" {
bool exos_copy(void* to, const void* from, std::size_t size);
bool exos_zero(void* to, std::size_t size);
bool exos_exchange(std::uint32_t* word, std::uint32_t* expected, std::uint32_t fresh);
bool exos_save_vector(void* to);
bool exos_load_vector(const void* from);
void exos_copy_routines();
}

// No stack is used and only caller-saved registers: the failure label can return as well as the end can. Words by
// `rep movsq`: without vector registers nothing is faster on hardware, and it is one instruction to the emulator. Aligned 4 and 8
// bytes are one access: other threads of the program may change them meanwhile.
extern "C" [[gnu::naked, gnu::used]] void exos_copy_routines() {
  asm volatile(
      ".globl exos_copy_begin\n exos_copy_begin:\n"
      ".globl exos_copy\n exos_copy:\n"
      "cmp $4, %rdx\n jne 1f\n mov (%rsi), %ecx\n mov %ecx, (%rdi)\n mov $1, %eax\n ret\n 1:"
      "mov %rdx, %rcx\n shr $3, %rcx\n rep movsq\n"
      "mov %edx, %ecx\n and $7, %ecx\n rep movsb\n"
      "mov $1, %eax\n ret\n"
      ".globl exos_zero\n exos_zero:\n"
      "xor %eax, %eax\n mov %rsi, %rcx\n shr $3, %rcx\n rep stosq\n"
      "mov %esi, %ecx\n and $7, %ecx\n rep stosb\n"
      "mov $1, %eax\n ret\n"
      ".globl exos_exchange\n exos_exchange:\n"
      "mov (%rsi), %eax\n lock cmpxchg %edx, (%rdi)\n mov %eax, (%rsi)\n mov $1, %eax\n ret\n"
      // The vector state at once from and to the program's memory.
      ".globl exos_save_vector\n exos_save_vector:\n"
      "mov $-1, %eax\n mov $-1, %edx\n xsave64 (%rdi)\n mov $1, %eax\n ret\n"
      ".globl exos_load_vector\n exos_load_vector:\n"
      "mov $-1, %eax\n mov $-1, %edx\n xrstor64 (%rdi)\n mov $1, %eax\n ret\n"
      ".globl exos_copy_end\n exos_copy_end:\n"
      ".globl exos_copy_failed\n exos_copy_failed:\n"
      "xor %eax, %eax\n ret\n");
}

namespace {

template <typename T = void*>
T pointer(std::uint64_t address) { return reinterpret_cast<T>(address); }

}  // namespace

[[gnu::noinline]] Status copy_in(void* to, std::uint64_t from, std::size_t size) {
  if (is_program_range(from, size) && exos_copy(to, pointer(from), size)) [[likely]] return {};
  return size == 0 ? Status{} : Fail{Errno::fault};
}

[[gnu::noinline]] Status copy_out(std::uint64_t to, const void* from, std::size_t size) {
  if (is_program_range(to, size) && exos_copy(pointer(to), from, size)) [[likely]] return {};
  return size == 0 ? Status{} : Fail{Errno::fault};
}

Result<bool> exchange_user(std::uint64_t at, std::uint32_t& expected, std::uint32_t fresh) {
  const std::uint32_t wanted = expected;
  if (!is_program_range(at, sizeof fresh) || !exos_exchange(pointer<std::uint32_t*>(at), &expected, fresh)) return Fail{Errno::fault};
  return expected == wanted;
}

Status save_vector_out(std::uint64_t to, std::size_t size) {
  constexpr std::size_t header = 512, header_size = 64;
  TRY_VOID(zero_out(to + header, header_size));   // what xsave leaves as it is
  if (!is_program_range(to, size) || !exos_save_vector(pointer(to))) return Fail{Errno::fault};
  return {};
}

Status load_vector_in(std::uint64_t from, std::size_t size) {
  if (!is_program_range(from, size) || !exos_load_vector(pointer<const void*>(from))) return Fail{Errno::fault};
  return {};
}

Status zero_out(std::uint64_t to, std::size_t size) {
  if (size == 0) return {};
  if (!is_program_range(to, size) || !exos_zero(pointer(to), size)) return Fail{Errno::fault};
  return {};
}

namespace {

struct Piece { std::size_t length; bool last; };

// The next bytes of a string, at most `room`, up to its end.
Result<Piece> copy_in_piece(char* to, std::uint64_t from, std::size_t room) {
  // Never across a page's end: the next page may be missing though the string ends before it.
  const std::size_t to_page_end = base::page_size - (from & (base::page_size - 1));
  const std::size_t size = to_page_end < room ? to_page_end : room;
  TRY_VOID(copy_in(to, from, size));
  const auto* end = static_cast<const char*>(std::memchr(to, 0, size));
  if (end == nullptr) return Piece{size, false};
  return Piece{static_cast<std::size_t>(end - to), true};
}

}  // namespace

Status UserString::read(std::uint64_t from, std::size_t limit) {
  constexpr std::size_t most_at_once = 64;   // most strings end in it: more would be copied in vain
  while (size_ < sizeof short_) {
    const Piece piece = TRY(copy_in_piece(short_ + size_, from + size_, std::min(most_at_once, sizeof short_ - size_)));
    size_ += piece.length;
    if (piece.last) return {};
  }
  size_ = 0;
  long_ = TRY(copy_in_string(from, limit));
  return {};
}

Result<String> copy_in_string(std::uint64_t from, std::size_t limit, Errno too_long) {
  String text;
  char bytes[256];
  while (true) {
    const Piece piece = TRY(copy_in_piece(bytes, from, sizeof bytes));
    if (text.size() + piece.length > limit) return Fail{too_long};
    TRY_VOID(text.append({bytes, piece.length}));
    if (piece.last) return text;
    from += piece.length;
  }
}

Status Buffer::put(const void* from, std::size_t n) {
  if (user_) TRY_VOID(copy_out(address_, from, n));
  else std::memcpy(pointer(address_), from, n);
  address_ += n;
  left_ -= n;
  return {};
}

Status Buffer::put_zeros(std::size_t n) {
  if (user_) TRY_VOID(zero_out(address_, n));
  else std::memset(pointer(address_), 0, n);
  address_ += n;
  left_ -= n;
  return {};
}

Status Buffer::take(void* to, std::size_t n) {
  if (user_) TRY_VOID(copy_in(to, address_, n));
  else std::memcpy(to, pointer<const void*>(address_), n);
  address_ += n;
  left_ -= n;
  return {};
}

}  // namespace exos
