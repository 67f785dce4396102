// SPDX-License-Identifier: MIT
#include "libos/exos/fs/signal_file.hpp"

#include "libos/exos/signal_frame.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

struct Record {   // signalfd_siginfo
  std::uint32_t signo;
  std::int32_t error, code;
  std::uint32_t pid, uid;
  std::int32_t fd;
  std::uint32_t timer, band, overrun, trap;
  std::int32_t status, value;
  std::uint64_t pointer, user_time, system_time, address;
  std::uint16_t address_bits, padding;
  std::int32_t call;
  std::uint64_t call_address;
  std::uint32_t architecture;
  std::uint8_t rest[28];
};
static_assert(sizeof(Record) == 128);

Record record_of(const SignalInfo& info) {
  constexpr std::int32_t si_timer = -2;
  Record record{};
  record.signo = static_cast<std::uint32_t>(info.signo);
  record.error = info.error;
  record.code = info.code;
  record.value = static_cast<std::int32_t>(info.value);
  record.pointer = info.value;
  if (info.code == si_timer) {
    record.timer = static_cast<std::uint32_t>(info.pid);
    record.overrun = info.uid;
  } else {
    record.pid = static_cast<std::uint32_t>(info.pid);
    record.uid = info.uid;
  }
  if (record.signo == sig_chld) record.status = info.status;
  record.address = info.address;
  return record;
}

}  // namespace

Result<FileRef> make_signal_file(std::uint64_t set, std::uint32_t flags) {
  InodeRef inode = TRY(make_anonymous_inode(0600));
  FileRef file = TRY(make_file<SignalFile>(*inode, flags | o_rdwr, set));
  file->path = TRY(String::from("anon_inode:[signalfd]"));
  return file;
}

CallResult SignalFile::read(Buffer& buffer) {
  if (buffer.left() < sizeof(Record)) return Fail{Errno::inval};
  SignalInfo info;
  while (!take_pending(set_, info)) {
    if ((flags & o_nonblock) != 0) return Fail{Errno::again};
    TRY_VOID(signal_arrivals().wait());
  }
  std::uint64_t done = 0;
  do {
    const Record record = record_of(info);
    if (const Status moved = buffer.put(&record, sizeof record); !moved.has_value())
      return done > 0 ? CallResult{done} : CallResult{Fail{moved.error()}};
    done += sizeof record;
  } while (buffer.left() >= sizeof(Record) && take_pending(set_, info));
  return done;
}

std::uint32_t SignalFile::poll(Waiter* waiter) {
  if (waiter != nullptr) signal_arrivals().join(*waiter);
  const std::uint64_t pending = current().signals.pending.set | current_process().pending.set;
  return (pending & set_) != 0 ? poll_readable : 0;
}

}  // namespace exos
