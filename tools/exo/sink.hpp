// SPDX-License-Identifier: MIT
// Output that waits for its reader: a queue before a descriptor whose mode is left alone, for others share it.
#pragma once

#include <string>
#include <string_view>

namespace exo {

class Sink {
 public:
  explicit Sink(int fd) : fd_{fd} {}
  void push(std::string_view bytes) {
    if (!closed_) queue_.append(bytes);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool empty() const { return at_ == queue_.size(); }
  [[nodiscard]] bool is_full() const { return queue_.size() - at_ >= high_water; }
  [[nodiscard]] bool closed() const { return closed_; }  // the reader is gone, or writing fails
  void drain_some();  // when poll says that the descriptor can be written
  void drain_all();   // waits

 private:
  static constexpr std::size_t high_water = 8 << 20;
  int fd_;
  std::string queue_;
  std::size_t at_ = 0;
  bool closed_ = false;
};

// Whether two descriptors lead to the same file, so that the order between them matters.
[[nodiscard]] bool same_file(int a, int b);

}  // namespace exo
