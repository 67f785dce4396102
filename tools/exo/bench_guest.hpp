// SPDX-License-Identifier: MIT
// Runs rows in guests: each in an ExOS guest of its own, all in one guest of Debian's kernel, in the same QEMU.
#pragma once

#include <string>
#include <vector>

#include "exo/bench_row.hpp"
#include "exo/bench_sample.hpp"
#include "exo/machine.hpp"

namespace exo {

// How the guests of one round are run.
struct BenchPlan {
  bool icount = true;   // count instructions, with the plugin if this QEMU takes it; else take the host's time
  int limit_s = 120;    // for a row on ExOS; on Linux of the guest's time
  Accelerator timed_with = Accelerator::tcg;  // instructions are always counted under emulation
};

// Linux as its distributor ships it, and with everything off that ExOS has no counterpart of.
enum class LinuxTuning { stock, fairest };

// A row that crashes, hangs or errs is a sample that says so.
[[nodiscard]] Result<Sample> run_row_on_exos(const Locations& at, const BenchRow& row, const BenchPlan& plan);
// The same with how often each instruction was executed in the batches that count: the file of bench/profile.cpp; empty when
// this QEMU does not take the plugin.
struct ProfiledRow {
  Sample sample;
  std::string counts;
};
[[nodiscard]] Result<ProfiledRow> profile_row_on_exos(const Locations& at, const BenchRow& row);
[[nodiscard]] Result<Samples> run_rows_on_linux(const Locations& at, const std::vector<BenchRow>& rows,
                                                const BenchPlan& plan, LinuxTuning tuning);

// The machine as the plan has it, with `plugin` (empty: none) for counting. Linux is asked to do without some of the processor's features.
void apply_plan(MachinePlan& machine, const BenchPlan& plan, const std::string& plugin);
[[nodiscard]] std::string features_without(LinuxTuning tuning, const BenchPlan& plan);

// The path of Debian's kernel for virtual machines, fetched with apt-get on first use into the build folder.
[[nodiscard]] Result<std::string> find_linux_kernel(const Locations& at);
// "linux-image-6.1.0-56-cloud-amd64" of what `apt-cache depends linux-image-cloud-amd64` says; empty: nothing.
[[nodiscard]] std::string kernel_package_in(const std::string& words);
// The kernel's command line for rows of these names.
[[nodiscard]] std::string linux_command_line(const std::vector<BenchRow>& rows, LinuxTuning tuning, int limit_s);

}  // namespace exo
