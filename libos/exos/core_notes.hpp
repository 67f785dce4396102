// SPDX-License-Identifier: MIT
// The notes of a core file: registers of each thread, and what the process was. [core(5), elf(5)]
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

class CoreNotes {
 public:
  // The current task's registers, vector state included; the first one added is the one that gdb shows first.
  void add_thread(Task& task, std::int32_t signal);
  void add_process(const Process& process, const SignalInfo& info);
  [[nodiscard]] Result<std::span<std::byte>> take();   // all of them; fails when there was no memory for one

 private:
  // An empty note of `size` bytes, to be filled in; null when there is no memory.
  std::byte* add(std::string_view owner, std::uint32_t type, std::size_t size);
  void add_files(const Memory& memory);
  Vector<std::byte> bytes_;
  bool failed_ = false;
};

}  // namespace exos
