// SPDX-License-Identifier: MIT
// splice, tee and vmsplice. Pipes hold bytes, not pages, so all of them copy; what they promise otherwise holds.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/pipe.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {
namespace {

constexpr std::uint32_t splice_nonblock = 2, splice_known = 15;
constexpr std::size_t piece_size = 64 * 1024;

bool nonblocking(const File& file, std::uint32_t flags) { return (flags & splice_nonblock) != 0 || (file.flags & o_nonblock) != 0; }

// An offset that the caller gave; the file's own position otherwise.
struct Offset {
  std::uint64_t address = 0, value = 0;
  [[nodiscard]] static Result<Offset> read(std::uint64_t at) {
    if (at == 0) return Offset{};
    const auto value = TRY(read_user<std::uint64_t>(at));
    if (static_cast<std::int64_t>(value) < 0) return Fail{Errno::inval};
    return Offset{at, value};
  }
  [[nodiscard]] CallResult advanced(const CallResult& moved) const {
    if (moved.has_value() && address != 0) TRY_VOID(write_user(address, value + *moved));
    return moved;
  }
};

CallResult broken(const CallResult& moved) {
  if (!moved.has_value() && moved.error() == Errno::pipe)
    send_signal(current(), SignalInfo{.signo = sig_pipe, .code = 0, .pid = static_cast<std::int32_t>(current_process().pid)});
  return moved;
}

CallResult between_pipes(File& in, File& out, std::size_t most, std::uint32_t flags) {
  Pipe &from = *pipe_of(in), &to = *pipe_of(out);
  if (&from == &to) return Fail{Errno::inval};
  const CallResult moved = from.copy_to(to, most, nonblocking(in, flags) || nonblocking(out, flags));
  if (moved.has_value() && *moved > 0) {
    from.skip(*moved);
    from.queue().wake_all(poll_writable);
  }
  return broken(moved);
}

CallResult pipe_to_file(File& in, File& out, const Offset& to, std::size_t most, std::uint32_t flags) {
  Pipe& pipe = *pipe_of(in);
  if ((out.flags & o_append) != 0 && out.kind == FileKind::regular) return Fail{Errno::inval};
  TRY_VOID(pipe.wait_for_data(nonblocking(in, flags)));
  const std::size_t n = most < pipe.used() ? most : pipe.used();
  if (n == 0) return 0;
  auto* piece = static_cast<std::byte*>(allocate(n));
  if (piece == nullptr) return Fail{Errno::nomem};
  static_cast<void>(pipe.peek(piece, n));
  Buffer bytes = Buffer::memory(piece, n);
  const CallResult moved = to.address != 0 ? out.write_at(to.value, bytes) : out.write(bytes);
  release(piece);
  if (moved.has_value() && *moved > 0) {
    pipe.skip(*moved);
    pipe.queue().wake_all(poll_writable);
  }
  return to.advanced(moved);
}

// What the pipe has no room for is not read.
CallResult file_to_pipe(File& in, const Offset& from, File& out, std::size_t most, std::uint32_t flags) {
  Pipe& pipe = *pipe_of(out);
  while (pipe.room() < pipe_buf) {
    if (pipe.readers == 0) return broken(Fail{Errno::pipe});
    if (nonblocking(out, flags)) return Fail{Errno::again};
    TRY_VOID(pipe.queue().wait());
  }
  const std::size_t n = most < pipe.room() ? most : pipe.room();
  auto* piece = static_cast<std::byte*>(allocate(n));
  if (piece == nullptr) return Fail{Errno::nomem};
  Buffer into = Buffer::memory(piece, n);
  CallResult moved = from.address != 0 ? in.read_at(from.value, into) : in.read(into);
  if (moved.has_value() && *moved > 0) {
    Buffer bytes = Buffer::memory(piece, static_cast<std::size_t>(*moved));
    moved = pipe.write(bytes, false);
  }
  release(piece);
  return from.advanced(broken(moved));
}

}  // namespace

CallResult linux_splice(const Arguments& a) {
  if ((low(a.f) & ~splice_known) != 0) return Fail{Errno::inval};
  if (a.e == 0) return 0;
  const FileRef in = TRY(readable_file(a.a)), out = TRY(writable_file(a.c));
  const bool in_pipe = in->kind == FileKind::pipe, out_pipe = out->kind == FileKind::pipe;
  if (!in_pipe && !out_pipe) return Fail{Errno::inval};
  if ((in_pipe && a.b != 0) || (out_pipe && a.d != 0)) return Fail{Errno::spipe};
  const Offset from = TRY(Offset::read(a.b)), to = TRY(Offset::read(a.d));
  const auto most = static_cast<std::size_t>(a.e < piece_size ? a.e : piece_size);
  if (in_pipe && out_pipe) return between_pipes(*in, *out, most, low(a.f));
  return in_pipe ? pipe_to_file(*in, *out, to, most, low(a.f)) : file_to_pipe(*in, from, *out, most, low(a.f));
}

CallResult linux_tee(const Arguments& a) {
  if ((low(a.d) & ~splice_known) != 0) return Fail{Errno::inval};
  if (a.c == 0) return 0;
  const FileRef in = TRY(readable_file(a.a)), out = TRY(writable_file(a.b));
  Pipe *from = pipe_of(*in), *to = pipe_of(*out);
  if (from == nullptr || to == nullptr || from == to) return Fail{Errno::inval};
  return broken(from->copy_to(*to, static_cast<std::size_t>(a.c < piece_size ? a.c : piece_size), nonblocking(*in, low(a.d))));
}

CallResult linux_vmsplice(const Arguments& a) {
  constexpr std::uint64_t most_vectors = 1024;
  if ((low(a.d) & ~splice_known) != 0) return Fail{Errno::inval};
  const FileRef file = TRY(file_of(a.a));
  if (file->kind != FileKind::pipe) return Fail{Errno::badf};
  if (a.c > most_vectors) return Fail{Errno::inval};
  const bool was_nonblocking = (file->flags & o_nonblock) != 0;
  std::uint64_t moved = 0;
  for (std::uint64_t i = 0; i < a.c; ++i) {
    const auto piece = TRY(read_user<Iovec>(a.b + i * sizeof(Iovec)));
    // Only the first may wait: what has been moved is reported.
    const bool wait_not = was_nonblocking || (low(a.d) & splice_nonblock) != 0 || (moved > 0 && !writable(*file));
    Pipe& pipe = *pipe_of(*file);
    const auto move = [&](Buffer& buffer, std::uint64_t) {
      const CallResult all = writable(*file) ? broken(pipe.write(buffer, wait_not)) : pipe.read(buffer, wait_not);
      const bool bad_page = !all.has_value() && all.error() == Errno::fault && current().awaited == 0 && writable(*file);
      if (!bad_page || buffer.left() <= buffer.bytes_to_page_end()) return all;
      Buffer first = buffer.first(buffer.bytes_to_page_end());   // what lies before the bad page
      return broken(pipe.write(first, wait_not));
    };
    const CallResult done = transfer_awaited(*file, piece.base, piece.length < max_io ? piece.length : max_io, poll_in | poll_out, move);
    if (!done.has_value()) return moved > 0 ? CallResult{moved} : done;
    moved += *done;
    if (*done < piece.length) break;
  }
  return moved;
}

}  // namespace exos
