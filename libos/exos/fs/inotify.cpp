// SPDX-License-Identifier: MIT
#include "libos/exos/fs/inotify.hpp"

namespace exos {
namespace {

constexpr std::size_t most_events = 16384;   // then one overflow event, as on Linux

struct EventHead { std::int32_t descriptor; std::uint32_t mask, cookie, length; };

std::size_t padded(std::string_view name) { return name.empty() ? 0 : base::align_up<std::size_t>(name.size() + 1, sizeof(EventHead)); }

}  // namespace

Result<FileRef> make_inotify_file(std::uint32_t flags) {
  InodeRef inode = TRY(make_anonymous_inode(0600));
  FileRef file = TRY(make_file<InotifyFile>(*inode, flags | o_rdonly));
  file->path = TRY(String::from("anon_inode:inotify"));
  return file;
}

InotifyFile::~InotifyFile() {
  events_.clear();
  while (!watches_.empty()) end(*watches_.back());
}

void InotifyFile::push(std::int32_t descriptor, std::uint32_t mask, std::uint32_t cookie, std::string_view name) {
  if (!events_.empty()) {   // the same again tells nothing new
    const Event& last = events_.back();
    if (last.descriptor == descriptor && last.mask == mask && last.cookie == cookie && last.name.view() == name) return;
  }
  Event event{descriptor, mask, cookie, {}};
  auto own_name = String::from(name);
  const bool overflows = events_.size() >= most_events || !own_name.has_value();
  if (overflows) {
    if (!events_.empty() && events_.back().mask == in_overflow) return;
    event = {-1, in_overflow, 0, {}};
  } else {
    event.name = std::move(*own_name);
  }
  if (!events_.push_back(std::move(event)).has_value()) return;   // without memory there is nothing to say it in
  changed_.wake_all();
}

void InotifyFile::tell(const InotifyWatch& watch, std::uint32_t mask, std::uint32_t cookie, std::string_view name) {
  push(watch.descriptor, mask, cookie, name);
}

CallResult InotifyFile::read(Buffer& buffer) {
  while (events_.empty()) {
    if ((flags & o_nonblock) != 0) return Fail{Errno::again};
    TRY_VOID(changed_.wait());
  }
  std::uint64_t done = 0;
  std::size_t taken = 0;
  for (const Event& event : events_) {
    const std::size_t name_room = padded(event.name.view());
    if (buffer.left() < sizeof(EventHead) + name_room) break;
    const EventHead head{event.descriptor, event.mask, event.cookie, static_cast<std::uint32_t>(name_room)};
    Status moved = buffer.put(&head, sizeof head);
    if (moved.has_value()) moved = buffer.put(event.name.view().data(), event.name.size());
    if (moved.has_value()) moved = buffer.put_zeros(name_room - event.name.size());
    if (!moved.has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{moved.error()}};
    done += sizeof head + name_room;
    ++taken;
  }
  if (taken == 0) return Fail{Errno::inval};
  events_.erase(0, taken);
  return done;
}

CallResult InotifyFile::ioctl(std::uint64_t request, std::uint64_t argument) {
  if (request != fionread) return Fail{Errno::notty};
  std::size_t bytes = 0;
  for (const Event& event : events_) bytes += sizeof(EventHead) + padded(event.name.view());
  TRY_VOID(write_user(argument, static_cast<std::int32_t>(bytes)));
  return 0;
}

std::uint32_t InotifyFile::poll(Waiter* waiter) {
  if (waiter != nullptr) changed_.join(*waiter);
  return events_.empty() ? 0 : poll_readable;
}

CallResult InotifyFile::add(Inode& inode, std::uint32_t mask) {
  constexpr std::uint32_t kept = in_all_events | in_excl_unlink | in_oneshot;
  for (InotifyWatch* watch : watches_) {
    if (watch->inode != &inode) continue;
    if ((mask & in_mask_create) != 0) return Fail{Errno::exist};
    watch->mask = ((mask & in_mask_add) != 0 ? watch->mask : 0) | (mask & kept);
    return static_cast<std::uint64_t>(watch->descriptor);
  }
  TRY_VOID(watches_.reserve(watches_.size() + 1));
  auto* watch = make<InotifyWatch>();
  if (watch == nullptr) return Fail{Errno::nomem};
  *watch = {inode.watchers, this, &inode, next_descriptor_++, mask & kept};
  inode.watchers = watch;
  static_cast<void>(watches_.push_back(watch));   // has room
  return static_cast<std::uint64_t>(watch->descriptor);
}

Status InotifyFile::remove(std::int32_t descriptor) {
  for (InotifyWatch* watch : watches_) {
    if (watch->descriptor != descriptor) continue;
    end(*watch);
    return {};
  }
  return Fail{Errno::inval};
}

void InotifyFile::end(InotifyWatch& watch) {
  for (InotifyWatch** at = &watch.inode->watchers; *at != nullptr; at = &(*at)->next) {
    if (*at != &watch) continue;
    *at = watch.next;
    break;
  }
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    if (watches_[i] != &watch) continue;
    watches_.erase(i);
    break;
  }
  push(watch.descriptor, in_ignored, 0, {});
  destroy(&watch);
}

void tell_watchers(Inode& inode, std::uint32_t mask, std::string_view name, std::uint32_t cookie) {
  for (InotifyWatch *watch = inode.watchers, *next; watch != nullptr; watch = next) {
    next = watch->next;
    if ((watch->mask & mask & in_all_events) == 0) continue;
    watch->instance->tell(*watch, mask, cookie, name);
    if ((watch->mask & in_oneshot) != 0) watch->instance->end(*watch);
  }
}

void tell_watchers_of(const File& file, std::uint32_t mask) {
  if (!file.inode) return;
  if (file.directory && file.directory->watchers != nullptr) {
    const std::string_view path = file.path.view();
    notify_entry(*file.directory, path.substr(path.rfind('/') + 1), *file.inode, mask);
  }
  notify(*file.inode, mask);
}

void notify_walk(const Walk& walk, std::uint32_t mask) {
  if (walk.parent) notify_entry(*walk.parent, walk.name, *walk.inode, mask);
  notify(*walk.inode, mask);
}

void forget_inode(Inode& inode) {
  if (inode.links == 0) tell_watchers(inode, in_delete_self);
  while (inode.watchers != nullptr) inode.watchers->instance->end(*inode.watchers);
}

}  // namespace exos
