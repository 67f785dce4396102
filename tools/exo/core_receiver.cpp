// SPDX-License-Identifier: MIT
#include "exo/core_receiver.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <limits>

namespace exo {
namespace {

using abi::link::Core;

constexpr std::size_t longest_name = 100;

std::string harmless(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, longest_name)) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == '+';
    out += fine ? c : '_';
  }
  return out.starts_with("core.") ? out : "core." + out;
}

}  // namespace

CoreReceiver::Taken CoreReceiver::take(const Frame& frame) {
  if (folder_.empty()) return std::nullopt;
  switch (static_cast<Core>(frame.kind)) {
    case Core::begin: return begin(frame.payload);
    case Core::data:
      if (!under_way_) return std::nullopt;
      return put(frame.payload);
    case Core::skip: {
      const auto size = payload_as<std::uint64_t>(frame);
      const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() - size_);
      if (!under_way_ || !size || *size > most) return std::nullopt;
      size_ += static_cast<std::int64_t>(*size);
      return std::string{};
    }
    case Core::end:
      if (!under_way_) return std::nullopt;
      return end();
  }
  return std::nullopt;
}

// One of the same name is of an earlier run: it goes, as on Linux.
std::string CoreReceiver::begin(const std::string& name) {
  drop();
  path_ = folder_ + "/" + harmless(name);
  ::unlink(path_.c_str());
  file_ = Descriptor{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  size_ = 0;
  under_way_ = true;
  return file_ ? std::string{} : lose();
}

std::string CoreReceiver::put(std::string_view bytes) {
  while (file_ && !bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), size_);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return lose();
    size_ += n;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string CoreReceiver::end() {
  under_way_ = false;
  if (!file_) return {};
  if (::ftruncate(file_.get(), size_) != 0) return lose();
  file_.reset();
  return "core: " + path_ + "; `exo debug core " + path_ + "` opens it";
}

std::string CoreReceiver::lose() {
  const std::string why = ::strerror(errno);
  if (file_) ::unlink(path_.c_str());
  file_.reset();
  return "cannot write " + path_ + ": " + why;
}

void CoreReceiver::drop() {
  if (under_way_ && file_) ::unlink(path_.c_str());
  file_.reset();
  under_way_ = false;
}

}  // namespace exo
