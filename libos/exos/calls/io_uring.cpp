// SPDX-License-Identifier: MIT
// io_uring_setup, io_uring_enter, io_uring_register. What they work on: uring/.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/uring/ring.hpp"

namespace exos {
namespace {

using namespace uring;

Ring& as_ring(const FileRef& file) { return static_cast<Ring&>(*file); }

// How many there are to be: a power of two.
Result<std::uint32_t> round(std::uint32_t wanted, std::uint32_t most, bool clamp) {
  if (wanted == 0) return Fail{Errno::inval};
  if (wanted > most && !clamp) return Fail{Errno::inval};
  return std::bit_ceil(std::min(wanted, most));
}

struct LongArgument { std::uint64_t mask; std::uint32_t mask_size, padding; std::uint64_t time; };
static_assert(sizeof(LongArgument) == 24);

Result<LongArgument> argument_of(const Arguments& a) {
  if ((low(a.d) & enter_long_argument) == 0) return LongArgument{.mask = a.e, .mask_size = low(a.f)};
  if (a.f != sizeof(LongArgument)) return Fail{Errno::inval};
  const auto argument = TRY(read_user<LongArgument>(a.e));
  if (argument.padding != 0) return Fail{Errno::inval};
  return argument;
}

CallResult wait_for_completions(Ring& ring, const Arguments& a) {
  const LongArgument argument = TRY(argument_of(a));
  const abi::Nanoseconds deadline = TRY(deadline_from(argument.time));
  TemporaryMask mask;
  TRY_VOID(mask.set(argument.mask, argument.mask_size));
  const Status waited = ring.wait(low(a.c), deadline);
  return mask.finish(waited ? CallResult{0} : CallResult{Fail{waited.error()}});
}

// --- registering ------------------------------------------------------------------------------------------------------
constexpr std::uint32_t buffers = 0, no_buffers = 1, files = 2, no_files = 3, event = 4, no_event = 5, files_update = 6, event_when_late = 7,
                        probe = 8, enable = 12;
constexpr std::uint64_t largest_buffer = 1 << 30, most_buffers = 16384, most_files = 32768;
constexpr std::int32_t leave_as_is = -2;

// -1: nothing there.
Result<FileRef> registered_file(std::int32_t fd) {
  if (fd == -1) return FileRef{};
  FileRef file = TRY(file_of(static_cast<std::uint32_t>(fd)));
  if (file->kind == FileKind::ring) return Fail{Errno::badf};
  return file;
}

Status register_buffers(Ring& ring, std::uint64_t at, std::uint64_t count) {
  if (ring.has_buffers) return Fail{Errno::busy};
  if (count == 0 || count > most_buffers) return Fail{Errno::inval};
  Vector<Iovec> list;
  TRY_VOID(list.resize(static_cast<std::size_t>(count)));
  TRY_VOID(copy_in(list.data(), at, count * sizeof(Iovec)));
  for (const Iovec& buffer : list) {
    if (buffer.base == 0 && buffer.length == 0) continue;
    const bool there = buffer.base != 0 && buffer.length != 0 && buffer.length <= largest_buffer && buffer.base <= ~std::uint64_t{0} - buffer.length &&
                       current_process().memory->covered(base::align_down(buffer.base, base::page_size), buffer.base + buffer.length);
    if (!there) return Fail{Errno::fault};
  }
  ring.buffers = std::move(list);
  ring.has_buffers = true;
  return {};
}

Status register_files(Ring& ring, std::uint64_t at, std::uint64_t count) {
  constexpr std::uint32_t rlimit_nofile = 7;
  if (ring.has_files) return Fail{Errno::busy};
  if (count == 0) return Fail{Errno::inval};
  if (count > most_files || count > current_process().limits[rlimit_nofile][0]) return Fail{Errno::mfile};
  Vector<FileRef> list;
  for (std::uint64_t i = 0; i < count; ++i) TRY_VOID(list.push_back(TRY(registered_file(TRY(read_user<std::int32_t>(at + i * sizeof(std::int32_t)))))));
  ring.files = std::move(list);
  ring.has_files = true;
  return {};
}

struct FilesUpdate { std::uint32_t offset, reserved; std::uint64_t fds; };

CallResult update_files(Ring& ring, std::uint64_t at, std::uint64_t count) {
  const auto update = TRY(read_user<FilesUpdate>(at));
  if (update.reserved != 0 || count == 0) return Fail{Errno::inval};
  return update_registered(ring, update.offset, update.fds, count);
}

Status register_event(Ring& ring, std::uint64_t at, std::uint64_t count, bool when_late_only) {
  if (count != 1) return Fail{Errno::inval};
  if (ring.event) return Fail{Errno::busy};
  FileRef file = TRY(file_of(TRY(read_user<std::uint32_t>(at))));
  if (file->kind != FileKind::event) return Fail{Errno::inval};
  ring.event = std::move(file);
  ring.events_when_late_only = when_late_only;
  return {};
}

struct Probe { std::uint8_t last, count; std::uint16_t reserved; std::uint32_t reserved2[3]; };
struct ProbedOperation { std::uint8_t operation, reserved; std::uint16_t flags; std::uint32_t reserved2; };

Status tell_operations(std::uint64_t at, std::uint64_t count) {
  constexpr auto all = static_cast<std::uint8_t>(Operation::count);
  if (count > 256) return Fail{Errno::inval};
  const auto clear = TRY(read_user<Probe>(at));
  if (clear.last != 0 || clear.count != 0 || clear.reserved != 0) return Fail{Errno::inval};
  const auto told = static_cast<std::uint8_t>(std::min<std::uint64_t>(count, all));
  TRY_VOID(write_user(at, Probe{.last = all - 1, .count = told}));
  for (std::uint8_t i = 0; i < told; ++i) {
    const bool there = is_supported(static_cast<Operation>(i));
    TRY_VOID(write_user(at + sizeof(Probe) + i * sizeof(ProbedOperation), ProbedOperation{.operation = i, .flags = there}));
  }
  return {};
}

Status forget(bool& there) {
  if (!std::exchange(there, false)) return Fail{Errno::nxio};
  return {};
}

Status forget_event(Ring& ring) {
  if (!ring.event) return Fail{Errno::nxio};
  ring.event = {};
  return {};
}

Status enable_ring(Ring& ring) {
  if (!std::exchange(ring.disabled, false)) return Fail{Errno::badfd};
  return {};
}

}  // namespace

CallResult uring::update_registered(Ring& ring, std::uint32_t offset, std::uint64_t fds, std::uint64_t count) {
  if (!ring.has_files) return Fail{Errno::nxio};
  if (!base::range_within(offset, count, ring.files.size())) return Fail{Errno::inval};
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto fd = read_user<std::int32_t>(fds + i * sizeof(std::int32_t));
    auto file = fd ? (*fd == leave_as_is ? Result<FileRef>{ring.files[offset + i]} : registered_file(*fd)) : Result<FileRef>{Fail{fd.error()}};
    if (!file) return i > 0 ? CallResult{i} : CallResult{Fail{file.error()}};
    ring.files[offset + i] = std::move(*file);
  }
  return count;
}

CallResult linux_io_uring_setup(const Arguments& a) {
  auto p = TRY(read_user<Parameters>(a.b));
  for (const std::uint32_t word : p.reserved) if (word != 0) return Fail{Errno::inval};
  if ((p.flags & ~setup::known) != 0) {
    tell_missing("io_uring_setup with flags", p.flags & ~setup::known, Errno::inval);
    return Fail{Errno::inval};
  }
  if ((p.flags & setup::defer_task_run) != 0 && (p.flags & setup::single_issuer) == 0) return Fail{Errno::inval};
  if ((p.flags & setup::task_run_flag) != 0 && (p.flags & (setup::cooperative | setup::defer_task_run)) == 0) return Fail{Errno::inval};
  if ((p.flags & setup::attach) != 0) static_cast<void>(TRY(ring_of(p.attached)));
  const bool clamp = (p.flags & setup::clamp) != 0;
  p.submissions = TRY(round(low(a.a), most_submissions, clamp));
  if ((p.flags & setup::completion_size) == 0) p.completions = 2 * p.submissions;
  else p.completions = TRY(round(p.completions, most_completions, clamp));
  if (p.completions < p.submissions) return Fail{Errno::inval};
  const FileRef file = TRY(make_ring(p));
  TRY_VOID(write_user(a.b, p));
  return install(file, o_cloexec);
}

CallResult linux_io_uring_enter(const Arguments& a) {
  const std::uint32_t flags = low(a.d);
  if ((flags & ~(enter_get_events | enter_wake | enter_wait | enter_long_argument)) != 0) return Fail{Errno::inval};
  const FileRef file = TRY(ring_of(a.a));
  Ring& ring = as_ring(file);
  if (ring.disabled) return Fail{Errno::badfd};
  ring.flush();
  const std::uint32_t wanted = low(a.b);
  const std::uint64_t submitted = wanted == 0 ? 0 : TRY(ring.submit(wanted));
  if ((flags & enter_get_events) == 0 || submitted != wanted) return submitted;
  const CallResult waited = wait_for_completions(ring, a);
  return submitted != 0 ? CallResult{submitted} : waited;
}

CallResult linux_io_uring_register(const Arguments& a) {
  const FileRef file = TRY(ring_of(a.a));
  Ring& ring = as_ring(file);
  const std::uint64_t count = low(a.d);
  const auto takes_nothing = [&](auto work) -> CallResult {
    if (a.c != 0 || count != 0) return Fail{Errno::inval};
    return done(work());
  };
  switch (low(a.b)) {
    case buffers: return done(register_buffers(ring, a.c, count));
    case no_buffers: return takes_nothing([&] { ring.buffers = {}; return forget(ring.has_buffers); });
    case files: return done(register_files(ring, a.c, count));
    case no_files: return takes_nothing([&] { ring.files = {}; return forget(ring.has_files); });
    case event: return done(register_event(ring, a.c, count, false));
    case event_when_late: return done(register_event(ring, a.c, count, true));
    case no_event: return takes_nothing([&] { return forget_event(ring); });
    case files_update: return update_files(ring, a.c, count);
    case probe: return a.c == 0 ? CallResult{Fail{Errno::inval}} : done(tell_operations(a.c, count));
    case enable: return takes_nothing([&] { return enable_ring(ring); });
    default:
      tell_missing("io_uring_register with operation", low(a.b), Errno::inval);
      return Fail{Errno::inval};
  }
}

}  // namespace exos
