// SPDX-License-Identifier: MIT
// userfaultfd.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/userfault.hpp"
#include "libos/exos/userfault_abi.hpp"

namespace exos {

// As with Linux' vm.unprivileged_userfaultfd = 0: faults of the library are root's to answer.
CallResult linux_userfaultfd(const Arguments& arguments) {
  const std::uint32_t flags = low(arguments.a);
  const bool of_user_mode = (flags & userfault::user_mode_only) != 0;
  if (!of_user_mode && current_process().euid != 0) return Fail{Errno::perm};
  return open_userfault(flags);
}

CallResult open_userfault(std::uint32_t flags) {
  if ((flags & ~(userfault::user_mode_only | o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  const auto faults = (flags & userfault::user_mode_only) != 0 ? UserfaultFile::Faults::of_user_mode : UserfaultFile::Faults::all;
  return install(TRY(make_userfault_file(flags & o_nonblock, faults)), flags);
}

}  // namespace exos
