// SPDX-License-Identifier: MIT
// epoll: level-triggered watches are looked at in each call; edge-triggered ones only when their queue was woken since.
// While a task waits, it is on the queues of all watched files, and keeps these files open until it wakes.
#include "libos/exos/fs/epoll.hpp"

#include "libos/exos/task.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {
namespace {

// Whom the persistent waiters wake: a task that never waits.
Task* nobody() {
  static constinit Task* task = nullptr;
  if (task == nullptr) task = make<Task>();
  return task;
}

void take_off_file(Watch& watch) {
  for (Watch** at = &watch.file->watches; *at != nullptr; at = &(*at)->next) {
    if (*at != &watch) continue;
    *at = watch.next;
    return;
  }
}

bool can_be_watched(const File& file) {
  switch (file.kind) {
    case FileKind::pipe: case FileKind::console: case FileKind::socket:
    case FileKind::event: case FileKind::timer: case FileKind::epoll: case FileKind::inotify:
    case FileKind::signals: case FileKind::process: case FileKind::terminal: case FileKind::ring: case FileKind::userfault: return true;
    default: return false;
  }
}

}  // namespace

Result<FileRef> make_epoll_file() {
  if (nobody() == nullptr) return Fail{Errno::nomem};
  InodeRef inode = TRY(make_anonymous_inode(0600));
  FileRef file = TRY(make_file<EpollFile>(*inode, o_rdwr));
  file->path = TRY(String::from("anon_inode:[eventpoll]"));
  return file;
}

EpollFile::~EpollFile() {
  while (!watches_.empty()) {
    Watch* watch = watches_.back();
    take_off_file(*watch);
    forget(*watch);
  }
}

void EpollFile::forget(Watch& watch) {
  WaitQueue::leave(watch.edge);
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    if (watches_[i] != &watch) continue;
    watches_.erase(i);
    break;
  }
  destroy(&watch);
}

void forget_watches(File& file) {
  while (Watch* watch = file.watches) {
    file.watches = watch->next;
    watch->set->forget(*watch);
  }
}

Watch* EpollFile::find(const File& file, std::uint32_t fd) {
  for (Watch* watch : watches_)
    if (watch->file == &file && watch->fd == fd) return watch;
  return nullptr;
}

// No circles, and no chains of more sets than Linux allows.
bool EpollFile::may_be_in(const EpollFile& outer, std::uint32_t depth) const {
  constexpr std::uint32_t deepest = 5;
  if (this == &outer || depth >= deepest) return false;
  for (const Watch* watch : watches_)
    if (watch->file->kind == FileKind::epoll && !static_cast<const EpollFile*>(watch->file)->may_be_in(outer, depth + 1)) return false;
  return true;
}

Status EpollFile::add(const FileRef& file, std::uint32_t fd, const EpollEvent& event) {
  if (file.get() == this) return Fail{Errno::inval};
  if (!can_be_watched(*file)) return Fail{Errno::perm};
  if (find(*file, fd) != nullptr) return Fail{Errno::exist};
  if ((event.events & epoll_exclusive) != 0) {
    constexpr std::uint32_t allowed = poll_in | poll_out | poll_err | poll_hup | epoll_wakeup | epoll_edge | epoll_exclusive;
    if ((event.events & ~allowed) != 0 || file->kind == FileKind::epoll) return Fail{Errno::inval};
  }
  if (file->kind == FileKind::epoll && !static_cast<EpollFile&>(*file).may_be_in(*this, 1)) return Fail{Errno::loop};
  TRY_VOID(watches_.reserve(watches_.size() + 1));
  Watch* watch = make<Watch>();
  if (watch == nullptr) return Fail{Errno::nomem};
  watch->set = this;
  watch->file = file.get();
  watch->fd = fd;
  watch->events = event.events;
  watch->data = event.data;
  watch->next = std::exchange(file->watches, watch);
  static_cast<void>(watches_.push_back(watch));   // has room
  changed_.wake_all();
  return {};
}

Status EpollFile::change(const File& file, std::uint32_t fd, const EpollEvent& event) {
  Watch* watch = find(file, fd);
  if (watch == nullptr) return Fail{Errno::noent};
  if (((watch->events | event.events) & epoll_exclusive) != 0) return Fail{Errno::inval};
  WaitQueue::leave(watch->edge);
  watch->events = event.events;
  watch->data = event.data;
  watch->enabled = watch->fresh = true;
  changed_.wake_all();
  return {};
}

Status EpollFile::remove(const File& file, std::uint32_t fd) {
  Watch* watch = find(file, fd);
  if (watch == nullptr) return Fail{Errno::noent};
  take_off_file(*watch);
  forget(*watch);
  return {};
}

std::uint32_t EpollFile::ready_events(Watch& watch) {
  if (!watch.enabled) return 0;
  const std::uint32_t wanted = watch.events | poll_err | poll_hup;
  if ((watch.events & epoll_edge) == 0) return watch.file->poll(nullptr) & wanted;
  if (!watch.fresh && !watch.edge.woken) return 0;
  WaitQueue::leave(watch.edge);
  watch.edge = Waiter{.events = wanted};
  watch.fresh = false;
  const std::uint32_t events = watch.file->poll(&watch.edge) & wanted;
  watch.edge.task = nobody();
  return events;
}

std::uint32_t EpollFile::poll(Waiter* waiter) {
  if (waiter != nullptr) changed_.join(*waiter);
  for (Watch* watch : watches_)
    if (watch->enabled && (watch->file->poll(nullptr) & (watch->events | poll_err | poll_hup)) != 0) return poll_readable;
  return 0;
}

CallResult EpollFile::collect(std::uint64_t address, std::size_t most) {
  std::uint64_t count = 0;
  const std::size_t total = watches_.size();
  for (std::size_t i = 0; i < total && count < most; ++i) {
    Watch& watch = *watches_[(next_ + i) % total];
    const std::uint32_t events = ready_events(watch);
    if (events == 0) continue;
    const EpollEvent event{events, watch.data};
    // The watches must not change while they are gone through.
    if (const Status written = copy_out_at_once(address + count * sizeof event, &event, sizeof event); !written.has_value()) {
      watch.fresh = true;   // it was not told
      if (count == 0) return Fail{written.error()};
      current().awaited = 0;
      return count;
    }
    if ((watch.events & epoll_oneshot) != 0) watch.enabled = false;
    ++count;
  }
  if (total > 0) next_ = (next_ + 1) % total;
  return count;
}

Status EpollFile::block(abi::Nanoseconds deadline) {
  struct Place { FileRef file; Waiter waiter; };
  Vector<Place> places;
  Waiter own;
  TRY_VOID(places.resize(watches_.size()));
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    if (!watches_[i]->enabled) continue;
    places[i].file = FileRef{watches_[i]->file};
    places[i].waiter.events = watches_[i]->events | poll_err | poll_hup;
    static_cast<void>(watches_[i]->file->poll(&places[i].waiter));
  }
  changed_.join(own);
  const Status waited = wait_joined(deadline);
  WaitQueue::leave(own);
  for (Place& place : places) WaitQueue::leave(place.waiter);
  return waited;
}

CallResult EpollFile::wait(std::uint64_t address, std::size_t most, abi::Nanoseconds deadline) {
  for (;;) {
    const CallResult collected = collect(address, most);
    if (!collected && current().awaited != 0 && userfault::fetch_awaited()) continue;
    const std::uint64_t count = TRY(collected);
    if (count > 0 || now() >= deadline) return count;
    const Status waited = block(deadline);
    if (waited.has_value() || waited.error() == Errno::timedout) continue;
    return Fail{waited.error() == Errno::restart_sys ? Errno::intr : waited.error()};
  }
}

}  // namespace exos
