// SPDX-License-Identifier: MIT
// Kinds of objects and the rights that a capability of each kind can carry.
#pragma once

#include "base/std.hpp"

namespace abi {

enum class Kind : std::uint8_t {
  none = 0,
  account = 1,   // a resource container: limits and use
  env = 2,       // a protection domain that runs
  space = 3,     // an address space
  table = 4,     // a capability table
  frames = 5,    // a range of physical frames: base = first frame, count = frames
  slices = 6,    // a range of time-slice positions: base = cpu * slices_per_cpu + position, count = positions
  console = 7,   // the byte link to the host or the terminal
  machine = 8,   // stop the machine, write the kernel's log
  entry = 9,     // a way to call an env: base = badge, count = rip
  program = 10,  // downloaded code
};

// Every right is one bit. `grant` and `destroy` mean the same in every kind.
inline constexpr std::uint16_t right_grant = 1u << 0;    // may be granted to another table (derivation within one's own is free)
inline constexpr std::uint16_t right_destroy = 1u << 1;  // may end the object

enum class AccountRight : std::uint16_t {
  grant = right_grant, destroy = right_destroy,
  allocate = 1u << 2,  // take and free frames, pay for objects
  frames = 1u << 3,    // use (map, pin, share) every frame that the account owns
  divide = 1u << 4,    // make child accounts, move limits to them
  reclaim = 1u << 5,   // ask resources back, and take them
};
enum class EnvRight : std::uint16_t {
  grant = right_grant, destroy = right_destroy,
  control = 1u << 2,   // configure, start, stop
  inspect = 1u << 3,   // read registers and state
  wake = 1u << 4,      // end its sleep
  donate = 1u << 5,    // yield to it, bind slices to it
};
enum class SpaceRight : std::uint16_t {
  grant = right_grant, destroy = right_destroy,
  change = 1u << 2,    // map, unmap, protect; link slots into it
  share = 1u << 3,     // be linked into another space; be the source of a clone
  run = 1u << 4,       // run an env in it
};
enum class TableRight : std::uint16_t {
  grant = right_grant, destroy = right_destroy,
  insert = 1u << 2,    // put capabilities into it, grow it
  run = 1u << 3,       // give it to an env
};
enum class FramesRight : std::uint16_t {
  grant = right_grant,
  read = 1u << 2, write = 1u << 3, execute = 1u << 4,  // map so
};
enum class SlicesRight : std::uint16_t {
  grant = right_grant,
  bind = 1u << 2,      // say which env owns the slice
};
enum class ConsoleRight : std::uint16_t {
  grant = right_grant,
  read = 1u << 2, write = 1u << 3,
};
enum class MachineRight : std::uint16_t {
  grant = right_grant,
  stop = 1u << 2,      // power off
  log = 1u << 3,       // write to the kernel's log
  trace = 1u << 4,     // choose trace events; check the tables (test kernels)
};
enum class EntryRight : std::uint16_t {
  grant = right_grant,
  call = 1u << 2,      // pct_call, pct_send
};

enum class ProgramRight : std::uint16_t {
  grant = right_grant, destroy = right_destroy,
  run = 1u << 2,       // run it, wait by it
  inspect = 1u << 3,   // read its counters and its verdict
};

inline constexpr std::uint16_t all_rights = 0xffff;  // in derive and grant: "as many as the source has"

}  // namespace abi
