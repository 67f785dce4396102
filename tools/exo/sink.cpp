// SPDX-License-Identifier: MIT
#include "exo/sink.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace exo {

void Sink::drain_some() {
  // A pipe that polls writable takes this much without waiting, in whatever mode it is.
  const std::size_t size = std::min<std::size_t>(queue_.size() - at_, PIPE_BUF);
  if (size == 0) return;
  const ssize_t n = ::write(fd_, queue_.data() + at_, size);
  if (n < 0) {
    if (errno == EINTR || errno == EAGAIN) return;
    closed_ = true;
    queue_.clear();
    at_ = 0;
    return;
  }
  at_ += static_cast<std::size_t>(n);
  if (at_ == queue_.size() || at_ >= (1u << 20)) {
    queue_.erase(0, at_);
    at_ = 0;
  }
}

void Sink::drain_all() {
  while (!empty() && !closed_) {
    pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return;
    drain_some();
  }
}

bool same_file(int a, int b) {
  struct stat x{}, y{};
  return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

}  // namespace exo
