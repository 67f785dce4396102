// SPDX-License-Identifier: MIT
// The options of `exo run` and its relatives, as given on the command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exo/machine.hpp"
#include "exo/volume.hpp"

namespace exo {

// Memory that init asks back while the program runs.
struct Reclaim {
  std::uint64_t bytes = 0;                // 0: `percent` of the container's memory
  unsigned percent = 0;
  std::uint64_t at_ns = 0, grace_ns = 0;
  // SIZE@TIME[:GRACE] or N%@TIME[:GRACE].
  [[nodiscard]] static std::optional<Reclaim> parse(std::string_view text);
  [[nodiscard]] std::string for_init() const;   // as docs/archive.md has it
};

struct RunOptions {
  std::vector<std::string> environment;   // K=V
  std::vector<Volume> volumes;
  std::vector<std::string> copies;
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> swap;
  std::vector<Reclaim> reclaims;
  std::string folder = "/";
  std::string debugged, debugger_commands;   // of `exo gdb`: a process by name or pid; a file that gdb reads
  std::string core_folder;                // where core files go; empty: nowhere
  std::string strace;                     // which calls to show, as the guest reads it; empty: none
  std::optional<bool> guard;              // stray writes are kept out of the shared state; nothing: with KVM
  bool syscall_summary = false, keep_text = false, gdb = false, icount = false, verbose = false;
  MachineKind machine = MachineKind::q35;
  enum class Acceleration { automatic, tcg, kvm } acceleration = Acceleration::automatic;
  unsigned cpus = 1;
  std::string qemu;
  std::vector<std::string> command;       // program and arguments
};

// Parses what follows the subcommand `name`. Nothing when help was asked for, which has then been printed.
[[nodiscard]] Result<std::optional<RunOptions>> parse_run_options(const std::string& name,
                                                                  const std::vector<std::string>& words);

}  // namespace exo
