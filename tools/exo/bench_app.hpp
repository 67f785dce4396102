// SPDX-License-Identifier: MIT
// The suite apps: whole programs, unmodified, on the memory file system against tmpfs. bench/apps/NAME.toml says what each does: `title`,
// `why`, `source`, `aim`, `copies` (programs and files that it needs; after "@" a command that prints one), and shell scripts: `prepare`, `run`
// (measured) and `check` (must succeed in the last folder).
#pragma once

#include <optional>

#include "exo/bench_guest.hpp"

namespace exo {

struct BenchApp {
  BenchRow row;                     // its program is the driver bench/rows/app.c
  std::vector<std::string> copies;
  std::string prepare, run, check;
};

[[nodiscard]] Result<BenchApp> read_app(const std::string& name, const std::string& text);
[[nodiscard]] Result<std::vector<BenchApp>> load_apps(const Locations& at, const std::string& folder);

// On ExOS (no tuning) or on Linux, the same tree of files on both.
[[nodiscard]] Result<Sample> run_app(const Locations& at, const BenchApp& app, const BenchPlan& plan, std::optional<LinuxTuning> tuning);

}  // namespace exo
