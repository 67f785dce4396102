// SPDX-License-Identifier: MIT
// The run description (docs/archive.md) as the library reads it: what to run, as whom, on which terminal.
#pragma once

#include "libos/exos/vector.hpp"

namespace exos {

struct RunDescription {
  struct Volume {
    std::uint32_t index = 0;
    String path;                 // directory in the guest
    bool writable = false;
  };
  struct Gap {
    String member;               // of the archive: aegis/gaps/N
    String path;                 // the file in the guest that it describes
  };

  String program;
  Vector<String> arguments, environment;
  String cwd, hostname;
  std::uint32_t uid = 0, gid = 0, umask = 022;
  bool terminal[3]{};            // descriptors 0, 1, 2
  std::uint16_t rows = 0, columns = 0;
  String strace;                 // which calls to show; empty: none
  bool syscall_summary = false;
  bool keep_text = false;          // no site is rewritten (patch.hpp)
  bool guard = false;            // the state is closed to writes of programs (guard.hpp)
  bool core = false;             // core files go to the host
  std::uint64_t wall_ns = 0;     // 0: not given
  Vector<Volume> volumes;
  Vector<Gap> gaps;
};

// Fills `out`; EINVAL where a line is not `key=value` or a value is malformed. Unknown keys are ignored.
[[nodiscard]] Status parse_run_description(std::string_view text, RunDescription& out);

// That of this container, parsed by files_start().
[[nodiscard]] RunDescription& run_description();

}  // namespace exos
