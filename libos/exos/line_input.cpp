// SPDX-License-Identifier: MIT
#include "libos/exos/line_input.hpp"

namespace exos {

void LineInput::put(std::uint8_t byte) {
  bytes_[head_ % size] = byte;
  marks_[head_ % size] = Mark::none;
  ++head_;
}

void LineInput::replace_last(std::uint8_t byte) {
  --head_;
  put(byte);
}

void LineInput::end_line() {
  marks_[(head_ - 1) % size] = Mark::line;
  done_ = head_;
}

void LineInput::end_file() {
  put(0);
  marks_[(head_ - 1) % size] = Mark::file;
  done_ = head_;
}

void LineInput::change_mode(bool canonical) {
  for (std::uint64_t at = tail_; at != head_; ++at) marks_[at % size] = Mark::none;
  done_ = tail_;
  if (canonical && used() > 0) end_line();
}

std::size_t LineInput::readable(bool canonical) const {
  if (!canonical) return used();
  std::size_t n = 0;
  for (std::uint64_t at = tail_; at != done_; ++at) n += marks_[at % size] != Mark::file;
  return n;
}

CallResult LineInput::take_line(Buffer& buffer) {
  std::uint64_t done = 0;
  while (tail_ != done_) {
    const std::size_t at = tail_ % size;
    if (marks_[at] == Mark::file) {
      ++tail_;
      break;
    }
    // Up to the line's end or where the ring wraps.
    std::size_t run = 0;
    bool ends = false;
    while (!ends && run < buffer.left() && at + run < size && tail_ + run != done_ && marks_[at + run] != Mark::file)
      ends = marks_[at + run++] == Mark::line;
    if (run == 0) break;   // the buffer is full
    if (!buffer.put(bytes_.data() + at, run).has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::fault}};
    tail_ += run;
    done += run;
    if (ends) break;
  }
  return done;
}

CallResult LineInput::take_bytes(Buffer& buffer) {
  std::uint64_t done = 0;
  while (buffer.left() > 0 && tail_ != head_) {
    const std::size_t at = tail_ % size;
    std::size_t run = used() < size - at ? used() : size - at;
    if (run > buffer.left()) run = buffer.left();
    if (!buffer.put(bytes_.data() + at, run).has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::fault}};
    tail_ += run;
    done += run;
  }
  done_ = tail_;
  return done;
}

}  // namespace exos
