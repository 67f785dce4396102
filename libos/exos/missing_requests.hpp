// SPDX-License-Identifier: MIT
// What Linux 6.1 carries out below the level of calls (requests, options, commands, flags) and ExOS has not. What Linux, too,
// refuses on that kind of file is not in here: programs probe with it.
#pragma once

#include "libos/exos/calls.hpp"
#include "libos/exos/file.hpp"

namespace exos {

// As tell_missing, if Linux would have carried it out. All give `Fail{answer}`, for the caller to return.
[[nodiscard]] CallResult missing_ioctl(const File& file, std::uint64_t request, Errno answer);
[[nodiscard]] CallResult missing_prctl(std::uint32_t option, Errno answer);
[[nodiscard]] CallResult missing_arch_prctl(std::uint32_t code, Errno answer);
[[nodiscard]] CallResult missing_fcntl(const File& file, std::uint32_t command, Errno answer);
[[nodiscard]] CallResult missing_advice(std::int32_t advice, Errno answer);
[[nodiscard]] CallResult missing_socket_option(std::uint32_t option, Errno answer);

}  // namespace exos
