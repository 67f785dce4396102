// SPDX-License-Identifier: MIT
// What each operation does: mostly the Linux call of that name, made so that it cannot wait.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/calls/socket_calls.hpp"
#include "libos/exos/time_values.hpp"
#include "libos/exos/uring/ring.hpp"

namespace exos::uring {

namespace {

enum class Kind : std::uint8_t {
  missing,
  bare,       // about no file, or about descriptors as numbers
  on_file,    // the file may be a registered one; never waits
  read_like, write_like,   // may wait for its file
};

constexpr Kind kind_of(Operation operation) {
  switch (operation) {
    using enum Operation;
    case readv: case read: case read_fixed: case recv: case recvmsg: case accept: case poll_add: return Kind::read_like;
    case writev: case write: case write_fixed: case send: case sendmsg: case connect: return Kind::write_like;
    case fsync: case sync_file_range: case fallocate: case fadvise: case shutdown: case fsetxattr: case fgetxattr: return Kind::on_file;
    case nop: case poll_remove: case timeout: case timeout_remove: case async_cancel: case link_timeout: case openat: case openat2: case close:
    case files_update: case statx: case madvise: case epoll_ctl: case renameat: case unlinkat: case mkdirat: case symlinkat: case linkat:
    case setxattr: case getxattr: case socket: return Kind::bare;
    default: return Kind::missing;
  }
}

constexpr bool takes_priority(Operation operation) {
  using enum Operation;
  return operation == readv || operation == writev || operation == read || operation == write || operation == read_fixed ||
         operation == write_fixed;
}

// The file under a number for the time of one call, where nobody else sees it: the container lock is held.
class TemporaryDescriptor {
 public:
  explicit TemporaryDescriptor(const FileRef& file) : table_{*current().files} {
    if (table_.slots.push_back({file, true})) number_ = table_.slots.size() - 1;
  }
  TemporaryDescriptor(const TemporaryDescriptor&) = delete;
  TemporaryDescriptor& operator=(const TemporaryDescriptor&) = delete;
  ~TemporaryDescriptor() {
    if (number_ != none) table_.slots.erase(number_);
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }   // EBADF for lack of memory

 private:
  static constexpr std::uint64_t none = ~std::uint32_t{0};
  Descriptors& table_;
  std::uint64_t number_ = none;
};

class WithoutWaiting {
 public:
  explicit WithoutWaiting(File& file) : file_{file}, before_{file.flags} { file.flags |= o_nonblock; }
  WithoutWaiting(const WithoutWaiting&) = delete;
  WithoutWaiting& operator=(const WithoutWaiting&) = delete;
  ~WithoutWaiting() {
    if ((before_ & o_nonblock) == 0) file_.flags &= ~o_nonblock;
  }

 private:
  File& file_;
  std::uint32_t before_;
};

bool at_its_position(const Request& r) {
  return r.sqe.offset == ~std::uint64_t{0} || (r.file->kind != FileKind::regular && r.file->kind != FileKind::device);
}

CallResult transfer(Request& r, bool reading) {
  if (reading ? !readable(*r.file) : !writable(*r.file)) return Fail{Errno::badf};
  if (r.file->kind == FileKind::path_only) return Fail{Errno::badf};
  Buffer buffer = Buffer::user(r.sqe.address, std::min<std::size_t>(r.sqe.length, max_io));
  if (at_its_position(r)) return reading ? r.file->read(buffer) : r.file->write(buffer);
  return reading ? r.file->read_at(r.sqe.offset, buffer) : r.file->write_at(r.sqe.offset, buffer);
}

CallResult transfer_registered(Request& r, bool reading) {
  if (r.sqe.buffer_index >= r.ring->buffers.size()) return Fail{Errno::fault};
  const Iovec& whole = r.ring->buffers[r.sqe.buffer_index];
  if (r.sqe.address < whole.base || !base::range_within(r.sqe.address - whole.base, r.sqe.length, whole.length)) return Fail{Errno::fault};
  return transfer(r, reading);
}

CallResult transfer_vectors(Request& r, bool reading) {
  const TemporaryDescriptor fd{r.file};
  const Arguments plain{fd.number(), r.sqe.address, r.sqe.length, at_its_position(r) ? 0 : r.sqe.offset, 0, 0};
  if (at_its_position(r)) return reading ? linux_readv(plain) : linux_writev(plain);
  return reading ? linux_preadv(plain) : linux_pwritev(plain);
}

// MSG_WAITALL: the rest is waited for, unless there is no more.
Outcome message(Request& r, bool receiving) {
  const std::uint32_t flags = r.sqe.operation_flags | msg_dontwait | (receiving ? 0 : msg_nosignal);
  const bool all = (r.sqe.operation_flags & msg_waitall) != 0;
  const std::uint64_t at = r.sqe.address + r.moved, left = r.sqe.length - r.moved;
  const TemporaryDescriptor fd{r.file};
  const CallResult moved = receiving ? linux_recvfrom({fd.number(), at, left, flags & ~msg_waitall, 0, 0})
                                     : linux_sendto({fd.number(), at, left, flags & ~msg_waitall, 0, 0});
  if (moved) r.moved += *moved;
  if (all && moved && *moved != 0 && r.moved < r.sqe.length) return {.waits = true};
  if (!moved && moved.error() == Errno::again) return {.result = moved};
  if (!moved && r.moved == 0) return {.result = moved};
  return {.result = r.moved, .short_of_wish = all && r.moved < r.sqe.length};
}

CallResult accept_connection(Request& r) {
  if ((r.sqe.operation_flags & ~(o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  if (r.file->kind != FileKind::socket) return Fail{Errno::notsock};
  return accept_on(SocketRef{r.file}, r.sqe.address, r.sqe.offset, r.sqe.operation_flags);
}

// A FIFO is opened without waiting for its other end, as Linux does it too.
CallResult open(Request& r) {
  const std::uint32_t flags = r.sqe.operation_flags;
  const CallResult fd = linux_openat({static_cast<std::uint32_t>(r.sqe.fd), r.sqe.address, flags | o_nonblock, r.sqe.length, 0, 0});
  if (fd && (flags & o_nonblock) == 0) current().files->slots[*fd].file->flags &= ~o_nonblock;
  return fd;
}

Result<abi::Nanoseconds> deadline_of(std::uint64_t time_at, std::uint32_t flags) {
  const std::uint64_t ns = TRY(to_ns(TRY(read_user<Timespec>(time_at))));
  if ((flags & timeout_absolute) == 0) return deadline_in(ns);
  return (flags & timeout_wall) != 0 ? deadline_at_wall(ns) : abi::Nanoseconds{ns};
}

Outcome begin_timeout(Request& r) {
  const auto deadline = deadline_of(r.sqe.address, r.sqe.operation_flags);
  if (!deadline) return {.result = Fail{deadline.error()}};
  if (r.operation() == Operation::timeout && static_cast<std::uint32_t>(r.sqe.offset) != 0) {
    r.count_target = r.ring->other_completions() + static_cast<std::uint32_t>(r.sqe.offset);
    ++r.ring->counted_timeouts;
  }
  r.ring->arm_timeout(r, *deadline);
  return {.waits = true};
}

CallResult remove_timeout(Request& r) {
  const bool update = (r.sqe.operation_flags & timeout_update) != 0, link = (r.sqe.operation_flags & link_timeout_update) != 0;
  Request* found = r.ring->find(r.sqe.address, link ? Operation::link_timeout : Operation::timeout, &r);
  if (found == nullptr || !found->started) return Fail{Errno::noent};
  if (!update && !link) {
    r.ring->complete(*found, -static_cast<std::int32_t>(Errno::canceled));
    return 0;
  }
  r.ring->arm_timeout(*found, TRY(deadline_of(r.sqe.offset, r.sqe.operation_flags)));
  return 0;
}

CallResult remove_poll(Request& r) {
  Request* found = r.ring->find(r.sqe.address, Operation::poll_add, &r);
  if (found == nullptr || found->worker == nullptr) return Fail{Errno::noent};
  r.ring->complete(*found, -static_cast<std::int32_t>(Errno::canceled));
  return 0;
}

Outcome poll_file(Request& r) {
  const std::uint32_t events = r.file->poll(nullptr) & (awaited_events(r) | poll_err | poll_hup);
  return {.result = events, .waits = events == 0};
}

CallResult update_files(Request& r) {
  if (r.sqe.length == 0) return Fail{Errno::inval};
  return update_registered(*r.ring, static_cast<std::uint32_t>(r.sqe.offset), r.sqe.address, r.sqe.length);
}

CallResult on_file(Request& r) {
  const Submission& s = r.sqe;
  const TemporaryDescriptor fd{r.file};
  switch (r.operation()) {
    case Operation::fsync: return linux_fsync({fd.number(), 0, 0, 0, 0, 0});
    case Operation::sync_file_range: return linux_sync_file_range({fd.number(), s.offset, s.length, s.operation_flags, 0, 0});
    case Operation::fallocate: return linux_fallocate({fd.number(), s.length, s.offset, s.address, 0, 0});
    case Operation::fadvise: return linux_fadvise64({fd.number(), s.offset, s.length, s.operation_flags, 0, 0});
    case Operation::fsetxattr: return linux_fsetxattr({fd.number(), s.address, s.offset, s.length, s.operation_flags, 0});
    case Operation::fgetxattr: return linux_fgetxattr({fd.number(), s.address, s.offset, s.length, 0, 0});
    default: return linux_shutdown({fd.number(), s.length, 0, 0, 0, 0});
  }
}

CallResult bare(Request& r) {
  const Submission& s = r.sqe;
  const std::uint64_t fd = static_cast<std::uint32_t>(s.fd);
  switch (r.operation()) {
    using enum Operation;
    case openat2: return linux_openat2({fd, s.address, s.offset, s.length, 0, 0});
    case close: return ring_of(fd) ? CallResult{Fail{Errno::badf}} : linux_close({fd, 0, 0, 0, 0, 0});
    case files_update: return update_files(r);
    case statx: return linux_statx({fd, s.address, s.operation_flags, s.length, s.offset, 0});
    case madvise: return linux_madvise({s.address, s.length, s.operation_flags, 0, 0, 0});
    case epoll_ctl: return linux_epoll_ctl({fd, s.length, s.offset, s.address, 0, 0});
    case renameat: return linux_renameat2({fd, s.address, s.length, s.offset, s.operation_flags, 0});
    case unlinkat: return linux_unlinkat({fd, s.address, s.operation_flags, 0, 0, 0});
    case mkdirat: return linux_mkdirat({fd, s.address, s.length, 0, 0, 0});
    case symlinkat: return linux_symlinkat({s.address, fd, s.offset, 0, 0, 0});
    case linkat: return linux_linkat({fd, s.address, s.length, s.offset, s.operation_flags, 0});
    case setxattr: return linux_setxattr({s.address3, s.address, s.offset, s.length, s.operation_flags, 0});
    case getxattr: return linux_getxattr({s.address3, s.address, s.offset, s.length, 0, 0});
    case socket: return linux_socket({fd, s.offset, s.length, 0, 0, 0});
    case poll_remove: return remove_poll(r);
    case timeout_remove: return remove_timeout(r);
    case async_cancel: return r.ring->cancel(r, s.address, s.operation_flags, s.fd);
    default: return 0;   // nop
  }
}

Outcome try_once(Request& r) {
  switch (r.operation()) {
    using enum Operation;
    case timeout: case link_timeout: return begin_timeout(r);
    case poll_add: return poll_file(r);
    case openat: return {.result = open(r)};
    case read: case write: return {.result = transfer(r, r.operation() == read)};
    case read_fixed: case write_fixed: return {.result = transfer_registered(r, r.operation() == read_fixed)};
    case readv: case writev: return {.result = transfer_vectors(r, r.operation() == readv)};
    case send: case recv: return message(r, r.operation() == recv);
    case sendmsg: return {.result = linux_sendmsg({TemporaryDescriptor{r.file}.number(), r.sqe.address, r.sqe.operation_flags | msg_dontwait | msg_nosignal, 0, 0, 0})};
    case recvmsg: return {.result = linux_recvmsg({TemporaryDescriptor{r.file}.number(), r.sqe.address, r.sqe.operation_flags | msg_dontwait, 0, 0, 0})};
    case accept: return {.result = accept_connection(r)};
    case connect: return {.result = linux_connect({TemporaryDescriptor{r.file}.number(), r.sqe.address, r.sqe.offset, 0, 0, 0})};
    default: return {.result = kind_of(r.operation()) == Kind::on_file ? on_file(r) : bare(r)};
  }
}

// Whether the program itself said that it does not want to wait. A file's O_NONBLOCK is not meant for its ring.
bool refuses_to_wait(const Request& r) {
  using enum Operation;
  const bool message = r.operation() == send || r.operation() == recv || r.operation() == sendmsg || r.operation() == recvmsg;
  return message && (r.sqe.operation_flags & msg_dontwait) != 0;
}

bool has_wish(Operation operation) {
  using enum Operation;
  return operation == read || operation == write || operation == read_fixed || operation == write_fixed;
}

Status check_flags(const Request& r) {
  const Submission& s = r.sqe;
  switch (r.operation()) {
    using enum Operation;
    case fsync: return (s.operation_flags & ~1u) == 0 ? Status{} : Status{Fail{Errno::inval}};
    case timeout:
      if (s.length != 1 || (s.operation_flags & ~(timeout_absolute | timeout_boot | timeout_wall | timeout_success)) != 0) return Fail{Errno::inval};
      return {};
    case link_timeout:
      return s.length == 1 && (s.operation_flags & ~(timeout_absolute | timeout_boot | timeout_wall)) == 0 ? Status{} : Status{Fail{Errno::inval}};
    case poll_add: return (s.length & ~poll_multiple) == 0 ? Status{} : Status{Fail{Errno::inval}};
    case poll_remove: return s.length == 0 && s.operation_flags == 0 ? Status{} : Status{Fail{Errno::inval}};   // updates are not there
    case async_cancel: return (s.operation_flags & ~(cancel_all | cancel_fd | cancel_any)) == 0 ? Status{} : Status{Fail{Errno::inval}};
    case accept: case openat: case openat2: case close: case socket: return s.file_index == 0 ? Status{} : Status{Fail{Errno::inval}};
    default: return {};
  }
}

}  // namespace

bool is_supported(Operation operation) { return kind_of(operation) != Kind::missing; }
bool is_timeout(const Request& request) { return request.operation() == Operation::timeout || request.operation() == Operation::link_timeout; }

Status check(const Request& r) {
  if (r.operation() >= Operation::count || r.has(128)) return Fail{Errno::inval};
  if (!is_supported(r.operation())) {
    tell_missing("io_uring operation", r.sqe.operation, Errno::inval);
    return Fail{Errno::inval};
  }
  if (r.has(flag::buffer_select)) return Fail{Errno::opnotsupp};
  if (r.sqe.priority != 0 && !takes_priority(r.operation())) return Fail{Errno::inval};
  if (r.sqe.personality != 0) return Fail{Errno::inval};
  if (r.operation() == Operation::close && r.has(flag::fixed_file)) return Fail{Errno::badf};
  return check_flags(r);
}

Status find_file(Request& r) {
  const Kind kind = kind_of(r.operation());
  if (kind == Kind::bare) return {};
  const auto number = static_cast<std::uint32_t>(r.sqe.fd);
  if (!r.has(flag::fixed_file)) {
    r.file = TRY(current().files->get(number));
  } else {
    if (number >= r.ring->files.size() || !r.ring->files[number]) return Fail{Errno::badf};
    r.file = r.ring->files[number];
  }
  // A ring that keeps itself open would never go.
  if (r.file->kind == FileKind::ring) return Fail{kind == Kind::on_file ? Errno::inval : Errno::badf};
  return {};
}

std::uint32_t awaited_events(const Request& r) {
  if (r.operation() == Operation::poll_add) return r.sqe.operation_flags;
  return kind_of(r.operation()) == Kind::read_like ? poll_readable : poll_writable;
}

// A copy that would have to wait for a userfaultfd's reader fails: nobody may change the ring meanwhile.
Outcome attempt(Request& r) {
  const CopiesFail guard;
  if (!r.file) return try_once(r);
  const bool refuses = refuses_to_wait(r);
  Outcome outcome = [&] {
    const WithoutWaiting guard{*r.file};
    return try_once(r);
  }();
  const Kind kind = kind_of(r.operation());
  const bool may_wait = kind == Kind::read_like || kind == Kind::write_like;
  if (!outcome.result && outcome.result.error() == Errno::again && may_wait && !refuses) outcome.waits = true;
  if (outcome.result && !outcome.waits && has_wish(r.operation())) outcome.short_of_wish = *outcome.result != r.sqe.length;
  return outcome;
}

}  // namespace exos::uring
