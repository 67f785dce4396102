// SPDX-License-Identifier: MIT
// The byte link between guest and `exo`: frames with an eight-byte header, then `size` bytes. Little-endian.
#pragma once

#include "base/std.hpp"

namespace abi::link {

enum class Channel : std::uint8_t {
  control = 0,   // see Control
  out = 1,       // standard output
  err = 2,       // standard error
  in = 3,        // host to guest: standard input, never more than was asked for; an empty frame is end of file
  log = 4,       // the library's own lines for the person: strace, missing calls, crash reports (text)
  files = 5,     // guest to host: the cpio archive of a `-v ...:rw` directory at the program's end
  crash = 6,     // guest to host: a CrashRecord and its blobs, to be turned into a backtrace
  terminal = 7,  // guest to host: for the terminal that is standard input, when neither output nor error is one
  core = 8,      // guest to host: core files, one after the other, see Core
};

struct Header {
  Channel channel;
  std::uint8_t kind;        // control: a Control; files: the index of the volume; core: a Core; otherwise 0
  std::uint16_t reserved;
  std::uint32_t size;       // of the payload that follows; at most max_payload
};
static_assert(sizeof(Header) == 8);
inline constexpr std::uint32_t max_payload = 64 * 1024;

enum class Control : std::uint8_t {
  // guest to host
  started = 1,        // the program's first instruction is next: BootFigures
  want_input = 2,     // u32: the guest can take so many bytes of standard input (one request outstanding at most)
  exited = 3,         // u32: exit status as `exo` shall return it; the guest stops after this
  set_terminal = 4,   // Terminal: the program changed the terminal's mode; the host follows in what it does to output
  processes = 5,      // ProcessReport and its ProcessEntries: a part of the answer to want_processes
  // host to guest
  window_size = 16,   // u16 rows, u16 columns
  // 17 was a signal from the terminal: the guest makes them from what is typed
  want_processes = 18,  // who runs, and what they use: for `exo ps` and `exo top` (one request outstanding at most)
};

enum class Core : std::uint8_t {
  begin = 1,   // the name that the file would have
  data = 2,
  skip = 3,    // u64: so many zeros
  end = 4,     // it is whole; without this it is not to be kept
};

// Figures of the start, for `exo bench boot` and the line that `exo run` prints.
struct BootFigures {
  std::uint64_t boot_instructions;  // TSC at the program's first instruction minus at the kernel's
  std::uint64_t boot_ns;
  std::uint64_t kernel_frames, library_frames, program_frames, free_frames;
};

// What the library keeps of its container and each process in it.
struct ProcessReport {
  std::uint64_t time_ns;                    // the guest's time, since its start
  std::uint64_t used_pages, limit_pages;    // of the container's account
  std::uint64_t busy_ns;                    // of all processors, in tasks
  std::uint32_t processors;
  std::uint32_t count;                      // of the entries that follow in this frame
  std::uint32_t last;                       // 1: no frame follows
  std::uint32_t reserved;
};
struct ProcessEntry {
  std::uint32_t pid, parent, threads;
  char state;                               // as in /proc: R, S, T, Z
  char reserved[3];
  std::uint64_t user_ns, system_ns;
  std::uint64_t resident_pages, total_pages;
  std::uint64_t calls;                      // Linux calls, without the quick ones
  char name[16];                            // NUL-terminated
};
static_assert(sizeof(ProcessReport) == 48 && sizeof(ProcessEntry) == 72);
inline constexpr std::size_t processes_per_frame = 64;

struct Terminal {
  std::uint32_t iflag, oflag, cflag, lflag;
  std::uint8_t cc[20];
};
static_assert(sizeof(Terminal) == 36);

}  // namespace abi::link
