// SPDX-License-Identifier: MIT
// Turns a crash record of the guest (docs/archive.md) into registers, a backtrace with names and lines, and the maps.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace exo {

struct CrashRecord {
  struct Mapping {
    std::uint64_t start = 0, end = 0, offset = 0;
    std::string permissions, path;
  };
  struct Stack {
    std::uint64_t address = 0;
    std::string bytes;
  };
  std::string program;
  std::uint64_t pid = 0, signal = 0, code = 0, address = 0;
  std::map<std::string, std::uint64_t, std::less<>> registers;
  std::vector<Mapping> maps;
  std::vector<Stack> stacks;

  // Takes one record from the front of `text`; nothing when it is damaged.
  [[nodiscard]] static std::optional<CrashRecord> take(std::string_view& text);
};

// Where a guest's file is on the host; empty when it has none.
using HostFile = std::function<std::string(const std::string& guest)>;

// The report for every record in `text`.
[[nodiscard]] std::string report_crashes(std::string_view text, const HostFile& host_file);

}  // namespace exo
