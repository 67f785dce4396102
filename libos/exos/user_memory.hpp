// SPDX-License-Identifier: MIT
// The only way ExOS touches a program's memory: copies that a bad pointer turns into EFAULT. They go through the current
// space; pages that are not there yet come by the ordinary page-fault path, which blocks for a userfaultfd alone (see below).
#pragma once

#include "libos/exos/errno.hpp"
#include "libos/exos/vector.hpp"

namespace exos {

// While one lives, a copy does not wait for a page that a userfaultfd's reader is to give: it fails. Nothing may block under it.
class CopiesFail {
 public:
  CopiesFail() { ++depth_; }
  CopiesFail(const CopiesFail&) = delete;
  CopiesFail& operator=(const CopiesFail&) = delete;
  ~CopiesFail();
  [[nodiscard]] static bool in_force() { return depth_ != 0; }

 private:
  static std::uint32_t depth_;
};

[[nodiscard]] Status copy_in(void* to, std::uint64_t from, std::size_t size);
[[nodiscard]] Status copy_out(std::uint64_t to, const void* from, std::size_t size);
// For where the library holds what must not change meanwhile: a copy that would wait for a userfaultfd's reader fails, and
// Task::awaited says at which page (userfault.hpp).
[[nodiscard]] Status copy_in_at_once(void* to, std::uint64_t from, std::size_t size);
[[nodiscard]] Status copy_out_at_once(std::uint64_t to, const void* from, std::size_t size);
[[nodiscard]] Status zero_out_at_once(std::uint64_t to, std::size_t size);
[[nodiscard]] Status zero_out(std::uint64_t to, std::size_t size);
// Replaces the aligned word at `at` if it is as expected, else tells what it is; as one step before all threads of the program.
[[nodiscard]] Result<bool> exchange_user(std::uint64_t at, std::uint32_t& expected, std::uint32_t fresh);
// A NUL-terminated string of at most `limit` bytes without the NUL; longer: `too_long`.
[[nodiscard]] Result<String> copy_in_string(std::uint64_t from, std::size_t limit, Errno too_long = Errno::nametoolong);

// Such a string for the time of a call: one that is short, as paths are, needs no memory of the heap.
class UserString {
 public:
  UserString() = default;
  UserString(const UserString&) = delete;
  UserString& operator=(const UserString&) = delete;
  // Once; a string longer than `limit` >= 128 bytes: ENAMETOOLONG.
  [[nodiscard]] Status read(std::uint64_t from, std::size_t limit);
  [[nodiscard]] std::string_view view() const { return long_.empty() ? std::string_view{short_, size_} : long_.view(); }

 private:
  char short_[128];
  std::size_t size_ = 0;
  String long_;
};

template <typename T>
[[nodiscard]] Result<T> read_user(std::uint64_t from) {
  T value;
  TRY_VOID(copy_in(&value, from, sizeof value));
  return value;
}
template <typename T>
[[nodiscard]] Status write_user(std::uint64_t to, const T& value) { return copy_out(to, &value, sizeof value); }

// Where the bytes of a read go or those of a write come from: a program's memory or the library's own, in pieces.
class Buffer {
 public:
  [[nodiscard]] static Buffer user(std::uint64_t address, std::size_t size) { return Buffer{address, size, true}; }
  [[nodiscard]] static Buffer memory(void* address, std::size_t size) {
    return Buffer{reinterpret_cast<std::uint64_t>(address), size, false};
  }
  [[nodiscard]] std::size_t left() const { return left_; }
  // The first n bytes as a buffer of their own; this one does not advance with it.
  [[nodiscard]] Buffer first(std::size_t n) const { return Buffer{address_, n < left_ ? n : left_, user_}; }
  [[nodiscard]] std::size_t bytes_to_page_end() const { return base::page_size - (address_ & (base::page_size - 1)); }
  void skip(std::size_t n) { address_ += n; left_ -= n; }
  // Moves n <= left() bytes and advances by them; on a fault nothing is advanced.
  [[nodiscard]] Status put(const void* from, std::size_t n);  // into the buffer (a read)
  [[nodiscard]] Status put_zeros(std::size_t n);
  [[nodiscard]] Status take(void* to, std::size_t n);         // out of the buffer (a write)

 private:
  Buffer(std::uint64_t address, std::size_t size, bool user) : address_{address}, left_{size}, user_{user} {}
  std::uint64_t address_;
  std::size_t left_;
  bool user_;
};

}  // namespace exos
