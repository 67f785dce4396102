// SPDX-License-Identifier: MIT
// The machine a guest runs on: QEMU's command line, and a started QEMU with its link and log.
#pragma once

#include <string>
#include <vector>

#include "exo/child.hpp"

namespace exo {

enum class MachineKind { q35, microvm };
enum class Accelerator { tcg, kvm };
enum class Firmware { qboot, seabios, ovmf };
enum class Console { link, none };   // whether the guest has a console device at all

struct MachinePlan {
  std::string qemu;                  // path of the program
  MachineKind kind = MachineKind::q35;
  Accelerator accelerator = Accelerator::tcg;
  Firmware firmware = Firmware::qboot;
  Console console = Console::link;
  std::uint64_t memory = 0;          // bytes
  unsigned cpus = 1;
  std::string without;               // features that the processor shall lack, as ",-erms"
  bool icount = false;               // time is the number of instructions: 2^icount_shift ns for each
  unsigned icount_shift = 0;
  bool repeats = false;              // with icount: random numbers and the wall clock are the same each time too
  std::string plugin;                // of QEMU's translator, with its arguments; empty: none
  std::string kernel, command_line;
  int archive = -1;                  // descriptor of the archive
  std::string iso;                   // boots from this instead of kernel and archive
  std::string gdb_socket;            // stops before the first instruction and waits for gdb there
};

struct Machine {
  Child qemu;
  Descriptor link;        // bytes from and to the guest's console
  Descriptor guest_link;  // QEMU's end of it; see Session for why it is kept
  Descriptor log;         // the kernel's log (serial)
  Descriptor words;       // what QEMU itself says
};

// The path of QEMU: as asked for, or on PATH.
[[nodiscard]] Result<std::string> find_qemu(const std::string& asked);
// The part of QEMU's command line that says what the machine is and how it runs.
void add_board(std::vector<std::string>& words, const MachinePlan& plan);
[[nodiscard]] Result<Machine> start_machine(const MachinePlan& plan);
// isa-debug-exit: the code that the guest wrote, from QEMU's wait status; nothing when QEMU ended otherwise.
[[nodiscard]] std::optional<int> debug_exit_code(int wait_status);

}  // namespace exo
