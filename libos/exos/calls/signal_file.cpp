// SPDX-License-Identifier: MIT
// signalfd and signalfd4.
#include "libos/exos/fs/signal_file.hpp"

#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

CallResult signal_file(std::uint64_t fd, std::uint64_t mask_address, std::uint64_t mask_size, std::uint32_t flags) {
  constexpr std::uint64_t unmaskable = 1ull << (sig_kill - 1) | 1ull << (sig_stop - 1);
  if (mask_size != sizeof(std::uint64_t) || (flags & ~(o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  const std::uint64_t set = TRY(read_user<std::uint64_t>(mask_address)) & ~unmaskable;
  if (static_cast<std::int32_t>(fd) == -1) return install(TRY(make_signal_file(set, flags & o_nonblock)), flags);
  const FileRef file = TRY(file_of(fd));
  if (file->kind != FileKind::signals) return Fail{Errno::inval};
  static_cast<SignalFile&>(*file).change(set);
  signal_arrivals().wake_all();
  return low(fd);
}

}  // namespace

CallResult linux_signalfd(const Arguments& a) { return signal_file(a.a, a.b, a.c, 0); }
CallResult linux_signalfd4(const Arguments& a) { return signal_file(a.a, a.b, a.c, low(a.d)); }

}  // namespace exos
