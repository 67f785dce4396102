// SPDX-License-Identifier: MIT
// docs/performance.md: for each aim whether it is met, and where the instructions go.
#include <algorithm>

#include "exo/bench_report.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

std::string share_text(const Share& s) {
  std::string text;
  append_format(text, "program %s, library %s, kernel %s; %.2f `syscall`, %.2f `iret`, %.2f CR3, %.2f `invlpg`", grouped(s.ring3 - s.library).c_str(),
                grouped(s.library).c_str(), grouped(s.ring0).c_str(), s.calls, s.returns, s.space_writes, s.page_flushes);
  return text;
}

std::string functions_text(const ChainCounts& counts) {
  constexpr std::size_t most = 8;
  std::map<std::string, double> functions;
  for (const auto& [chain, count] : counts) functions[chain.back()] += count;
  std::vector<std::pair<std::string, double>> sorted{functions.begin(), functions.end()};
  std::ranges::stable_sort(sorted, std::greater{}, &std::pair<std::string, double>::second);
  std::string text;
  for (std::size_t i = 0; i < std::min(most, sorted.size()); ++i) text += (i == 0 ? "`" : ", `") + sorted[i].first + "` " + grouped(sorted[i].second);
  return text;
}

std::string count_of(const Sample& sample) {
  if (!sample.failure.empty()) return "failed";
  return sample.counts.empty() ? "-" : grouped(sample.least());
}

std::string machine_part(const BenchReport& report) {
  std::string text = "## Machine\n\n";
  for (const auto& [name, value] : report.machine) text += "- " + name + ": " + value + "\n";
  return text;
}

const char* verdict_at_most(double figure, double aim) { return aim == 0 ? "" : figure <= aim ? "met" : "**missed**"; }

std::string boot_part(const BenchReport& report) {
  if (!report.boot) return "";
  std::string text = "\n## Boot\n\nTo the first instruction of `busybox true`, 64 MiB, one processor.\n\n| figure | | aim: under | |\n|---|---:|---:|---|\n";
  for (const BootFigure& one : figures_of(*report.boot))
    append_format(text, "| %s | %s | %s | %s |\n", one.title, grouped(one.figure).c_str(), one.aim == 0 ? "" : grouped(one.aim).c_str(), verdict_at_most(one.figure, one.aim));
  return text;
}

std::string kernel_part(const BenchReport& report) {
  if (report.kernel.empty()) return "";
  std::string text = "\n## Kernel\n\nGuest instructions of one operation, one way unless it says otherwise.\n\n"
                     "| operation | total | aim | | kernel | library | to compare |\n|---|---:|---:|---|---:|---:|---|\n";
  for (const KernelResult& r : report.kernel) {
    append_format(text, "| %s | %s | %s | %s | %s | %s | %s |\n", r.title.c_str(), grouped(r.counted.instructions).c_str(), r.aim == 0 ? "" : grouped(r.aim).c_str(),
                  verdict_at_most(r.counted.instructions, r.aim), grouped(r.counted.ring0).c_str(), grouped(r.counted.ring3).c_str(), r.comparison.c_str());
    for (const auto& [n, count] : r.curve) append_format(text, "| &emsp;N = %s | %s | | | | | |\n", grouped(n).c_str(), grouped(count).c_str());
  }
  return text;
}

std::string exos_part(const BenchReport& report) {
  std::string text = "\n## Linux calls\n\nThe same static binaries on ExOS and on Linux in the same emulator; guest instructions of one operation, the least of 15 batches. *Times* is the "
                     "fairest Linux (mitigations, auditing and hardening off, no fast string instructions) over ExOS.\n\n"
                     "| operation | ExOS | Linux | fairest | times | aim | |\n|---|---:|---:|---:|---:|---:|---|\n";
  for (const RowResult& r : report.exos) {
    const std::string verdict = r.verdict();
    append_format(text, "| %s | %s | %s | %s | %s | %s | %s |\n", r.row.title.c_str(), count_of(r.exos).c_str(), count_of(r.stock).c_str(), count_of(r.fairest).c_str(),
                  times_text(r.ratio()).c_str(), r.row.aim == 0 ? "" : grouped(r.row.aim).c_str(), verdict == "missed" ? "**missed**" : verdict.c_str());
    for (const CurvePoint& p : r.points())
      append_format(text, "| &emsp;N = %s | %s | %s | %s | %s | | |\n", grouped(p.n).c_str(), grouped(p.exos).c_str(), grouped(p.stock).c_str(), grouped(p.fairest).c_str(), times_text(p.ratio()).c_str());
  }
  text += "\nWhere they go, for aims that are missed; by function, `./exo bench --profile ROW` says more:\n\n";
  for (const RowResult& r : report.exos) {
    if (std::string{r.verdict()} != "missed" || !r.exos.share) continue;
    text += "- " + r.row.title + "\n  - ExOS: " + share_text(*r.exos.share) + "\n";
    if (r.fairest.share) text += "  - Linux: " + share_text(*r.fairest.share) + "\n";
    if (const auto profile = report.profiles.find(r.row.name); profile != report.profiles.end()) text += "  - of ExOS's: " + functions_text(profile->second) + "\n";
  }
  return text;
}

}  // namespace

std::string markdown_of(const BenchReport& report) {
  return "# What it costs\n\nMade by `./exo bench --no-times --markdown docs/performance.md`. Instructions are counted by `-icount shift=0` and repeat; they leave out what "
         "cache and translation misses cost. Rows that are lost are here like the others.\n\n" +
         machine_part(report) + boot_part(report) + kernel_part(report) + exos_part(report);
}

}  // namespace exo
