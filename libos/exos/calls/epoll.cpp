// SPDX-License-Identifier: MIT
// The epoll calls.
#include "libos/exos/fs/epoll.hpp"
#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

Result<EpollFile*> set_of(const FileRef& file) {
  if (file->kind != FileKind::epoll) return Fail{Errno::inval};
  return static_cast<EpollFile*>(file.get());
}

CallResult wait_for(const Arguments& arguments, abi::Nanoseconds deadline, std::uint64_t mask_address, std::uint64_t mask_size) {
  const auto most = static_cast<std::int32_t>(arguments.c);
  if (most <= 0) return Fail{Errno::inval};
  FileRef file = TRY(file_of(arguments.a));
  EpollFile& set = *TRY(set_of(file));
  if (mask_address == 0) return set.wait(arguments.b, static_cast<std::size_t>(most), deadline);
  TemporaryMask mask;
  TRY_VOID(mask.set(mask_address, mask_size));
  return mask.finish(set.wait(arguments.b, static_cast<std::size_t>(most), deadline));
}

abi::Nanoseconds deadline_of_ms(std::uint64_t timeout) {
  const auto ms = static_cast<std::int32_t>(timeout);
  return ms < 0 ? abi::forever : now() + static_cast<std::uint64_t>(ms) * 1'000'000;
}

}  // namespace

CallResult linux_epoll_create(const Arguments& arguments) {
  if (static_cast<std::int32_t>(arguments.a) <= 0) return Fail{Errno::inval};
  return install(TRY(make_epoll_file()), 0);
}
CallResult linux_epoll_create1(const Arguments& arguments) {
  if ((low(arguments.a) & ~o_cloexec) != 0) return Fail{Errno::inval};
  return install(TRY(make_epoll_file()), low(arguments.a));
}

CallResult linux_epoll_ctl(const Arguments& arguments) {
  constexpr std::uint32_t op_add = 1, op_remove = 2, op_change = 3;
  const std::uint32_t operation = low(arguments.b);
  EpollEvent event{};
  if (operation != op_remove) event = TRY(read_user<EpollEvent>(arguments.d));
  FileRef set_file = TRY(file_of(arguments.a));
  FileRef file = TRY(file_of(arguments.c));
  EpollFile& set = *TRY(set_of(set_file));
  switch (operation) {
    case op_add: return done(set.add(file, low(arguments.c), event));
    case op_remove: return done(set.remove(*file, low(arguments.c)));
    case op_change: return done(set.change(*file, low(arguments.c), event));
    default: return Fail{Errno::inval};
  }
}

CallResult linux_epoll_wait(const Arguments& arguments) {
  return wait_for(arguments, deadline_of_ms(arguments.d), 0, 0);
}
CallResult linux_epoll_pwait(const Arguments& arguments) {
  return wait_for(arguments, deadline_of_ms(arguments.d), arguments.e, arguments.f);
}
CallResult linux_epoll_pwait2(const Arguments& arguments) {
  return wait_for(arguments, TRY(deadline_from(arguments.d)), arguments.e, arguments.f);
}

}  // namespace exos
