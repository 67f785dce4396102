// SPDX-License-Identifier: MIT
// Copies between the library and the program: which addresses, in which order. What moves the bytes is in copy_routines.cpp.
#include "libos/exos/user_memory.hpp"

#include "libos/exos/copy_routines.hpp"
#include "libos/exos/memory.hpp"
#include "libos/exos/task.hpp"

namespace exos {

constinit std::uint32_t CopiesFail::depth_ = 0;
CopiesFail::~CopiesFail() {
  --depth_;
  current().awaited = 0;
}

namespace {

template <typename T = void*>
T pointer(std::uint64_t address) { return reinterpret_cast<T>(address); }

}  // namespace

// Nothing can be wrong with no bytes, wherever they are.
[[gnu::noinline]] Status copy_in(void* to, std::uint64_t from, std::size_t size) {
  if (!is_program_range(from, size)) [[unlikely]] return size == 0 ? Status{} : Fail{Errno::fault};
  return exos_copy(to, pointer(from), size) ? Status{} : Fail{Errno::fault};
}

[[gnu::noinline]] Status copy_out(std::uint64_t to, const void* from, std::size_t size) {
  if (!is_program_range(to, size)) [[unlikely]] return size == 0 ? Status{} : Fail{Errno::fault};
  return exos_copy(pointer(to), from, size) ? Status{} : Fail{Errno::fault};
}

[[gnu::noinline]] Status copy_in_at_once(void* to, std::uint64_t from, std::size_t size) {
  if (!is_program_range(from, size)) [[unlikely]] return size == 0 ? Status{} : Fail{Errno::fault};
  return exos_copy_at_once(to, pointer(from), size) ? Status{} : Fail{Errno::fault};
}

[[gnu::noinline]] Status copy_out_at_once(std::uint64_t to, const void* from, std::size_t size) {
  if (!is_program_range(to, size)) [[unlikely]] return size == 0 ? Status{} : Fail{Errno::fault};
  return exos_copy_at_once(pointer(to), from, size) ? Status{} : Fail{Errno::fault};
}

Result<bool> exchange_user(std::uint64_t at, std::uint32_t& expected, std::uint32_t fresh) {
  const std::uint32_t wanted = expected;
  if (!is_program_range(at, sizeof fresh) || !exos_exchange(pointer<std::uint32_t*>(at), &expected, fresh)) return Fail{Errno::fault};
  return expected == wanted;
}

Status zero_out(std::uint64_t to, std::size_t size) {
  if (size == 0) return {};
  if (!is_program_range(to, size) || !exos_zero(pointer(to), size)) return Fail{Errno::fault};
  return {};
}

Status zero_out_at_once(std::uint64_t to, std::size_t size) {
  if (size == 0) return {};
  if (!is_program_range(to, size) || !exos_zero_at_once(pointer(to), size)) return Fail{Errno::fault};
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
  if (user_) TRY_VOID(copy_out_at_once(address_, from, n));
  else std::memcpy(pointer(address_), from, n);
  address_ += n;
  left_ -= n;
  return {};
}

Status Buffer::put_zeros(std::size_t n) {
  if (user_) TRY_VOID(zero_out_at_once(address_, n));
  else std::memset(pointer(address_), 0, n);
  address_ += n;
  left_ -= n;
  return {};
}

Status Buffer::take(void* to, std::size_t n) {
  if (user_) TRY_VOID(copy_in_at_once(to, address_, n));
  else std::memcpy(to, pointer<const void*>(address_), n);
  address_ += n;
  left_ -= n;
  return {};
}

}  // namespace exos
