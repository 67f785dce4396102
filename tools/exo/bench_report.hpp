// SPDX-License-Identifier: MIT
// All that one run of `exo bench` has found out, and the forms it is given in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exo/bench.hpp"
#include "exo/bench_exos.hpp"
#include "exo/bench_kernel.hpp"
#include "exo/bench_papers.hpp"
#include "exo/bench_peers.hpp"
#include "exo/bench_profile.hpp"

namespace exo {

struct KernelResult {
  std::string key, title, comparison;
  double aim = 0;                      // instructions; 0: none
  Measured counted;
  std::optional<double> nanoseconds;
  std::map<double, double> curve;      // instructions over N; empty: none
  // As it is shown: the measuring loop leaves a thousandth.
  [[nodiscard]] bool is_met() const { return counted.instructions < aim + 0.05; }
};

struct BenchReport {
  std::vector<std::pair<std::string, std::string>> machine;  // what it ran on: name, value
  std::vector<KernelResult> kernel;
  std::vector<RowResult> exos;
  std::vector<PaperTable> papers;
  std::map<std::string, ChainCounts> profiles;  // by "exos/ROW" and "kernel/ROW"
  std::map<std::string, Plot> plots;            // that rows of the suite kernel asked for
  std::optional<BootCost> boot;
  std::vector<Figure> sizes;                    // lines of code
  std::vector<TestedAim> tested;                // aims that tests assert
  std::vector<Peer> peers;                      // what others published
  Accelerator timed_with = Accelerator::tcg;    // what all nanoseconds are from
  [[nodiscard]] const KernelResult* find_kernel(const std::string& key) const;
  [[nodiscard]] const RowResult* find_exos(const std::string& name) const;
};

[[nodiscard]] std::vector<std::pair<std::string, std::string>> describe_machine(const Locations& at);

[[nodiscard]] std::string time_words(const BenchReport& report);  // "emulated time" or "time under KVM"
[[nodiscard]] std::string kernel_table_of(const BenchReport& report);
[[nodiscard]] std::string papers_table_of(const BenchReport& report);
[[nodiscard]] std::string json_of(const BenchReport& report);
[[nodiscard]] std::string html_of(const BenchReport& report);      // one page that needs nothing else
[[nodiscard]] std::string markdown_of(const BenchReport& report);  // docs/performance.md
// What has changed since the run of that JSON text by more than half a hundredth, a line each.
[[nodiscard]] Result<std::string> changes_since(const std::string& old_json, const BenchReport& report);

}  // namespace exo
