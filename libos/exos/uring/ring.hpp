// SPDX-License-Identifier: MIT
// An io_uring: two rings that a program and the library share, and the requests that are not done yet.
//
// A request is tried at once, by who submits it, without waiting. One that would have to wait joins the queue of its file, and
// the process's worker (worker.hpp) tries it again when that is woken: nothing here ever blocks but io_uring_enter itself.
#pragma once

#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/fs/node.hpp"
#include "libos/exos/fs/open_file.hpp"
#include "libos/exos/timer.hpp"
#include "libos/exos/uring/abi.hpp"

namespace exos::uring {

class Ring;
struct Worker;

struct Request {
  base::ListLink in_ring;          // Ring::requests_, in the order of submission
  base::ListLink in_turn;          // to be started: Ring::turn_; or waiting: of a worker, or deferred
  Ring* ring = nullptr;
  std::uint32_t pid = 0;           // of the process whose memory and descriptors it means
  Submission sqe{};
  FileRef file;                    // from its start on, if the operation has one
  Request* next = nullptr;         // to be started after this one
  Request* limit = nullptr;        // the link_timeout that may end it; of such: whom it ends
  Worker* worker = nullptr;        // while it waits
  Waiter waiter;
  Timer timer;
  std::uint64_t count_target = 0;  // timeout: done when so many others have been; 0: by time only
  std::uint64_t moved = 0;         // send and receive: what parts of it have been
  Errno failure{};                 // was bad from the start
  bool due = false;                // its timer has fired, or it is simply to be tried again
  bool deferred = false, started = false;

  [[nodiscard]] Operation operation() const { return static_cast<Operation>(sqe.operation); }
  [[nodiscard]] bool has(std::uint8_t wanted) const { return (sqe.flags & wanted) != 0; }
};

// What a request came to. `waits`: there is nothing to be told yet.
struct Outcome {
  CallResult result = 0;
  bool waits = false;
  bool short_of_wish = false;      // less was moved than asked: links behind it do not follow
};

// operations.cpp
[[nodiscard]] Status check(const Request& request);
[[nodiscard]] Status find_file(Request& request);          // EBADF
[[nodiscard]] Outcome attempt(Request& request);           // in the context of its process
[[nodiscard]] std::uint32_t awaited_events(const Request& request);
[[nodiscard]] bool is_supported(Operation operation);
[[nodiscard]] bool is_timeout(const Request& request);

// The memory that is shared; mappings keep it beyond the ring itself.
class RingInode final : public SpecialInode {
 public:
  [[nodiscard]] Status create(std::uint32_t submissions, std::uint32_t completions);
  ~RingInode() override;
  Result<FilePage> page(std::uint64_t index, bool for_write) override;

  // Words of the rings, at the offsets that Parameters tell.
  [[nodiscard]] std::uint32_t& word(std::size_t offset) const { return *reinterpret_cast<std::uint32_t*>(rings_ + offset); }
  [[nodiscard]] std::uint32_t* array() const { return reinterpret_cast<std::uint32_t*>(rings_ + array_at); }
  [[nodiscard]] Completion* completions() const { return reinterpret_cast<Completion*>(rings_ + completions_at); }
  [[nodiscard]] Submission* submissions() const { return reinterpret_cast<Submission*>(submissions_); }

  static constexpr std::size_t head = 0, tail = 64, completion_head = 128, completion_tail = 192, mask = 256, completion_mask = 260,
                               entries = 264, completion_entries = 268, dropped = 272, flags = 276, completion_flags = 280, overflow = 284;
  std::size_t completions_at = 320, array_at = 0;

 private:
  std::byte* rings_ = nullptr;
  std::byte* submissions_ = nullptr;
  std::size_t ring_pages_ = 0, submission_pages_ = 0;
};

class Ring final : public File {
 public:
  Ring(Ref<Inode> memory, const Parameters& parameters);
  ~Ring() override;
  CallResult read(Buffer&) override { return Fail{Errno::inval}; }
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  std::uint32_t poll(Waiter* waiter) override;

  [[nodiscard]] CallResult submit(std::uint32_t count);
  [[nodiscard]] Status wait(std::uint32_t least, abi::Nanoseconds deadline);
  void flush();                                        // completions for which there was no room
  void run();                                          // starts what may be started
  void complete(Request& request, std::int32_t result, bool short_of_wish = false);
  void post(const Request& request, std::int32_t result, std::uint32_t completion_flags);
  void retry(Request& request);                        // of the current process: whom it waited for has moved
  [[nodiscard]] CallResult cancel(const Request& by, std::uint64_t user_data, std::uint32_t how, std::int32_t fd);
  [[nodiscard]] Request* find(std::uint64_t user_data, Operation operation, const Request* but);
  void arm_timeout(Request& request, abi::Nanoseconds deadline);
  [[nodiscard]] std::uint64_t other_completions() const { return completed_; }

  Vector<FileRef> files;                               // registered
  Vector<Iovec> buffers;
  std::uint64_t counted_timeouts = 0;                  // requests with a count_target
  bool has_files = false, has_buffers = false, disabled = false, events_when_late_only = false;
  FileRef event;

 private:
  friend struct Worker;
  [[nodiscard]] RingInode& memory() const { return static_cast<RingInode&>(*inode); }
  [[nodiscard]] Result<Request*> take(const Submission& sqe);
  void enqueue(Request& head);
  void start(Request& request);
  void wait_for(Request& request);
  void begin_limit(Request& request);
  void fail_links(Request* request);
  void drop(Request& request);                         // without a completion
  void settle_timeouts();
  void start_deferred();
  [[nodiscard]] std::uint32_t available() const;
  void put(const Completion& completion);

  Parameters parameters_;
  base::List<Request, &Request::in_ring> requests_;
  base::List<Request, &Request::in_turn> turn_, deferred_;
  Vector<Completion> waiting_;                         // for room in the ring
  WaitQueue changed_;
  std::uint32_t head_ = 0, tail_ = 0;                  // of submissions, of completions; the shared ones follow
  std::uint64_t completed_ = 0;                        // completions but those of timeouts
  std::uint64_t active_ = 0;                           // requests that are neither done nor deferred
  bool running_ = false, late_ = false;
};

[[nodiscard]] Result<FileRef> make_ring(Parameters& parameters);
[[nodiscard]] Result<FileRef> ring_of(std::uint64_t fd);   // EBADF, EOPNOTSUPP
// Descriptors at `fds` take the places from `offset` on among the registered files; how many did (calls/io_uring.cpp).
[[nodiscard]] CallResult update_registered(Ring& ring, std::uint32_t offset, std::uint64_t fds, std::uint64_t count);

}  // namespace exos::uring
