// SPDX-License-Identifier: MIT
// The file side of ExOS as the rest sees it: inodes (what is stored), files (what is open), descriptors and the path
// context of a process. Implementations live in fs/. Everything runs under the container lock.
#pragma once

#include "abi/types.hpp"
#include "libos/exos/clock_values.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/heap.hpp"
#include "libos/exos/user_memory.hpp"
#include "libos/exos/vector.hpp"
#include "libos/exos/wait.hpp"

namespace exos {

struct Vma;
class FileSystem;
class File;
class PosixLocks;
class ExtendedAttributes;
struct InotifyWatch;
struct Watch;
using FileRef = Ref<File>;

inline constexpr std::uint32_t mode_type = 0170000, mode_socket = 0140000, mode_link = 0120000, mode_regular = 0100000,
                               mode_block = 0060000, mode_directory = 0040000, mode_char = 0020000, mode_fifo = 0010000;

// A page of a file as memory mapping needs it.
struct FilePage {
  abi::FrameNumber frame;
  abi::CapSlot authority;    // under which it may be mapped: the account, or the archive capability (then never writable)
  const std::byte* memory;   // where the library sees it
};

class Inode;
using InodeRef = Ref<Inode>;

class Inode {
 public:
  std::uint32_t refs = 0;
  std::uint64_t number = 0;
  std::uint32_t device = 0, mode = 0, links = 1, uid = 0, gid = 0, rdev = 0;
  std::uint64_t size = 0;
  Timespec accessed{}, modified{}, changed{};
  FileSystem* file_system = nullptr;
  Vma* mappings = nullptr;                    // head of the list of mappings of this inode (memory/ keeps it: Vma::next_mapping)
  void* patches = nullptr;                    // patched text pages (patch.cpp)
  std::uint32_t write_opens = 0, exec_opens = 0;
  PosixLocks* locks = nullptr;                // fcntl and flock locks, made with the first one (fs/locks.cpp)
  InotifyWatch* watchers = nullptr;           // inotify (fs/inotify.cpp)
  ExtendedAttributes* attributes = nullptr;   // made with the first one (fs/extended.cpp)

  virtual ~Inode() = default;
  static void dispose(Inode* inode);          // when refs becomes 0

  [[nodiscard]] bool is(std::uint32_t type) const { return (mode & mode_type) == type; }
  // Contents of regular files. Reads past the end give 0 bytes. Each returns the bytes moved.
  virtual CallResult read(std::uint64_t offset, Buffer& buffer) = 0;
  virtual CallResult write(std::uint64_t offset, Buffer& buffer) = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  // The page at `index` for mapping; `for_write`: a shared writable mapping, so a private frame of the account is needed now.
  virtual Result<FilePage> page(std::uint64_t index, bool for_write) = 0;
  [[nodiscard]] virtual bool has_page(std::uint64_t) const { return true; }   // it exists before anybody comes to it

  // By kind; the defaults are the error that Linux gives for the others.
  virtual Result<FileRef> open(std::uint32_t flags);              // a new open file description
  virtual Result<InodeRef> lookup(std::string_view name);         // directories: ENOENT; others ENOTDIR
  virtual Result<String> link_target();                           // symbolic links; others EINVAL
  virtual Result<InodeRef> link_inode();                          // /proc's magic links go straight to an inode; others ENODATA
  [[nodiscard]] virtual std::uint64_t blocks() const { return (size + 4095) / 4096 * 8; }  // of 512 bytes
  // First offset >= `offset` that holds data (or a hole): SEEK_DATA, SEEK_HOLE. The end counts as a hole.
  virtual std::uint64_t next_data(std::uint64_t offset) { return offset; }
  virtual std::uint64_t next_hole(std::uint64_t) { return size; }
  virtual Status allocate_range(std::uint32_t, std::uint64_t, std::uint64_t) { return Fail{Errno::opnotsupp}; }  // fallocate
  virtual std::uint32_t* seals() { return nullptr; }              // of memfd_create
};

// patch.cpp. Where Inode::patches is not null: the inode goes, or its contents are about to change.
void release_patches(Inode& inode);
void retire_patches(Inode& inode);

// What an open file is, where a call treats one kind in its own way.
enum class FileKind : std::uint8_t { other, regular, directory, path_only, pipe, console, device, socket, event, timer, epoll,
                                    inotify, signals, process, terminal, ring, userfault };

enum class EntryForm : std::uint8_t { old, with_type_in_front };   // struct linux_dirent, linux_dirent64

// An open file description. Subclasses: regular, directory, pipe end, console, null, ... (fs/).
class File {
 public:
  std::uint32_t refs = 0;
  std::uint32_t flags = 0;       // O_*
  std::uint64_t position = 0;
  InodeRef inode;                // never null; anonymous ones (pipes) have their own kind of inode
  String path;                   // as opened, absolute; for /proc/self/fd and strace
  InodeRef directory;            // where that name is, if it has one: inotify tells its watchers too
  FileKind kind = FileKind::other;
  Watch* watches = nullptr;      // epoll sets that watch this file (fs/epoll.cpp)
  std::uint32_t owner_pid = 0, owner_signal = 0;  // F_SETOWN, F_SETSIG: kept as data

  virtual ~File();
  static void dispose(File* file);  // when the last descriptor goes: release() and delete

  virtual CallResult read(Buffer& buffer) = 0;                       // at `position`, advances it
  virtual CallResult write(Buffer& buffer) = 0;
  virtual CallResult read_at(std::uint64_t offset, Buffer& buffer);  // pread: ESPIPE unless overridden
  virtual CallResult write_at(std::uint64_t offset, Buffer& buffer);
  virtual CallResult seek(std::int64_t offset, std::uint32_t whence);
  virtual CallResult ioctl(std::uint64_t request, std::uint64_t argument);  // ENOTTY unless overridden
  virtual CallResult directory_entries(Buffer& buffer, EntryForm form);   // getdents, getdents64
  virtual std::uint32_t poll(Waiter* waiter);                        // POLL* that hold now; joins the queue if a waiter is given
  virtual Status sync() { return {}; }
};

struct Descriptor {
  FileRef file;
  bool close_on_exec = false;
};

// Descriptor table of a process; shared between the tasks that share files.
class Descriptors {
 public:
  std::uint32_t refs = 0;
  static void dispose(Descriptors* table);
  [[nodiscard]] Result<FileRef> get(std::uint64_t fd) const;                       // EBADF
  [[nodiscard]] CallResult add(FileRef file, bool close_on_exec, std::uint64_t lowest = 0);  // EMFILE
  [[nodiscard]] Status put(std::uint64_t fd, FileRef file, bool close_on_exec);    // dup2: closes what was there
  [[nodiscard]] Status close(std::uint64_t fd);
  [[nodiscard]] Result<Ref<Descriptors>> copy() const;                             // fork
  void close_for_exec();
  void close_all();
  Vector<Descriptor> slots;      // empty FileRef: free
};

// Working directory, root, umask; shared with CLONE_FS.
struct PathContext {
  std::uint32_t refs = 0;
  static void dispose(PathContext* context);
  InodeRef root, cwd;
  String cwd_path;
  std::uint32_t umask = 022;
  [[nodiscard]] Result<Ref<PathContext>> copy() const;
};

// What exec needs: an executable regular file by path (EACCES, ENOENT, ENOEXEC for directories, ELOOP...), symlinks followed.
struct Executable {
  InodeRef inode;
  String path;                   // absolute, links resolved: /proc/self/exe
};
[[nodiscard]] Result<Executable> open_executable(std::uint64_t dirfd, std::string_view path);
[[nodiscard]] Result<Executable> open_executable(PathContext& context, std::string_view path);   // before there is a task

// A nameless file whose pages are shared: MAP_SHARED|MAP_ANONYMOUS.
[[nodiscard]] Result<InodeRef> make_shared_memory(std::uint64_t size);

// Start and end of a container. `run` text is the run description (docs/archive.md).
[[nodiscard]] Status files_start(std::string_view run);                   // mounts archive, /dev, /proc, /tmp...
[[nodiscard]] Result<Ref<Descriptors>> first_descriptors();               // 0, 1, 2 on the link
[[nodiscard]] Result<Ref<PathContext>> first_path_context(std::string_view cwd);
void files_finish();                                                      // sends read-write volumes to the host

}  // namespace exos
