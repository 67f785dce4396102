// SPDX-License-Identifier: MIT
// inotify: instances with watches on inodes, and what the file calls tell them. Nothing is watched as a rule: then telling
// costs a look at one pointer.
#pragma once

#include "libos/exos/fs/directory.hpp"
#include "libos/exos/fs/open_file.hpp"
#include "libos/exos/fs/path.hpp"

namespace exos {

inline constexpr std::uint32_t in_access = 1, in_modify = 2, in_attrib = 4, in_close_write = 8, in_close_nowrite = 0x10, in_open = 0x20,
    in_moved_from = 0x40, in_moved_to = 0x80, in_create = 0x100, in_delete = 0x200, in_delete_self = 0x400, in_move_self = 0x800,
    in_unmount = 0x2000, in_overflow = 0x4000, in_ignored = 0x8000, in_onlydir = 0x0100'0000, in_dont_follow = 0x0200'0000,
    in_excl_unlink = 0x0400'0000, in_mask_create = 0x1000'0000, in_mask_add = 0x2000'0000, in_isdir = 0x4000'0000, in_oneshot = 0x8000'0000;
inline constexpr std::uint32_t in_all_events = 0xfff;

class InotifyFile;

// One watch: on the list of its inode, and in its instance.
struct InotifyWatch {
  InotifyWatch* next = nullptr;
  InotifyFile* instance = nullptr;
  Inode* inode = nullptr;
  std::int32_t descriptor = 0;
  std::uint32_t mask = 0;
};

class InotifyFile final : public File {
 public:
  InotifyFile() { kind = FileKind::inotify; }
  ~InotifyFile() override;
  CallResult read(Buffer& buffer) override;
  CallResult write(Buffer&) override { return Fail{Errno::badf}; }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override;
  std::uint32_t poll(Waiter* waiter) override;

  [[nodiscard]] CallResult add(Inode& inode, std::uint32_t mask);
  [[nodiscard]] Status remove(std::int32_t descriptor);
  void tell(const InotifyWatch& watch, std::uint32_t mask, std::uint32_t cookie, std::string_view name);
  void end(InotifyWatch& watch);           // takes it off both lists and says so

 private:
  struct Event { std::int32_t descriptor; std::uint32_t mask, cookie; String name; };
  void push(std::int32_t descriptor, std::uint32_t mask, std::uint32_t cookie, std::string_view name);
  Vector<InotifyWatch*> watches_;
  Vector<Event> events_;
  std::int32_t next_descriptor_ = 1;
  WaitQueue changed_;
};

[[nodiscard]] Result<FileRef> make_inotify_file(std::uint32_t flags);

// What happened to an inode; what happened to an entry of a directory; what happened to an open file, for both.
void tell_watchers(Inode& inode, std::uint32_t mask, std::string_view name = {}, std::uint32_t cookie = 0);
inline void notify(Inode& inode, std::uint32_t mask) {
  if (inode.watchers != nullptr) tell_watchers(inode, mask | (inode.is(mode_directory) ? in_isdir : 0));
}
inline void notify_entry(Inode& directory, std::string_view name, const Inode& entry, std::uint32_t mask, std::uint32_t cookie = 0) {
  if (directory.watchers != nullptr) tell_watchers(directory, mask | (entry.is(mode_directory) ? in_isdir : 0), name, cookie);
}
void tell_watchers_of(const File& file, std::uint32_t mask);
inline void notify_file(const File& file, std::uint32_t mask) {
  const bool watched = file.inode->watchers != nullptr || (file.directory && file.directory->watchers != nullptr);
  if (watched) [[unlikely]] tell_watchers_of(file, mask);
}
void notify_walk(const Walk& walk, std::uint32_t mask);
void forget_inode(Inode& inode);           // it is gone: its watches end

}  // namespace exos
