// SPDX-License-Identifier: MIT
// The suite apps: whole programs, unmodified, on the memory file system against tmpfs. bench/apps/NAME.toml says what each does: `title`,
// `why`, `source`, `aim`, `copies` (programs and files that it needs; after "@" a command that prints one), and shell scripts: `prepare` and `check` (must
// succeed in the last folder). What is measured is one of: `run`, a script; `steps`, commands one after the other (`name`, `title`, `run`), each of which
// becomes a row beside that of their sum; `jobs` (`name`, `run`) with `pools` ("N/C": N of them, C at a time) and `parts` (`name`, `title`), the rows that
// the driver tells besides. The drivers are bench/drivers/{script,steps,pool}.c.
#pragma once

#include <map>
#include <optional>

#include "exo/bench_guest.hpp"

namespace exo {

struct BenchApp {
  BenchRow row;                              // its program is the driver
  std::vector<BenchRow> parts;               // the driver tells of these too; their names begin with the row's and a dot
  std::vector<std::string> copies;
  std::string driver;                        // "script", "steps" or "pool"
  std::map<std::string, std::string> files;  // of /app, by name
};

// Which of the driver's marked intervals count, and for how many operations they stand.
struct AppMarks {
  int skip = 0, take = 0;
  double operations = 0;
};
[[nodiscard]] AppMarks marks_of(const BenchApp& app);

[[nodiscard]] Result<BenchApp> read_app(const std::string& name, const std::string& text);
[[nodiscard]] Result<std::vector<BenchApp>> load_apps(const Locations& at, const std::string& folder);

// On ExOS (no tuning) or on Linux, the same tree of files on both. Samples of the row and of its parts; when it fails, of the row alone.
[[nodiscard]] Result<Samples> run_app(const Locations& at, const BenchApp& app, const BenchPlan& plan, std::optional<LinuxTuning> tuning);
[[nodiscard]] Result<ProfiledRow> profile_app_on_exos(const Locations& at, const BenchApp& app);

}  // namespace exo
