// SPDX-License-Identifier: MIT
// A userfaultfd as a file: who waits at which page, the messages about it, and the requests that answer. [linux uapi userfaultfd.h]
#include "libos/exos/sched.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/userfault.hpp"
#include "libos/exos/userfault_abi.hpp"

namespace exos {

using namespace userfault;

namespace {

// Of the last word of a request: how far it came, or the error.
Status tell_progress(std::uint64_t at, const Progress& progress) {
  const std::int64_t error = progress.stopped ? 0 : -static_cast<std::int64_t>(progress.stopped.error());
  return write_user(at, progress.done > 0 ? static_cast<std::int64_t>(progress.done) : error);
}

// Page-aligned, not empty, and within what a program may have.
Status check_range(const Range& range) {
  constexpr std::uint64_t lowest = 0x10000;
  if (((range.start | range.size) & (abi::page_size - 1)) != 0 || range.size == 0) return Fail{Errno::inval};
  if (range.start < lowest || !base::range_within(range.start, range.size, abi::map::program_end)) return Fail{Errno::inval};
  return {};
}

}  // namespace

UserfaultFile::UserfaultFile(Memory& memory, Faults faults) : memory_{.link = {}, .memory = &memory}, faults_{faults} {
  kind = FileKind::userfault;
  memory.references.push_back(memory_);
}

UserfaultFile::~UserfaultFile() {
  for (Sleepers* list : {&untold_, &told_})
    while (Sleeper* sleeper = list->pop_front()) sched::wake(*sleeper->task);
  if (memory() == nullptr) return;
  memory_.link.unlink();
  for (Vma* area : memory()->areas) {
    if (area->userfault != this) continue;
    area->userfault = nullptr;
    area->userfault_modes = 0;
  }
}

// Which faults are left to the program as they are. [linux handle_userfault]
bool UserfaultFile::await(std::uint64_t address, std::uint32_t flags, By by) {
  Task& self = current();
  if ((features_ & feature_sigbus) != 0 || (by == By::library && faults_ == Faults::of_user_mode)) return false;
  if (self.exiting || self.exiting_by_kill) return false;
  const bool exact = (features_ & feature_exact_address) != 0;
  Sleeper sleeper{.link = {}, .task = &self, .address = exact ? address : base::align_down(address, abi::page_size), .flags = flags};
  untold_.push_back(sleeper);
  news_.wake_all(poll_readable);
  // From here on the file may be gone: whoever wakes takes the sleeper off its list.
  static_cast<void>(sched::block(abi::forever, by == By::program ? Interruptible::yes : Interruptible::no));
  if (sleeper.link.linked()) sleeper.link.unlink();
  return by == By::program || (!self.exiting && !self.exiting_by_kill);
}

void UserfaultFile::wake(const Range& range) {
  for (Sleepers* list : {&untold_, &told_}) {
    for (auto at = list->begin(); at != list->end();) {
      Sleeper& sleeper = *at;
      ++at;   // before it goes
      if (sleeper.address - range.start >= range.size) continue;
      sleeper.link.unlink();
      sched::wake(*sleeper.task);
    }
  }
}

CallResult UserfaultFile::read(Buffer& buffer) {
  if (!agreed_ || buffer.left() < sizeof(FaultMessage)) return Fail{Errno::inval};
  while (untold_.empty()) {
    if ((flags & o_nonblock) != 0) return Fail{Errno::again};
    TRY_VOID(news_.wait());
  }
  std::uint64_t done = 0;
  while (!untold_.empty() && buffer.left() >= sizeof(FaultMessage)) {
    Sleeper& sleeper = *untold_.front();
    const std::uint32_t thread = (features_ & feature_thread_id) != 0 ? sleeper.task->tid : 0;
    const FaultMessage message{.event = event_pagefault, .flags = sleeper.flags, .address = sleeper.address, .thread = thread};
    if (const Status told = buffer.put(&message, sizeof message); !told) return done > 0 ? CallResult{done} : CallResult{Fail{told.error()}};
    sleeper.link.unlink();
    told_.push_back(sleeper);
    done += sizeof message;
  }
  return done;
}

std::uint32_t UserfaultFile::poll(Waiter* waiter) {
  if (waiter != nullptr) news_.join(*waiter);
  if (!agreed_ || (flags & o_nonblock) == 0) return poll_err;   // whoever reads after poll must not have to wait
  return untold_.empty() ? 0 : poll_readable;
}

// --- requests ---------------------------------------------------------------------------------------------------------
CallResult UserfaultFile::ioctl(std::uint64_t request, std::uint64_t argument) {
  if (request != uffdio_api && !agreed_) return Fail{Errno::inval};
  switch (request) {
    case uffdio_api: return agree(argument);
    case uffdio_register: return enter(argument);
    case uffdio_unregister: return withdraw(argument);
    case uffdio_wake: {
      const Range range = TRY(read_user<Range>(argument));
      TRY_VOID(check_range(range));
      wake(range);
      return 0;
    }
    case uffdio_copy: return copy(argument);
    case uffdio_zeropage: return zero(argument);
    case uffdio_writeprotect: return protect(argument);
    case uffdio_continue: return go_on(argument);
    default: return Fail{Errno::inval};
  }
}

CallResult UserfaultFile::agree(std::uint64_t argument) {
  const auto wanted = TRY(read_user<ApiRequest>(argument));
  if (wanted.api != uffd_api || (wanted.features & ~userfault::features) != 0) {
    TRY_VOID(write_user(argument, ApiRequest{}));
    return Fail{Errno::inval};
  }
  TRY_VOID(write_user(argument, ApiRequest{.api = uffd_api, .features = userfault::features, .requests = api_requests}));
  if (agreed_) {
    TRY_VOID(write_user(argument, ApiRequest{}));
    return Fail{Errno::inval};
  }
  agreed_ = true;
  features_ = wanted.features;
  return 0;
}

CallResult UserfaultFile::enter(std::uint64_t argument) {
  const auto wanted = TRY(read_user<RangeAndWord>(argument));
  if (wanted.word == 0 || (wanted.word & ~(mode_missing | mode_protect | mode_minor)) != 0) return Fail{Errno::inval};
  TRY_VOID(check_range(wanted.range));
  if (memory() == nullptr) return Fail{Errno::nomem};
  TRY_VOID(enter_areas(*memory(), wanted.range, *this, wanted.word));
  std::uint64_t requests = range_requests;
  if ((wanted.word & mode_protect) == 0) requests &= ~request_bit(uffdio_writeprotect);
  if ((wanted.word & mode_minor) == 0) requests &= ~request_bit(uffdio_continue);
  TRY_VOID(write_user(argument + sizeof wanted, requests));
  return 0;
}

CallResult UserfaultFile::withdraw(std::uint64_t argument) {
  const auto range = TRY(read_user<Range>(argument));
  TRY_VOID(check_range(range));
  if (memory() == nullptr) return Fail{Errno::nomem};
  TRY_VOID(withdraw_areas(*memory(), range));
  wake(range);
  return 0;
}

namespace {

// The end of a request that fills pages: who waits for them goes on, and the program is told how far it came.
CallResult finish_filling(UserfaultFile& file, const Range& range, bool wakes, std::uint64_t told_at, const Progress& progress) {
  TRY_VOID(tell_progress(told_at, progress));
  if (progress.done == 0) return Fail{progress.stopped.error()};
  if (wakes) file.wake({range.start, progress.done});
  if (progress.done < range.size) return Fail{Errno::again};
  return 0;
}

}  // namespace

CallResult UserfaultFile::copy(std::uint64_t argument) {
  const auto wanted = TRY(read_user<CopyRequest>(argument));
  const Range range{wanted.to, wanted.size};
  TRY_VOID(check_range(range));
  if (wanted.from + wanted.size <= wanted.from || (wanted.mode & ~(fill_without_waking | copy_guarded)) != 0) return Fail{Errno::inval};
  if (memory() == nullptr) return Fail{Errno::srch};
  const Progress progress = copy_pages(*this, range, wanted.from, (wanted.mode & copy_guarded) != 0 ? Guard::yes : Guard::no);
  return finish_filling(*this, range, (wanted.mode & fill_without_waking) == 0, argument + sizeof wanted, progress);
}

CallResult UserfaultFile::zero(std::uint64_t argument) {
  const auto wanted = TRY(read_user<RangeAndWord>(argument));
  TRY_VOID(check_range(wanted.range));
  if ((wanted.word & ~fill_without_waking) != 0) return Fail{Errno::inval};
  if (memory() == nullptr) return Fail{Errno::srch};
  return finish_filling(*this, wanted.range, wanted.word == 0, argument + sizeof wanted, zero_pages(*this, wanted.range));
}

CallResult UserfaultFile::go_on(std::uint64_t argument) {
  const auto wanted = TRY(read_user<RangeAndWord>(argument));
  TRY_VOID(check_range(wanted.range));
  if ((wanted.word & ~fill_without_waking) != 0) return Fail{Errno::inval};
  if (memory() == nullptr) return Fail{Errno::srch};
  return finish_filling(*this, wanted.range, wanted.word == 0, argument + sizeof wanted, show_pages(*this, wanted.range));
}

CallResult UserfaultFile::protect(std::uint64_t argument) {
  const auto wanted = TRY(read_user<RangeAndWord>(argument));
  TRY_VOID(check_range(wanted.range));
  const bool guards = (wanted.word & protect_guards) != 0, silent = (wanted.word & protect_without_waking) != 0;
  if ((wanted.word & ~(protect_guards | protect_without_waking)) != 0 || (guards && silent)) return Fail{Errno::inval};
  if (memory() == nullptr) return Fail{Errno::srch};
  TRY_VOID(guard_pages(*memory(), wanted.range, guards ? Guard::yes : Guard::no));
  if (!guards && !silent) wake(wanted.range);
  return 0;
}

Result<FileRef> make_userfault_file(std::uint32_t flags, UserfaultFile::Faults faults) {
  InodeRef inode = TRY(make_anonymous_inode(0600));
  auto file = TRY(make_file<UserfaultFile>(*inode, flags, *current_process().memory, faults));
  file->path = TRY(String::from("anon_inode:[userfaultfd]"));
  return file;
}

// --- the side of who waits --------------------------------------------------------------------------------------------
bool userfault::await_page(Memory& memory, std::uint64_t address, std::uint32_t code, By by) {
  const Vma* area = memory.find(address);
  if (area == nullptr || area->userfault == nullptr) return true;   // tried again, it will be something else
  return area->userfault->await(address, code & (fault_write | fault_protect | fault_minor), by);
}

bool userfault::fetch_awaited() {
  constexpr std::uint64_t user = 4, write = 2;
  const std::uint64_t awaited = std::exchange(current().awaited, 0), address = awaited & ~write;
  Memory& memory = *current_process().memory;
  if (CopiesFail::in_force()) return false;
  for (;;) {
    std::uint32_t code = 0;
    if (memory.fault(address, user | (awaited & write), code)) return true;
    if ((code & is_awaited) == 0 || !await_page(memory, address, code, By::library)) return false;
  }
}

}  // namespace exos
