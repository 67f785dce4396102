// SPDX-License-Identifier: MIT
// The declarative tests: what a TOML file below tests/ says. Format: tests/README.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

// tests/e2e: a command in the guest, against the same command on the host, or against what the file says.
struct EndToEndTest {
  std::string name;                        // file/name
  std::vector<std::string> run;            // options of `exo run` and the program
  std::vector<std::string> host_run;       // the same on the host; made from `run` when not given
  bool has_host = false;                   // the host's result is what is expected
  bool compare_stderr = false;
  std::string script;                      // instead of `run`: a shell script with $EXO, right when it returns 0
  std::string setup;                       // a shell script that makes inputs in the scratch folder
  std::string folder;                      // where in the scratch folder the host's command runs
  std::string input;                       // standard input
  std::optional<std::string> out;          // expected standard output, beside the host's if there is one
  std::optional<std::string> err_line;     // standard error must be one line that holds this
  std::optional<int> status;
  std::string tree;                        // this folder must be equal afterwards, guest's side and host's
  int timeout_s = 120;
  bool is_long = false;                    // only with --long
};

// tests/kernel, tests/hostile: a program that runs as the first env.
struct GuestTest {
  std::string name;
  std::filesystem::path program;
  std::vector<std::string> must, must_not; // parts of lines of the log
  unsigned cpus = 1;
  std::uint64_t memory = 64u << 20;
  int timeout_s = 300;                     // a bound for what hangs: a loaded host needs many times what a test does
  std::string kernel;                      // which build of it: "check" for aegis-check.elf; empty: aegis.elf
  int code = 0;                            // what the guest stops with; only with 0 it must have printed PASS
  std::string arguments;                   // at the end of the guest's command line
  std::string bochs;                       // in this model of Bochs' instead of QEMU; its PASS is all that counts
  std::optional<unsigned> icount_shift;    // time is the number of instructions, 2^shift ns each: runs repeat exactly
  bool is_long = false;                    // only with --long
};

// tests/linux: each program on the host and in the guest, with the same lines.
[[nodiscard]] std::vector<EndToEndTest> conformance_tests(const std::filesystem::path& sources, const std::filesystem::path& programs);
[[nodiscard]] Result<std::vector<EndToEndTest>> load_end_to_end_tests(const std::filesystem::path& folder);
[[nodiscard]] Result<std::vector<GuestTest>> load_guest_tests(const std::filesystem::path& sources,
                                                              const std::filesystem::path& programs);

}  // namespace exo
