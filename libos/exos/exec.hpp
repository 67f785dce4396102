// SPDX-License-Identifier: MIT
// Loading a program: the new address space is complete before the old one is left, so a failure leaves all as it was.
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

struct ExecRequest {
  std::uint64_t dirfd = static_cast<std::uint64_t>(-100);  // AT_FDCWD
  String path;
  Vector<String> arguments, environment;
};

// Replaces the current process's program; on success the current task's frame is that of the new program's start.
[[nodiscard]] Status execute(ExecRequest request);
// What the first task does: the run description's program, or an exit status of 126 or 127 with a line to the person.
void execute_first();
void report_start();   // start.cpp: the figures of the start; the program's first instruction is next

// exec_stack.cpp: writes strings, vectors and the auxiliary vector below `top` in the current space; the stack pointer.
struct LoadedProgram {
  std::uint64_t entry = 0;           // where to start: the interpreter's, if there is one
  std::uint64_t program_entry = 0, program_headers = 0, program_header_count = 0, interpreter_base = 0;
  std::uint64_t vdso = 0;
};
[[nodiscard]] CallResult build_stack(Memory& memory, const ExecRequest& request, std::string_view executable,
                                     const LoadedProgram& program);

}  // namespace exos
