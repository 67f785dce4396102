// SPDX-License-Identifier: MIT
// pipe and pipe2.
#include "libos/exos/fs/pipe.hpp"
#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

CallResult pipe_pair(std::uint64_t address, std::uint32_t flags) {
  if ((flags & ~(o_cloexec | o_nonblock | o_direct)) != 0) return Fail{Errno::inval};
  PipeEnds ends = TRY(make_pipe(flags & (o_nonblock | o_direct)));
  Descriptors& table = *current().files;
  const std::uint64_t reader = TRY(install(std::move(ends.reader), flags));
  const CallResult writer = install(std::move(ends.writer), flags);
  if (!writer.has_value()) {
    static_cast<void>(table.close(reader));
    return writer;
  }
  const std::array<std::int32_t, 2> numbers{static_cast<std::int32_t>(reader), static_cast<std::int32_t>(*writer)};
  if (const Status written = write_user(address, numbers); !written.has_value()) {
    static_cast<void>(table.close(reader));
    static_cast<void>(table.close(*writer));
    return Fail{written.error()};
  }
  return 0;
}

}  // namespace

CallResult linux_pipe(const Arguments& arguments) { return pipe_pair(arguments.a, 0); }
CallResult linux_pipe2(const Arguments& arguments) { return pipe_pair(arguments.a, low(arguments.b)); }

}  // namespace exos
