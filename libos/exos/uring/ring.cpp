// SPDX-License-Identifier: MIT
#include "libos/exos/uring/ring.hpp"

#include "libos/exos/capability_slots.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/uring/worker.hpp"

namespace exos::uring {

namespace {

constexpr std::int32_t canceled = -static_cast<std::int32_t>(Errno::canceled), timed_out = -static_cast<std::int32_t>(Errno::time);

std::uint32_t load(std::uint32_t& word) { return std::atomic_ref{word}.load(std::memory_order_acquire); }     // pairs with the program's release
void store(std::uint32_t& word, std::uint32_t value) { std::atomic_ref{word}.store(value, std::memory_order_release); }   // and the other way round

std::int32_t to_result(const CallResult& result) {
  return result ? static_cast<std::int32_t>(*result) : -static_cast<std::int32_t>(result.error());
}

void cancel_timer(Timer& timer) {
  if (timer.armed()) cancel(timer);
}

}  // namespace

// --- the shared memory ------------------------------------------------------------------------------------------------
Status RingInode::create(std::uint32_t submissions, std::uint32_t completions) {
  array_at = completions_at + completions * sizeof(Completion);
  ring_pages_ = base::pages_for(array_at + submissions * sizeof(std::uint32_t));
  submission_pages_ = base::pages_for(submissions * sizeof(Submission));
  rings_ = static_cast<std::byte*>(allocate_pages(ring_pages_));
  submissions_ = static_cast<std::byte*>(allocate_pages(submission_pages_));
  if (rings_ == nullptr || submissions_ == nullptr) return Fail{Errno::nomem};
  word(entries) = submissions, word(mask) = submissions - 1;
  word(completion_entries) = completions, word(completion_mask) = completions - 1;
  size = submissions_offset + submission_pages_ * base::page_size;
  return {};
}

RingInode::~RingInode() {
  if (rings_ != nullptr) release_pages(rings_, ring_pages_);
  if (submissions_ != nullptr) release_pages(submissions_, submission_pages_);
}

Result<FilePage> RingInode::page(std::uint64_t index, bool) {
  const auto within = [&](std::uint64_t start, std::uint64_t pages) {
    return index >= start / base::page_size && index - start / base::page_size < pages;
  };
  const std::byte* at = nullptr;
  if (within(submissions_offset, submission_pages_)) at = submissions_ + (index - submissions_offset / base::page_size) * base::page_size;
  else if (within(completions_offset, ring_pages_)) at = rings_ + (index - completions_offset / base::page_size) * base::page_size;
  else if (within(rings_offset, ring_pages_)) at = rings_ + index * base::page_size;
  if (at == nullptr) return Fail{Errno::inval};
  return FilePage{frame_of_page(at), own::account.slot(), at};
}

// --- the ring ---------------------------------------------------------------------------------------------------------
Ring::Ring(Ref<Inode> memory, const Parameters& parameters) : parameters_{parameters} {
  inode = std::move(memory);
  kind = FileKind::ring;
}

Ring::~Ring() {
  for (Request& request : requests_) drop(request);
}

std::uint32_t Ring::poll(Waiter* waiter) {
  if (waiter != nullptr) changed_.join(*waiter);
  const bool full = load(memory().word(RingInode::tail)) - head_ == parameters_.submissions;
  return (available() + waiting_.size() > 0 ? poll_readable : 0) | (full ? 0 : poll_writable);
}

std::uint32_t Ring::available() const { return tail_ - load(memory().word(RingInode::completion_head)); }

void Ring::put(const Completion& completion) {
  memory().completions()[tail_ & (parameters_.completions - 1)] = completion;
  store(memory().word(RingInode::completion_tail), ++tail_);
}

void Ring::post(const Request& request, std::int32_t result, std::uint32_t completion_flags) {
  const Completion completion{request.sqe.user_data, result, completion_flags};
  if (!is_timeout(request)) ++completed_;
  if (waiting_.empty() && available() < parameters_.completions) {
    put(completion);
  } else {
    std::uint32_t& flags = memory().word(RingInode::flags);
    store(flags, flags | submission_overflow);
    if (!waiting_.push_back(completion)) ++memory().word(RingInode::overflow);
  }
  changed_.wake_all(poll_readable);
  const bool told = (load(memory().word(RingInode::completion_flags)) & events_disabled) != 0 || (events_when_late_only && !late_);
  if (!event || told) return;
  std::uint64_t one = 1;
  Buffer buffer = Buffer::memory(&one, sizeof one);
  const std::uint32_t before = std::exchange(event->flags, event->flags | o_nonblock);
  static_cast<void>(event->write(buffer));
  event->flags = before;
}

void Ring::flush() {
  std::size_t moved = 0;
  while (moved < waiting_.size() && available() < parameters_.completions) put(waiting_[moved++]);
  waiting_.erase(0, moved);
  std::uint32_t& flags = memory().word(RingInode::flags);
  if (moved != 0 && waiting_.empty()) store(flags, flags & ~submission_overflow);
}

// --- submission -------------------------------------------------------------------------------------------------------
Result<Request*> Ring::take(const Submission& sqe) {
  Request* request = make<Request>();
  if (request == nullptr) return Fail{Errno::again};
  request->ring = this;
  request->pid = current_process().pid;
  request->sqe = sqe;
  if (const Status good = check(*request); !good) request->failure = good.error();
  requests_.push_back(*request);
  ++active_;
  return request;
}

// How many were taken. A bad one ends that, unless the ring was made to go on.
CallResult Ring::submit(std::uint32_t count) {
  const std::uint32_t ready = load(memory().word(RingInode::tail)) - head_;
  count = std::min({count, ready, parameters_.submissions});
  Request *chain = nullptr, *last = nullptr;
  std::uint32_t taken = 0;
  const auto finish = [&] {
    if (chain != nullptr) enqueue(*std::exchange(chain, nullptr));
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t index = load(memory().array()[head_ & (parameters_.submissions - 1)]);
    if (index >= parameters_.submissions) {
      ++memory().word(RingInode::dropped);
      store(memory().word(RingInode::head), ++head_);
      continue;
    }
    const Submission sqe = memory().submissions()[index];   // once: the program may change it meanwhile
    const auto request = take(sqe);
    if (!request && taken == 0) return Fail{request.error()};
    if (!request) break;
    store(memory().word(RingInode::head), ++head_);
    ++taken;
    Request& fresh = **request;
    if (chain == nullptr && fresh.failure == Errno{} && fresh.operation() == Operation::link_timeout) fresh.failure = Errno::inval;   // of nothing
    const bool bad = fresh.failure != Errno{};
    if (chain == nullptr) chain = &fresh;
    else last->next = &fresh;
    last = &fresh;
    if (!fresh.has(flag::link | flag::hard_link) || bad) finish();
    if (bad && (parameters_.flags & setup::submit_all) == 0) break;
  }
  finish();
  run();
  return taken;
}

// A chain with a bad member does not start at all. One that is to wait for what was submitted before waits, and so does
// whatever comes behind it.
void Ring::enqueue(Request& head) {
  bool drains = false;
  for (Request* request = &head; request != nullptr; request = request->next) {
    drains = drains || request->has(flag::drain);
    if (request->failure == Errno{}) continue;
    for (Request* at = &head; at != nullptr;) {
      Request* const next = std::exchange(at->next, nullptr);
      complete(*at, at->failure != Errno{} ? -static_cast<std::int32_t>(at->failure) : canceled);
      at = next;
    }
    return;
  }
  std::uint64_t own = 0;
  for (Request* request = &head; request != nullptr; request = request->next) ++own;
  if (deferred_.empty() && (!drains || active_ == own)) return turn_.push_back(head);
  head.deferred = true;
  active_ -= own;
  deferred_.push_back(head);
}

void Ring::start_deferred() {
  while (Request* head = deferred_.front()) {
    bool drains = false;
    std::uint64_t own = 0;
    for (Request* request = head; request != nullptr; request = request->next) drains = drains || request->has(flag::drain), ++own;
    if (drains && active_ != 0) return;
    head->in_turn.unlink();
    head->deferred = false;
    active_ += own;
    turn_.push_back(*head);
  }
}

// Those of another process, which shares the ring, are its worker's.
void Ring::run() {
  if (running_) return;
  running_ = true;
  while (Request* request = turn_.pop_front()) {
    if (request->pid == current_process().pid) {
      start(*request);
      continue;
    }
    Process* other = find_process(request->pid);
    request->due = true;
    if (other != nullptr && other->io_worker != nullptr) hand_over(*request, *other->io_worker);
    else complete(*request, canceled);
  }
  running_ = false;
}

void Ring::start(Request& request) {
  request.started = true;
  if (request.next != nullptr && request.next->operation() == Operation::link_timeout) begin_limit(request);
  if (const Status found = find_file(request); !found) return complete(request, -static_cast<std::int32_t>(found.error()));
  const Outcome outcome = attempt(request);
  if (outcome.waits) return wait_for(request);
  complete(request, to_result(outcome.result), outcome.short_of_wish);
}

void Ring::retry(Request& request) {
  if (request.waiter.link.linked()) WaitQueue::leave(request.waiter);
  request.waiter.woken = false;
  const bool was_due = std::exchange(request.due, false);
  late_ = true;
  if (!request.started) {
    start(request);
  } else if (request.operation() == Operation::timeout && was_due) {
    complete(request, timed_out, (request.sqe.operation_flags & timeout_success) == 0);
  } else if (request.operation() == Operation::link_timeout && was_due) {
    Request* const ended = std::exchange(request.limit, nullptr);
    if (ended != nullptr) {
      ended->limit = nullptr;
      complete(*ended, canceled);
    }
    complete(request, ended != nullptr ? timed_out : -static_cast<std::int32_t>(Errno::noent));
  } else {
    const Outcome outcome = attempt(request);
    if (outcome.waits) {
      wait_for(request);
    } else if (request.operation() == Operation::poll_add && (request.sqe.length & poll_multiple) != 0 && outcome.result) {
      post(request, to_result(outcome.result), completion_more);
      wait_for(request);
    } else {
      complete(request, to_result(outcome.result), outcome.short_of_wish);
    }
  }
  late_ = false;
}

// Joins the queue of its file. A file that says that it is ready although the attempt found it not to be (a connection to a full
// listener; a FIFO that nobody reads) is looked at again a little later.
void Ring::wait_for(Request& request) {
  constexpr std::uint64_t look_again_ns = 1'000'000;
  Worker* const own = worker();
  if (own == nullptr) return complete(request, -static_cast<std::int32_t>(Errno::nomem));
  const bool by_timer_only = is_timeout(request);
  if (request.file && !by_timer_only) {
    request.waiter = Waiter{.events = awaited_events(request) | poll_err | poll_hup};
    const bool ready = (request.file->poll(&request.waiter) & request.waiter.events) != 0;
    request.waiter.task = own->task;   // whoever joined it
    const bool edge = request.operation() == Operation::poll_add;   // what holds has been told
    if (ready && !edge) arm_timeout(request, abi::Nanoseconds{now().raw() + look_again_ns});
  } else if (!by_timer_only) {
    arm_timeout(request, abi::Nanoseconds{now().raw() + look_again_ns});
  }
  hand_over(request, *own);
}

void Ring::arm_timeout(Request& request, abi::Nanoseconds deadline) {
  cancel_timer(request.timer);
  request.timer.owner = &request;
  request.timer.fire = [](Timer& timer) {
    Request& self = *static_cast<Request*>(timer.owner);
    self.due = true;
    if (self.worker != nullptr) sched::wake(*self.worker->task);
  };
  arm(request.timer, deadline);
}

// The link_timeout behind a request that starts: from now on it can end it, and is no link any more.
void Ring::begin_limit(Request& request) {
  Request& limit = *request.next;
  request.next = std::exchange(limit.next, nullptr);
  if (!limit.has(flag::link | flag::hard_link)) request.sqe.flags &= static_cast<std::uint8_t>(~(flag::link | flag::hard_link));
  limit.started = true;
  const Outcome armed = attempt(limit);
  Worker* const own = armed.waits ? worker() : nullptr;
  if (own == nullptr) return complete(limit, armed.waits ? -static_cast<std::int32_t>(Errno::nomem) : to_result(armed.result));
  limit.limit = &request;
  request.limit = &limit;
  hand_over(limit, *own);
}

// --- completion -------------------------------------------------------------------------------------------------------
void Ring::drop(Request& request) {
  cancel_timer(request.timer);
  if (request.waiter.link.linked()) WaitQueue::leave(request.waiter);
  if (request.in_turn.linked()) request.in_turn.unlink();
  request.in_ring.unlink();
  if (request.count_target != 0) --counted_timeouts;
  destroy(&request);
}

void Ring::complete(Request& request, std::int32_t result, bool short_of_wish) {
  if (Request* limit = std::exchange(request.limit, nullptr); limit != nullptr) {
    limit->limit = nullptr;
    if (limit->operation() == Operation::link_timeout) complete(*limit, canceled);
  }
  const bool failed = result < 0 || short_of_wish;
  if (failed || !request.has(flag::skip_success)) post(request, result, 0);
  Request* const next = std::exchange(request.next, nullptr);
  if (next != nullptr && (!failed || request.has(flag::hard_link))) turn_.push_back(*next);
  else fail_links(next);
  if (!request.deferred) --active_;
  drop(request);
  settle_timeouts();
  start_deferred();
}

void Ring::fail_links(Request* request) {
  while (request != nullptr) {
    Request* const next = std::exchange(request->next, nullptr);
    if (!request->has(flag::skip_success)) post(*request, canceled, 0);
    if (!request->deferred) --active_;
    drop(*request);
    request = next;
  }
}

// Timeouts that wait for a number of completions.
void Ring::settle_timeouts() {
  for (bool again = counted_timeouts != 0; again;) {
    again = false;
    for (Request& request : requests_) {
      if (request.operation() != Operation::timeout || !request.started || request.count_target == 0 || completed_ < request.count_target) continue;
      complete(request, 0);
      again = true;
      break;
    }
  }
}

// --- waiting, finding, cancelling -------------------------------------------------------------------------------------
Status Ring::wait(std::uint32_t least, abi::Nanoseconds deadline) {
  least = std::min(least, parameters_.completions);
  for (;;) {
    flush();
    if (available() >= least) return {};
    const Status waited = changed_.wait(deadline);
    if (waited) continue;
    flush();
    if (available() >= least || available() != 0) return {};
    return Fail{waited.error() == Errno::timedout ? Errno::time : Errno::intr};
  }
}

Request* Ring::find(std::uint64_t user_data, Operation operation, const Request* but) {
  for (Request& request : requests_)
    if (&request != but && request.operation() == operation && request.sqe.user_data == user_data) return &request;
  return nullptr;
}

CallResult Ring::cancel(const Request& by, std::uint64_t user_data, std::uint32_t how, std::int32_t fd) {
  std::uint64_t count = 0;
  FileRef file;
  if ((how & cancel_fd) != 0) file = TRY(current().files->get(static_cast<std::uint32_t>(fd)));
  for (bool again = true; again;) {
    again = false;
    for (Request& request : requests_) {
      if (&request == &by || request.operation() == Operation::link_timeout) continue;
      const bool wanted = (how & cancel_any) != 0 || ((how & cancel_fd) != 0 ? request.file == file : request.sqe.user_data == user_data);
      if (!wanted || (request.worker == nullptr && !request.deferred)) continue;
      complete(request, canceled);
      ++count;
      again = (how & (cancel_all | cancel_any)) != 0;
      break;
    }
  }
  if ((how & (cancel_all | cancel_any)) != 0) return count;
  return count != 0 ? CallResult{0} : CallResult{Fail{Errno::noent}};
}

// --- making one -------------------------------------------------------------------------------------------------------
Result<FileRef> make_ring(Parameters& p) {
  RingInode* memory = make<RingInode>();
  if (memory == nullptr) return Fail{Errno::nomem};
  const InodeRef keeps{memory};
  initialise_anonymous(*memory, 0600);
  TRY_VOID(memory->create(p.submissions, p.completions));
  Ring* ring = make<Ring>(keeps, p);
  if (ring == nullptr) return Fail{Errno::nomem};
  FileRef file{ring};
  ring->flags = o_rdwr;
  ring->disabled = (p.flags & setup::disabled) != 0;
  file->path = TRY(String::from("anon_inode:[io_uring]"));
  using M = RingInode;
  p.features = features;
  p.submission = {M::head, M::tail, M::mask, M::entries, M::flags, M::dropped, static_cast<std::uint32_t>(memory->array_at), 0, 0};
  p.completion = {M::completion_head, M::completion_tail, M::completion_mask, M::completion_entries, M::overflow,
                  static_cast<std::uint32_t>(memory->completions_at), M::completion_flags, 0, 0};
  return file;
}

Result<FileRef> ring_of(std::uint64_t fd) {
  FileRef file = TRY(current().files->get(static_cast<std::uint32_t>(fd)));
  if (file->kind != FileKind::ring) return Fail{Errno::opnotsupp};
  return file;
}

}  // namespace exos::uring
