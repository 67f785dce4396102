// SPDX-License-Identifier: MIT
// The Linux calls of ExOS: LINUX_CALL(number, name, level, format, note). `level`: full, partial (the note says what is
// missing) or refuse (always the error that Linux gives where the feature is absent). `format` is how --strace prints the
// arguments, one letter each: d int, u unsigned, x hex, p pointer, s string, f descriptor, D dirfd, o open flags,
// m mode, b buffer in (size is the next argument), B buffer out (size is the return value), P prot, M mmap flags,
// S signal, w wait status out, F futex op, i ioctl request, t timespec in, T stat out, v argv; `-` hides one.
// Handlers are `CallResult linux_NAME(const Arguments&)` in calls/*.cpp; one without a row does not link.
#pragma once

// clang-format off
#include "libos/exos/calls_files.def.hpp"
#include "libos/exos/calls_process.def.hpp"
#define LINUX_CALLS(LINUX_CALL) LINUX_FILE_CALLS(LINUX_CALL) LINUX_PROCESS_CALLS(LINUX_CALL)
// clang-format on
