// SPDX-License-Identifier: MIT
// What has come from a terminal and is not read yet: whole lines, and behind them the line that is still being edited.
#pragma once

#include "libos/exos/user_memory.hpp"

namespace exos {

class LineInput {
 public:
  static constexpr std::size_t size = 4096;

  [[nodiscard]] std::size_t used() const { return static_cast<std::size_t>(head_ - tail_); }
  [[nodiscard]] std::size_t room() const { return size - used(); }
  [[nodiscard]] bool has_line() const { return done_ != tail_; }
  [[nodiscard]] std::size_t edited() const { return static_cast<std::size_t>(head_ - done_); }   // bytes of the unfinished line
  [[nodiscard]] std::uint8_t edited_byte(std::size_t i) const { return bytes_[(done_ + i) % size]; }

  void put(std::uint8_t byte);             // room() > 0
  void replace_last(std::uint8_t byte);    // used() > 0
  void drop_last() { --head_; }            // edited() > 0
  void end_line();                         // the last byte ends it
  void end_file();                         // ^D: ends the line without a byte of its own; room() > 0
  void flush() { tail_ = done_ = head_; }
  // ICANON was set or cleared: what is there becomes one line, or bytes without lines.
  void change_mode(bool canonical);

  // Bytes that a read would give now; canonical: of whole lines.
  [[nodiscard]] std::size_t readable(bool canonical) const;
  // A line or what fits of it; an end of file is taken and gives nothing.
  [[nodiscard]] CallResult take_line(Buffer& buffer);
  [[nodiscard]] CallResult take_bytes(Buffer& buffer);

 private:
  enum class Mark : std::uint8_t { none, line, file };   // what this byte ends
  std::array<std::uint8_t, size> bytes_{};
  std::array<Mark, size> marks_{};
  std::uint64_t head_ = 0, done_ = 0, tail_ = 0;         // tail_ <= done_ <= head_: ever written, ended, read
};

}  // namespace exos
