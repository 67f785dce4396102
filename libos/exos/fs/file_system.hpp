// SPDX-License-Identifier: MIT
// What the inodes of one mounted tree share. There is no mount table: the root directory of another file system is an
// entry of the directory that it covers, and differs from it by its device number (then neither moves nor goes).
#pragma once

#include "libos/exos/file.hpp"

namespace exos {

class FileSystem {
 public:
  constexpr FileSystem(std::uint32_t device_number, std::uint64_t magic_number, std::string_view type_name)
      : device{device_number}, magic{magic_number}, type{type_name} {}
  [[nodiscard]] std::uint64_t next_number() { return ++last_number_; }

  std::uint32_t device;
  std::uint64_t magic;          // f_type of statfs
  std::string_view type;        // as in /proc/mounts
  std::uint64_t inodes = 0;     // live ones

 private:
  std::uint64_t last_number_ = 1;
};

// The file systems of a container.
extern FileSystem root_fs, device_fs, shared_memory_fs, process_fs, system_fs, anonymous_fs;

[[nodiscard]] Timespec wall_time();      // now, for time stamps

}  // namespace exos
