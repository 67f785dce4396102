// SPDX-License-Identifier: MIT
// epoll sets. A set watches files without keeping them open; a file that goes leaves all sets.
#pragma once

#include "libos/exos/fs/open_file.hpp"

namespace exos {

inline constexpr std::uint32_t epoll_edge = 1u << 31, epoll_oneshot = 1u << 30, epoll_wakeup = 1u << 29, epoll_exclusive = 1u << 28;

struct [[gnu::packed]] EpollEvent {
  std::uint32_t events;
  std::uint64_t data;
};
static_assert(sizeof(EpollEvent) == 12);

class EpollFile;

// One watched descriptor. On the list of its file, and in its set.
struct Watch {
  Watch* next = nullptr;
  EpollFile* set = nullptr;
  File* file = nullptr;
  std::uint32_t fd = 0, events = 0;
  std::uint64_t data = 0;
  bool enabled = true;           // false: a one-shot that was told
  bool fresh = true;             // edge-triggered: not yet looked at since it was added or changed
  Waiter edge;                   // edge-triggered: stays on the file's queue between the calls; `woken` is the edge
};

class EpollFile final : public File {
 public:
  EpollFile() { kind = FileKind::epoll; }
  ~EpollFile() override;
  CallResult read(Buffer&) override { return Fail{Errno::inval}; }
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  std::uint32_t poll(Waiter* waiter) override;

  [[nodiscard]] Status add(const FileRef& file, std::uint32_t fd, const EpollEvent& event);
  [[nodiscard]] Status change(const File& file, std::uint32_t fd, const EpollEvent& event);
  [[nodiscard]] Status remove(const File& file, std::uint32_t fd);
  void forget(Watch& watch);
  [[nodiscard]] CallResult wait(std::uint64_t address, std::size_t most, abi::Nanoseconds deadline);

 private:
  [[nodiscard]] bool may_be_in(const EpollFile& outer, std::uint32_t depth) const;
  [[nodiscard]] Watch* find(const File& file, std::uint32_t fd);
  [[nodiscard]] CallResult collect(std::uint64_t address, std::size_t most);
  static std::uint32_t ready_events(Watch& watch);
  [[nodiscard]] Status block(abi::Nanoseconds deadline);

  Vector<Watch*> watches_;
  std::size_t next_ = 0;         // where the next collection starts: nobody starves
  WaitQueue changed_;            // a watch was added or changed
};

[[nodiscard]] Result<FileRef> make_epoll_file();
void forget_watches(File& file);

}  // namespace exos
