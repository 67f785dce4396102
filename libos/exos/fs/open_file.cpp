// SPDX-License-Identifier: MIT
// Open files over inodes: regular files, directories, O_PATH descriptors, texts; and the defaults of File and Inode.
#include "libos/exos/fs/open_file.hpp"

#include "libos/exos/fs/epoll.hpp"
#include "libos/exos/fs/extended.hpp"
#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/fs/inotify.hpp"
#include "libos/exos/fs/locks.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

// Bytes that may still be written from `offset` on under RLIMIT_FSIZE; SIGXFSZ and EFBIG when none.
Result<std::uint64_t> size_limit(std::uint64_t offset) {
  constexpr std::uint32_t rlimit_fsize = 1, sig_xfsz = 25;
  const std::uint64_t limit = current_process().limits[rlimit_fsize][0];
  if (limit == ~std::uint64_t{0} || limit == 0) return max_file_size;
  if (offset < limit) return limit - offset;
  send_signal(current(), SignalInfo{.signo = sig_xfsz, .code = 0x80});
  return Fail{Errno::fbig};
}

class RegularFile final : public File {
 public:
  RegularFile() { kind = FileKind::regular; }
  ~RegularFile() override { if (writable(*this) && inode) --inode->write_opens; }

  CallResult read(Buffer& buffer) override {
    const std::uint64_t done = TRY(read_at(position, buffer));
    position += done;
    return done;
  }
  CallResult read_at(std::uint64_t offset, Buffer& buffer) override {
    const CallResult done = inode->read(offset, buffer);
    if (done.has_value() && *done > 0 && (flags & o_noatime) == 0) touch_access(*inode);
    if (done.has_value() && *done > 0) notify_file(*this, in_access);
    return done;
  }
  CallResult write(Buffer& buffer) override {
    if ((flags & o_append) != 0) position = inode->size;
    const std::uint64_t done = TRY(write_bounded(position, buffer));
    position += done;
    return done;
  }
  // O_APPEND goes before the offset here too, as Linux does.
  CallResult write_at(std::uint64_t offset, Buffer& buffer) override {
    return write_bounded((flags & o_append) != 0 ? inode->size : offset, buffer);
  }
  CallResult seek(std::int64_t offset, std::uint32_t whence) override {
    if (whence != seek_data && whence != seek_hole) return move_position(position, offset, whence, inode->size);
    if (offset < 0 || static_cast<std::uint64_t>(offset) >= inode->size) return Fail{Errno::nxio};
    const auto from = static_cast<std::uint64_t>(offset);
    const std::uint64_t found = whence == seek_data ? inode->next_data(from) : inode->next_hole(from);
    if (whence == seek_data && found >= inode->size) return Fail{Errno::nxio};
    return position = found;
  }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override {
    if (request == fionread) {
      const auto left = static_cast<std::int32_t>(inode->size > position ? inode->size - position : 0);
      TRY_VOID(write_user(argument, left));
      return 0;
    }
    if (request == ficlone) return Fail{Errno::opnotsupp};
    return Fail{Errno::notty};
  }

 private:
  // Relative atime: only when it is older than the last change.
  static void touch_access(Inode& inode) {
    const auto key = [](const Timespec& t) { return std::pair{t.seconds, t.nanoseconds}; };
    if (key(inode.accessed) <= key(inode.modified)) inode.accessed = wall_time();
  }
  CallResult write_bounded(std::uint64_t offset, Buffer& buffer) {
    if (buffer.left() == 0) return 0;
    const std::uint64_t limit = TRY(size_limit(offset));
    if ((inode->mode & 06000) != 0 && current_credentials().uid != 0) inode->mode &= ~06000u;
    if (buffer.left() > limit) buffer = buffer.first(limit);   // the rest is never asked for
    const CallResult done = inode->write(offset, buffer);
    if (done.has_value() && *done > 0) notify_file(*this, in_modify);
    return done;
  }
};

class DirectoryFile final : public File {
 public:
  DirectoryFile() { kind = FileKind::directory; }
  CallResult read(Buffer&) override { return Fail{Errno::isdir}; }
  CallResult write(Buffer&) override { return Fail{Errno::badf}; }
  CallResult read_at(std::uint64_t, Buffer&) override { return Fail{Errno::isdir}; }
  CallResult write_at(std::uint64_t, Buffer&) override { return Fail{Errno::badf}; }
  CallResult seek(std::int64_t offset, std::uint32_t whence) override {
    return move_position(position, offset, whence, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  }
  CallResult directory_entries(Buffer& buffer, EntryForm form) override;
};

// Packs entries into the records of getdents64, or of getdents: there the type is the last byte.
class RecordSink final : public EntrySink {
 public:
  RecordSink(Buffer& buffer, std::uint64_t& position, EntryForm form) : buffer_{buffer}, position_{position}, form_{form} {}
  bool entry(std::string_view name, std::uint64_t number, std::uint32_t mode, std::uint64_t next) override {
    const bool old = form_ == EntryForm::old;
    const std::size_t name_at = old ? old_directory_entry_name : directory_entry_name;
    const std::size_t length = base::align_up<std::size_t>(name_at + name.size() + (old ? 2 : 1), 8);
    if (length > buffer_.left()) {
      full_ = true;
      return false;
    }
    alignas(8) char record[directory_entry_name + name_max + 1 + 8]{};
    const DirectoryEntryHead head{number, static_cast<std::int64_t>(next), static_cast<std::uint16_t>(length),
                                  static_cast<std::uint8_t>((mode & mode_type) >> 12)};
    std::memcpy(record, &head, name_at);
    std::memcpy(record + name_at, name.data(), name.size());
    if (old) record[length - 1] = static_cast<char>(head.type);
    if (!buffer_.put(record, length).has_value()) {
      faulted_ = true;
      return false;
    }
    position_ = next;
    bytes_ += length;
    return true;
  }
  [[nodiscard]] CallResult result() const {
    if (bytes_ > 0) return bytes_;
    if (faulted_) return Fail{Errno::fault};
    if (full_) return Fail{Errno::inval};
    return 0;
  }

 private:
  Buffer& buffer_;
  std::uint64_t& position_;
  EntryForm form_;
  std::uint64_t bytes_ = 0;
  bool full_ = false, faulted_ = false;
};

CallResult DirectoryFile::directory_entries(Buffer& buffer, EntryForm form) {
  Directory& directory = static_cast<Directory&>(*inode);
  if (directory.removed) return Fail{Errno::noent};
  RecordSink sink{buffer, position, form};
  TRY_VOID(directory.list(position, sink));
  return sink.result();
}

class PathFile final : public File {
 public:
  PathFile() { kind = FileKind::path_only; }
  CallResult read(Buffer&) override { return Fail{Errno::badf}; }
  CallResult write(Buffer&) override { return Fail{Errno::badf}; }
  CallResult read_at(std::uint64_t, Buffer&) override { return Fail{Errno::badf}; }
  CallResult write_at(std::uint64_t, Buffer&) override { return Fail{Errno::badf}; }
  CallResult seek(std::int64_t, std::uint32_t) override { return Fail{Errno::badf}; }
  CallResult ioctl(std::uint64_t, std::uint64_t) override { return Fail{Errno::badf}; }
  std::uint32_t poll(Waiter*) override { return poll_nval; }
};

}  // namespace

CallResult move_position(std::uint64_t& position, std::int64_t offset, std::uint32_t whence, std::uint64_t end) {
  if (whence > seek_end) return Fail{Errno::inval};
  const std::uint64_t from = whence == seek_set ? 0 : whence == seek_cur ? position : end;
  std::int64_t sum = 0;
  if (__builtin_add_overflow(static_cast<std::int64_t>(from), offset, &sum)) return Fail{Errno::overflow};
  if (sum < 0) return Fail{Errno::inval};
  return position = static_cast<std::uint64_t>(sum);
}

Result<FileRef> open_regular(Inode& inode, std::uint32_t flags) {
  FileRef file = TRY(make_file<RegularFile>(inode, flags));
  if (writable(*file)) ++inode.write_opens;
  return file;
}

Result<FileRef> open_path_only(const InodeRef& inode, std::uint32_t flags) { return make_file<PathFile>(*inode, flags); }

CallResult TextFile::read(Buffer& buffer) {
  const std::uint64_t done = TRY(read_at(position, buffer));
  position += done;
  return done;
}
Status TextFile::refresh() {
  text_ = TRY(make_text());
  unread_ = true;
  return {};
}
CallResult TextFile::read_at(std::uint64_t offset, Buffer& buffer) {
  if (offset == 0 && !unread_) TRY_VOID(refresh());
  unread_ = false;
  if (offset >= text_.size()) return 0;
  const std::size_t left = text_.size() - static_cast<std::size_t>(offset);
  const std::size_t n = left < buffer.left() ? left : buffer.left();
  TRY_VOID(buffer.put(text_.view().data() + offset, n));
  return n;
}
CallResult TextFile::seek(std::int64_t offset, std::uint32_t whence) {
  return move_position(position, offset, whence, text_.size());
}

// ---- defaults --------------------------------------------------------------------------------------------------

File::~File() = default;
CallResult File::read_at(std::uint64_t, Buffer&) { return Fail{Errno::spipe}; }
CallResult File::write_at(std::uint64_t, Buffer&) { return Fail{Errno::spipe}; }
CallResult File::seek(std::int64_t, std::uint32_t) { return Fail{Errno::spipe}; }
CallResult File::ioctl(std::uint64_t, std::uint64_t) { return Fail{Errno::notty}; }
CallResult File::directory_entries(Buffer&, EntryForm) { return Fail{Errno::notdir}; }
std::uint32_t File::poll(Waiter*) { return poll_readable | poll_writable; }   // never blocks

void File::dispose(File* file) {
  if (file->watches != nullptr) forget_watches(*file);
  if (file->kind != FileKind::path_only) notify_file(*file, writable(*file) ? in_close_write : in_close_nowrite);
  if (file->inode && file->inode->locks != nullptr) release_file_locks(*file->inode, file);
  destroy(file);
}

Result<FileRef> Inode::open(std::uint32_t flags) { return open_regular(*this, flags); }
Result<InodeRef> Inode::lookup(std::string_view) { return Fail{Errno::notdir}; }
Result<String> Inode::link_target() { return Fail{Errno::inval}; }
Result<InodeRef> Inode::link_inode() { return Fail{Errno::nodata}; }

void Inode::dispose(Inode* inode) {
  if (inode->patches != nullptr) release_patches(*inode);
  if (inode->locks != nullptr) destroy_locks(*inode);
  destroy(inode->attributes);
  if (inode->watchers != nullptr) forget_inode(*inode);
  if (inode->file_system != nullptr) --inode->file_system->inodes;
  destroy(inode);
}

namespace {
class AnonymousInode final : public SpecialInode {
  Result<FileRef> open(std::uint32_t) override { return Fail{Errno::nxio}; }
};
}  // namespace

Result<InodeRef> make_anonymous_inode(std::uint32_t mode) {
  Inode* inode = make<AnonymousInode>();
  if (inode == nullptr) return Fail{Errno::nomem};
  initialise_anonymous(*inode, mode);
  return InodeRef{inode};
}
void initialise_anonymous(Inode& inode, std::uint32_t mode) {
  initialise_inode(inode, anonymous_fs, mode);
  const Credentials owner = current_credentials();
  inode.uid = owner.uid;
  inode.gid = owner.gid;
}

Result<FileRef> Directory::open(std::uint32_t flags) { return make_file<DirectoryFile>(*this, flags); }
Result<InodeRef> Directory::create(std::string_view, std::uint32_t, std::uint32_t, std::string_view) { return Fail{Errno::perm}; }
Result<InodeRef> Directory::create_nameless(std::uint32_t) { return Fail{Errno::opnotsupp}; }
Status Directory::enter(std::string_view, Inode&) { return Fail{Errno::perm}; }
void Directory::replace(std::string_view, Inode&) {}
void Directory::remove(std::string_view) {}

bool Directory::list_dots(std::uint64_t& position, EntrySink& sink) {
  if (position == 0) {
    if (!sink.entry(".", number, mode, 1)) return false;
    position = 1;
  }
  if (position == 1) {
    if (!sink.entry("..", parent ? parent->number : number, mode_directory, 2)) return false;
    position = 2;
  }
  return true;
}

}  // namespace exos
