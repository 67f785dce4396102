// SPDX-License-Identifier: MIT
// Linux error numbers, and the result type of everything in ExOS that can fail as a Linux call fails. [linux asm-generic/errno]
#pragma once

#include "base/result.hpp"
#include "base/std.hpp"

namespace exos {

enum class Errno : std::int32_t {
  perm = 1, noent = 2, srch = 3, intr = 4, io = 5, nxio = 6, too_big = 7, noexec = 8, badf = 9, child = 10, again = 11,
  nomem = 12, acces = 13, fault = 14, notblk = 15, busy = 16, exist = 17, xdev = 18, nodev = 19, notdir = 20, isdir = 21,
  inval = 22, nfile = 23, mfile = 24, notty = 25, txtbsy = 26, fbig = 27, nospc = 28, spipe = 29, rofs = 30, mlink = 31,
  pipe = 32, dom = 33, range = 34, deadlk = 35, nametoolong = 36, nolck = 37, nosys = 38, notempty = 39, loop = 40, nomsg = 42, idrm = 43,
  nodata = 61, time = 62, overflow = 75, badfd = 77, notsock = 88, destaddrreq = 89, msgsize = 90, prototype = 91, noprotoopt = 92,
  protonosupport = 93, socktnosupport = 94, opnotsupp = 95, afnosupport = 97, addrinuse = 98, addrnotavail = 99,
  connreset = 104, nobufs = 105, isconn = 106, notconn = 107, timedout = 110, connrefused = 111, already = 114,
  inprogress = 115, canceled = 125, ownerdead = 130,
  // Never seen by a program: the call is to be restarted by the signal code (SA_RESTART rules), as Linux has it inside.
  restart_sys = 512,         // restart if the handler has SA_RESTART, else EINTR
  restart_always = 513,      // whatever handler ran (locks of the PI kind)
  restart_no_handler = 514,  // restart only if no handler ran (nanosleep, poll, ...: they keep their own remaining time)
};

template <typename T>
using Result = base::Expected<T, Errno>;
using Status = base::Expected<void, Errno>;
using Fail = base::Unexpected<Errno>;
using CallResult = Result<std::uint64_t>;  // what a Linux call returns in rax

}  // namespace exos
