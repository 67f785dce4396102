// SPDX-License-Identifier: MIT
// Moving bytes: read, write and their vectored, positioned and file-to-file forms; lseek, ioctl, sync.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/pipe.hpp"
#include "libos/exos/missing_requests.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {
namespace {

constexpr std::size_t max_vectors = 1024;
constexpr std::size_t gather_size = 64 * 1024;

// Library memory for a while.
class Bounce {
 public:
  explicit Bounce(std::size_t size) : memory_{static_cast<std::byte*>(allocate(size))}, size_{size} {}
  Bounce(const Bounce&) = delete;
  Bounce& operator=(const Bounce&) = delete;
  ~Bounce() { release(memory_); }
  [[nodiscard]] bool ok() const { return memory_ != nullptr; }
  [[nodiscard]] std::byte* data() const { return memory_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* memory_;
  std::size_t size_;
};

std::uint64_t at_once(std::uint64_t size) { return size < max_io ? size : max_io; }
Buffer user_buffer(std::uint64_t address, std::uint64_t size) { return Buffer::user(address, static_cast<std::size_t>(at_once(size))); }

struct Vectors {
  Vector<Iovec> list;
  std::uint64_t total = 0;
};

Result<Vectors> read_vectors(std::uint64_t address, std::uint64_t count) {
  Vectors vectors;
  if (count > max_vectors) return Fail{Errno::inval};
  TRY_VOID(vectors.list.resize(static_cast<std::size_t>(count)));
  TRY_VOID(copy_in(vectors.list.data(), address, count * sizeof(Iovec)));
  for (Iovec& piece : vectors.list) {
    if (piece.length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return Fail{Errno::inval};
    if (piece.length > abi::map::program_end - std::min(piece.base, abi::map::program_end)) return Fail{Errno::fault};
    if (piece.length > max_io - vectors.total) piece.length = max_io - vectors.total;
    vectors.total += piece.length;
  }
  return vectors;
}

bool is_stream(const File& file) { return file.kind != FileKind::regular && file.kind != FileKind::device; }

// Where a positioned or plain transfer goes.
struct Position {
  bool given = false;
  std::uint64_t offset = 0;
};

CallResult read_some(File& file, const Position& at, Buffer& buffer) {
  return at.given ? file.read_at(at.offset, buffer) : file.read(buffer);
}
CallResult write_some(File& file, const Position& at, Buffer& buffer) {
  return at.given ? file.write_at(at.offset, buffer) : file.write(buffer);
}

// How many bytes of the pieces, from the first on, the program can write.
std::uint64_t writable_bytes(const Vectors& vectors) {
  std::uint64_t bytes = 0;
  for (const Iovec& piece : vectors.list) {
    const std::uint64_t n = current_process().memory->reach(piece.base, piece.length, prot_write);
    bytes += n;
    if (n < piece.length) break;
  }
  return bytes;
}

// To and from the program. What is not moved whole may have stopped at a page that a userfaultfd's reader is to give.
[[gnu::noinline]] CallResult go_on_reading(File& file, Position at, std::uint64_t address, std::uint64_t size, CallResult result) {
  if (current().awaited == 0) [[likely]] return result;
  return go_on_awaited(file, address, at_once(size), result, poll_in, [&](Buffer& buffer, std::uint64_t done) {
    return read_some(file, {at.given, at.offset + done}, buffer);
  });
}
[[gnu::noinline]] CallResult go_on_writing(File& file, Position at, std::uint64_t address, std::uint64_t size, CallResult result) {
  if (current().awaited == 0) [[likely]] return result;
  return go_on_awaited(file, address, at_once(size), result, poll_out, [&](Buffer& buffer, std::uint64_t done) {
    return write_some(file, {at.given, at.offset + done}, buffer);
  });
}

// One transfer for all pieces, so that a pipe or a terminal sees one read or write. What there is no place for stays where it is.
CallResult read_scattered(File& file, const Vectors& vectors) {
  const std::uint64_t size = writable_bytes(vectors);
  if (size == 0) return Fail{Errno::fault};
  Bounce bounce{size < gather_size ? size : gather_size};
  if (!bounce.ok()) return Fail{Errno::nomem};
  Buffer buffer = Buffer::memory(bounce.data(), bounce.size());
  const std::uint64_t got = TRY(file.read(buffer));
  std::uint64_t at = 0;
  for (const Iovec& piece : vectors.list) {
    const std::uint64_t n = piece.length < got - at ? piece.length : got - at;
    TRY_VOID(copy_out(piece.base, bounce.data() + at, static_cast<std::size_t>(n)));
    at += n;
  }
  return got;
}

CallResult write_gathered(File& file, const Vectors& vectors) {
  Bounce bounce{vectors.total};
  if (!bounce.ok()) return Fail{Errno::nomem};
  std::uint64_t at = 0;
  for (const Iovec& piece : vectors.list) {
    TRY_VOID(copy_in(bounce.data() + at, piece.base, static_cast<std::size_t>(piece.length)));
    at += piece.length;
  }
  Buffer buffer = Buffer::memory(bounce.data(), bounce.size());
  return file.write(buffer);
}

enum class Direction { reading, writing };

CallResult transfer(File& file, Direction direction, const Vectors& vectors, Position at) {
  const bool reading = direction == Direction::reading;
  if (vectors.total == 0) {
    Buffer nothing = Buffer::memory(nullptr, 0);
    return reading ? read_some(file, at, nothing) : write_some(file, at, nothing);
  }
  if (!at.given && is_stream(file) && vectors.list.size() > 1) {
    if (reading) return read_scattered(file, vectors);
    if (vectors.total <= gather_size) return write_gathered(file, vectors);
  }
  std::uint64_t moved = 0;
  for (const Iovec& piece : vectors.list) {
    if (piece.length == 0) continue;
    Buffer buffer = user_buffer(piece.base, piece.length);
    CallResult result = reading ? read_some(file, at, buffer) : write_some(file, at, buffer);
    if (!result || *result != piece.length) result = reading ? go_on_reading(file, at, piece.base, piece.length, result) : go_on_writing(file, at, piece.base, piece.length, result);
    if (!result.has_value()) return moved > 0 ? CallResult{moved} : result;
    moved += *result;
    at.offset += *result;
    if (*result < piece.length) break;
  }
  return moved;
}

Result<Position> position_from(std::uint64_t offset) {
  if (static_cast<std::int64_t>(offset) < 0) return Fail{Errno::inval};
  return Position{true, offset};
}

CallResult vectored(const Arguments& arguments, Direction direction, const Position& at) {
  FileRef file = TRY(direction == Direction::reading ? readable_file(arguments.a) : writable_file(arguments.a));
  const Vectors vectors = TRY(read_vectors(arguments.b, arguments.c));
  return transfer(*file, direction, vectors, at);
}

// preadv2 and pwritev2: offset -1 means the file's own position; flags that ask for less than we do anyway are fine.
CallResult vectored_with_flags(const Arguments& arguments, Direction direction) {
  constexpr std::uint32_t hipri = 1, dsync = 2, sync = 4, append = 0x10;
  const std::uint32_t flags = low(arguments.f);
  if ((flags & ~(hipri | dsync | sync | append)) != 0) return Fail{Errno::opnotsupp};
  if ((flags & append) != 0) {
    if (direction == Direction::reading) return Fail{Errno::opnotsupp};
    const FileRef file = TRY(writable_file(arguments.a));
    const bool moves = arguments.d == ~std::uint64_t{0} && file->kind == FileKind::regular;
    const CallResult done = vectored(arguments, direction, Position{file->kind == FileKind::regular, file->inode->size});
    if (done.has_value() && moves) file->position = file->inode->size;
    return done;
  }
  if (arguments.d == ~std::uint64_t{0}) return vectored(arguments, direction, {});
  return vectored(arguments, direction, TRY(position_from(arguments.d)));
}

// Copies up to `count` bytes through library memory. Positions that are given are advanced.
CallResult copy_between(File& in, Position& from, File& out, Position& to, std::uint64_t count) {
  Bounce bounce{count < gather_size ? (count == 0 ? 1 : count) : gather_size};
  if (!bounce.ok()) return Fail{Errno::nomem};
  std::uint64_t moved = 0;
  while (moved < count) {
    const std::uint64_t wanted = count - moved < bounce.size() ? count - moved : bounce.size();
    Buffer into = Buffer::memory(bounce.data(), static_cast<std::size_t>(wanted));
    const CallResult got = read_some(in, from, into);
    if (!got.has_value()) return moved > 0 ? CallResult{moved} : got;
    if (*got == 0) break;
    Buffer out_of = Buffer::memory(bounce.data(), static_cast<std::size_t>(*got));
    const CallResult put = write_some(out, to, out_of);
    const std::uint64_t taken = put.value_or(0);
    // What was read and could not be written is not lost: the source's position goes back.
    if (from.given) from.offset += taken;
    else if (taken < *got && in.kind == FileKind::regular) in.position -= *got - taken;
    if (to.given) to.offset += taken;
    if (!put.has_value()) return moved > 0 ? CallResult{moved} : put;
    moved += taken;
    if (taken < *got || (*got < wanted && is_stream(in))) break;
  }
  return moved;
}

Result<Position> position_at(std::uint64_t address) {
  if (address == 0) return Position{};
  return position_from(TRY(read_user<std::uint64_t>(address)));
}

// Of a plain call.
[[gnu::noinline]] CallResult go_on_reading(File& file, const Arguments& arguments, const CallResult& result) {
  return go_on_reading(file, Position{}, arguments.b, arguments.c, result);
}
[[gnu::noinline]] CallResult go_on_writing(File& file, const Arguments& arguments, const CallResult& result) {
  return go_on_writing(file, Position{}, arguments.b, arguments.c, result);
}

}  // namespace

CallResult linux_read(const Arguments& arguments) {
  FileRef file = TRY(readable_file(arguments.a));
  Buffer buffer = user_buffer(arguments.b, arguments.c);
  const CallResult result = file->read(buffer);
  return result && *result == arguments.c ? result : go_on_reading(*file, arguments, result);
}
CallResult linux_write(const Arguments& arguments) {
  FileRef file = TRY(writable_file(arguments.a));
  Buffer buffer = user_buffer(arguments.b, arguments.c);
  const CallResult result = file->write(buffer);
  return result && *result == arguments.c ? result : go_on_writing(*file, arguments, result);
}
CallResult linux_pread64(const Arguments& arguments) {
  const Position at = TRY(position_from(arguments.d));
  FileRef file = TRY(readable_file(arguments.a));
  Buffer buffer = user_buffer(arguments.b, arguments.c);
  const CallResult result = file->read_at(at.offset, buffer);
  return result && *result == arguments.c ? result : go_on_reading(*file, at, arguments.b, arguments.c, result);
}
CallResult linux_pwrite64(const Arguments& arguments) {
  const Position at = TRY(position_from(arguments.d));
  FileRef file = TRY(writable_file(arguments.a));
  Buffer buffer = user_buffer(arguments.b, arguments.c);
  const CallResult result = file->write_at(at.offset, buffer);
  return result && *result == arguments.c ? result : go_on_writing(*file, at, arguments.b, arguments.c, result);
}
CallResult linux_readv(const Arguments& arguments) { return vectored(arguments, Direction::reading, {}); }
CallResult linux_writev(const Arguments& arguments) { return vectored(arguments, Direction::writing, {}); }
CallResult linux_preadv(const Arguments& arguments) {
  return vectored(arguments, Direction::reading, TRY(position_from(arguments.d)));
}
CallResult linux_pwritev(const Arguments& arguments) {
  return vectored(arguments, Direction::writing, TRY(position_from(arguments.d)));
}
CallResult linux_preadv2(const Arguments& arguments) { return vectored_with_flags(arguments, Direction::reading); }
CallResult linux_pwritev2(const Arguments& arguments) { return vectored_with_flags(arguments, Direction::writing); }

CallResult linux_lseek(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  if (low(arguments.c) > seek_hole) return Fail{Errno::inval};
  return file->seek(static_cast<std::int64_t>(arguments.b), low(arguments.c));
}

CallResult linux_sendfile(const Arguments& arguments) {
  FileRef out = TRY(writable_file(arguments.a));
  FileRef in = TRY(readable_file(arguments.b));
  if (in->kind != FileKind::regular && in->kind != FileKind::other && in->kind != FileKind::device) return Fail{Errno::inval};
  if ((out->flags & o_append) != 0) return Fail{Errno::inval};
  Position from = TRY(position_at(arguments.c)), to;
  const std::uint64_t count = arguments.d < max_io ? arguments.d : max_io;
  const std::uint64_t moved = TRY(copy_between(*in, from, *out, to, count));
  if (from.given) TRY_VOID(write_user(arguments.c, from.offset));
  return moved;
}

CallResult linux_copy_file_range(const Arguments& arguments) {
  static_cast<void>(TRY(file_of(arguments.a)));
  static_cast<void>(TRY(file_of(arguments.c)));
  Position from = TRY(position_at(arguments.b)), to = TRY(position_at(arguments.d));
  if (arguments.f != 0) return Fail{Errno::inval};
  if (TRY(file_of(arguments.a))->inode->is(mode_directory) || TRY(file_of(arguments.c))->inode->is(mode_directory)) return Fail{Errno::isdir};
  FileRef in = TRY(readable_file(arguments.a));
  FileRef out = TRY(writable_file(arguments.c));
  if (!in->inode->is(mode_regular) || !out->inode->is(mode_regular)) return Fail{Errno::inval};
  if ((out->flags & o_append) != 0) return Fail{Errno::badf};
  const std::uint64_t count = arguments.e < max_io ? arguments.e : max_io;
  const std::uint64_t start = from.given ? from.offset : in->position, target = to.given ? to.offset : out->position;
  if (in->inode == out->inode && start < target + count && target < start + count) return Fail{Errno::inval};
  const std::uint64_t moved = TRY(copy_between(*in, from, *out, to, count));
  if (from.given) TRY_VOID(write_user(arguments.b, from.offset));
  if (to.given) TRY_VOID(write_user(arguments.d, to.offset));
  return moved;
}

CallResult linux_ioctl(const Arguments& arguments) {
  const std::uint64_t request = low(arguments.b);
  if (request == fioclex || request == fionclex) {
    static_cast<void>(TRY(file_of(arguments.a)));
    current().files->slots[low(arguments.a)].close_on_exec = request == fioclex;
    return 0;
  }
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  if (request == fionbio || request == fioasync) {
    const auto on = TRY(read_user<std::int32_t>(arguments.c));
    const std::uint32_t bit = request == fionbio ? o_nonblock : o_async;
    file->flags = on != 0 ? file->flags | bit : file->flags & ~bit;
    return 0;
  }
  if (request == figetbsz) return done(write_user(arguments.c, static_cast<std::int32_t>(abi::page_size)));
  if (request == fioqsize && (file->inode->is(mode_regular) || file->inode->is(mode_directory)))
    return done(write_user(arguments.c, static_cast<std::int64_t>(file->inode->size)));
  const CallResult answer = file->ioctl(request, arguments.c);
  return answer.has_value() || answer.error() != Errno::notty ? answer : missing_ioctl(*file, request, Errno::notty);
}

// Memory is as durable as this container gets: a volume is written back at its end.
CallResult linux_fsync(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  if (file->kind == FileKind::pipe || file->kind == FileKind::socket || file->kind == FileKind::console ||
      file->kind == FileKind::terminal)
    return Fail{Errno::inval};
  return done(file->sync());
}
CallResult linux_fdatasync(const Arguments& arguments) { return linux_fsync(arguments); }
CallResult linux_syncfs(const Arguments& arguments) {
  static_cast<void>(TRY(file_of(arguments.a)));
  return 0;
}
CallResult linux_sync(const Arguments&) { return 0; }
CallResult linux_sync_file_range(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  if (static_cast<std::int64_t>(arguments.b) < 0 || static_cast<std::int64_t>(arguments.c) < 0 || (arguments.d & ~7ull) != 0)
    return Fail{Errno::inval};
  if (file->kind == FileKind::pipe || file->kind == FileKind::socket) return Fail{Errno::spipe};
  return 0;
}
CallResult linux_fadvise64(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::pipe || file->kind == FileKind::socket) return Fail{Errno::spipe};
  if (low(arguments.d) > 5 || static_cast<std::int64_t>(arguments.c) < 0) return Fail{Errno::inval};
  return 0;
}
CallResult linux_readahead(const Arguments& arguments) {
  FileRef file = TRY(readable_file(arguments.a));
  if (file->kind != FileKind::regular) return Fail{Errno::inval};
  return 0;
}

}  // namespace exos
