// SPDX-License-Identifier: MIT
// userfaultfd: a program gives the pages of a range itself. A fault there is a message for the descriptor's reader, and the
// task that took it waits until the page is there. [man userfaultfd(2), man ioctl_userfaultfd(2)]
//
// Faults of the program and copies of the library alike wait; where the library holds what must not change meanwhile
// (copy_in_at_once), the copy fails instead, Task::awaited names the page, and the call goes on with transfer_awaited().
#pragma once

#include "libos/exos/fs/open_file.hpp"
#include "libos/exos/task.hpp"

namespace exos {

namespace userfault {

// Modes of a registered area (Vma::userfault_modes), as UFFDIO_REGISTER takes them.
inline constexpr std::uint64_t mode_missing = 1, mode_protect = 2, mode_minor = 4;
// What a message says of its fault.
inline constexpr std::uint32_t fault_write = 1, fault_protect = 2, fault_minor = 4;
// Memory::fault's code where a reader is to answer: this and fault_*.
inline constexpr std::uint32_t is_awaited = 0x400;

inline constexpr std::uint64_t feature_protect = 1 << 0, feature_missing_shmem = 1 << 5, feature_sigbus = 1 << 7,
                               feature_thread_id = 1 << 8, feature_minor_shmem = 1 << 10, feature_exact_address = 1 << 11;
inline constexpr std::uint64_t features =
    feature_protect | feature_missing_shmem | feature_sigbus | feature_thread_id | feature_minor_shmem | feature_exact_address;

struct Range { std::uint64_t start, size; };

// A task that waits, on its library stack.
struct Sleeper {
  base::ListLink link;
  Task* task = nullptr;
  std::uint64_t address = 0;
  std::uint32_t flags = 0;   // fault_*
};
using Sleepers = base::List<Sleeper, &Sleeper::link>;

enum class By { program, library };

// Waits for the page, which Memory::fault has answered with `code` for. False: there will be no answer (SIGBUS, EFAULT).
[[nodiscard]] bool await_page(Memory& memory, std::uint64_t address, std::uint32_t code, By by);
// The page that a copy of the current task has failed at. False: it will not come.
[[nodiscard]] bool fetch_awaited();

}  // namespace userfault

class UserfaultFile final : public File {
 public:
  enum class Faults { all, of_user_mode };
  UserfaultFile(Memory& memory, Faults faults);
  ~UserfaultFile() override;                 // wakes all that wait; its areas are ordinary again
  CallResult read(Buffer& buffer) override;
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override;
  std::uint32_t poll(Waiter* waiter) override;

  [[nodiscard]] bool await(std::uint64_t address, std::uint32_t flags, userfault::By by);
  void wake(const userfault::Range& range);
  [[nodiscard]] Memory* memory() const { return memory_.memory; }   // null: it is gone

 private:
  [[nodiscard]] CallResult agree(std::uint64_t argument);        // UFFDIO_API
  [[nodiscard]] CallResult enter(std::uint64_t argument);        // UFFDIO_REGISTER
  [[nodiscard]] CallResult withdraw(std::uint64_t argument);
  [[nodiscard]] CallResult copy(std::uint64_t argument);
  [[nodiscard]] CallResult zero(std::uint64_t argument);
  [[nodiscard]] CallResult protect(std::uint64_t argument);
  [[nodiscard]] CallResult go_on(std::uint64_t argument);        // UFFDIO_CONTINUE

  MemoryReference memory_;
  Faults faults_;
  bool agreed_ = false;
  std::uint64_t features_ = 0;
  userfault::Sleepers untold_, told_;        // whose message is to be read, and has been
  WaitQueue news_;
};

[[nodiscard]] CallResult open_userfault(std::uint32_t flags);   // a new descriptor; `flags` as userfaultfd takes them
[[nodiscard]] Result<FileRef> make_userfault_file(std::uint32_t flags, UserfaultFile::Faults faults);

namespace userfault {

// How far it came, in bytes, and what stopped it.
struct Progress { std::uint64_t done = 0; Status stopped; };
enum class Guard { no, yes };

// Pages of a registered area of `memory`, which may be another process's: from the current program's memory at `source`; of
// zeroes; those that the file has. Each errors as Linux does: ENOENT, EEXIST, EFAULT, EINVAL, ENOMEM, ESRCH.
[[nodiscard]] Progress copy_pages(const UserfaultFile& file, const Range& range, std::uint64_t source, Guard guard);
[[nodiscard]] Progress zero_pages(const UserfaultFile& file, const Range& range);
[[nodiscard]] Progress show_pages(const UserfaultFile& file, const Range& range);
[[nodiscard]] Status guard_pages(Memory& memory, const Range& range, Guard guard);

[[nodiscard]] Status enter_areas(Memory& memory, const Range& range, UserfaultFile& file, std::uint64_t modes);
[[nodiscard]] Status withdraw_areas(Memory& memory, const Range& range);

}  // namespace userfault

// Moves `size` bytes at `address` of the program by step(buffer, bytes done before); where it stops at a page that a reader
// is to give, it goes on when that is there, as long as the file has more.
template <typename Step>
[[gnu::noinline]] CallResult go_on_awaited(File& file, std::uint64_t address, std::uint64_t size, CallResult result, std::uint32_t more, Step step) {
  std::uint64_t done = 0;
  for (;;) {
    done += result.value_or(0);
    const CallResult so_far = done > 0 ? CallResult{done} : result;
    if (current().awaited == 0) return so_far;
    if (!userfault::fetch_awaited() || done >= size) return so_far;
    if (done > 0 && file.kind != FileKind::regular && (file.poll(nullptr) & more) == 0) return so_far;
    Buffer buffer = Buffer::user(address + done, static_cast<std::size_t>(size - done));
    result = step(buffer, done);
  }
}
template <typename Step>
[[nodiscard]] CallResult transfer_awaited(File& file, std::uint64_t address, std::uint64_t size, std::uint32_t more, Step step) {
  Buffer buffer = Buffer::user(address, static_cast<std::size_t>(size));
  const CallResult result = step(buffer, 0);
  return current().awaited == 0 ? result : go_on_awaited(file, address, size, result, more, step);
}

}  // namespace exos
