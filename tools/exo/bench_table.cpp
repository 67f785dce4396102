// SPDX-License-Identifier: MIT
// The tables of `exo bench` as text.
#include <cmath>
#include <sstream>

#include "exo/bench_report.hpp"
#include "exo/bench_statistics.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

std::string count_of(const Sample& sample) {
  if (!sample.failure.empty()) return "FAILED";
  return sample.counts.empty() ? "-" : grouped(sample.least());
}

void add_row(std::string& text, const RowResult& r) {
  append_format(text, "%-52.52s %10s %10s %10s %7s %5s %-6s", r.row.title.c_str(), count_of(r.exos).c_str(), count_of(r.stock).c_str(),
      count_of(r.fairest).c_str(), times_text(r.ratio()).c_str(), r.row.aim == 0 ? "" : grouped(r.row.aim).c_str(), r.verdict());
  if (const auto time = estimate_ratio(r.fairest_ns, r.exos_ns)) append_format(text, "  %.2f (%.2f to %.2f) of %s ns", time->middle, time->low, time->high, grouped(std::round(median(r.exos_ns))).c_str());
  text += "\n";
}

// Of a curve the row itself is the first point.
void add_points(std::string& text, const RowResult& r, const char* indent) {
  for (const CurvePoint& p : r.points())
    append_format(text, "%-52s %10s %10s %10s %7s\n", (indent + ("N = " + grouped(p.n))).c_str(), grouped(p.exos).c_str(), grouped(p.stock).c_str(), grouped(p.fairest).c_str(),
                  times_text(p.ratio()).c_str());
}

// Where the instructions go, and the few that cost more than their number.
void add_share(std::string& text, const char* system, const RowResult& r, const Sample& sample) {
  if (!sample.share) return;
  const Share& s = *sample.share;
  append_format(text, "%-42.42s %-9s %10s %10s %10s %8.2f %8.2f %8.2f %8.2f\n", r.row.name.c_str(), system, grouped(s.ring3 - s.library).c_str(),
      grouped(s.library).c_str(), grouped(s.ring0).c_str(), s.calls, s.returns, s.space_writes, s.page_flushes);
}

void add_failure(std::string& text, const RowResult& r, const char* system, const Sample& sample) {
  if (sample.failure.empty()) return;
  append_format(text, "\n%s failed on %s: %s; its log:\n", r.row.name.c_str(), system, sample.failure.c_str());
  std::istringstream lines{sample.log};
  for (std::string line; std::getline(lines, line);) text += "    " + line + "\n";
}

void add_paper_row(std::string& text, const RowResult& r) {
  append_format(text, "  %-60.60s %10s %10s %10s %7s\n", r.row.title.c_str(), count_of(r.exos).c_str(), count_of(r.stock).c_str(), count_of(r.fairest).c_str(),
                times_text(r.ratio()).c_str());
  std::string points;
  add_points(points, r, "");
  std::istringstream lines{points};
  for (std::string line; std::getline(lines, line);) text += "          " + line + "\n";
}

}  // namespace

std::string exos_table_of(const std::vector<RowResult>& results) {
  std::string text = "guest instructions of one operation, -icount shift=0, one processor, 512 MiB, warm, the least of the batches\n";
  append_format(text, "%-52s %10s %10s %10s %7s %5s %-6s  %s\n", "operation", "ExOS", "Linux", "fairest", "times", "aim", "", "time, times (95 %)");
  for (const RowResult& r : results) {
    add_row(text, r);
    add_points(text, r, "  ");
  }
  append_format(text, "\n%-42s %-9s %10s %10s %10s %8s %8s %8s %8s\n", "of these in", "", "program", "library", "kernel", "syscall", "iret", "CR3", "invlpg");
  for (const RowResult& r : results) {
    add_share(text, "ExOS", r, r.exos);
    add_share(text, "Linux", r, r.fairest);
  }
  for (const RowResult& r : results) {
    add_failure(text, r, "ExOS", r.exos);
    add_failure(text, r, "Linux", r.stock);
    add_failure(text, r, "fairest Linux", r.fairest);
  }
  return text;
}

std::string time_words(const BenchReport& report) { return report.timed_with == Accelerator::kvm ? "time under KVM" : "emulated time"; }

std::string kernel_table_of(const BenchReport& report) {
  std::string text = "guest instructions under -icount shift=0, one processor, warm; " + time_words(report) + " in a run without it\n";
  append_format(text, "%-50s %9s %9s %8s %8s %9s  %s\n", "operation", "aim", "total", "ring 0", "ring 3", "time, ns", "to compare");
  for (const KernelResult& r : report.kernel) {
    append_format(text, "%-50s %9s %9s %8s %8s %9s  %s\n", r.title.c_str(), r.aim == 0 ? "" : grouped(r.aim).c_str(),
                  grouped(r.counted.instructions).c_str(), grouped(r.counted.ring0).c_str(), grouped(r.counted.ring3).c_str(),
                  r.nanoseconds ? grouped(std::round(*r.nanoseconds)).c_str() : "", r.comparison.c_str());
    for (const auto& [n, count] : r.curve) append_format(text, "%-50s %9s %9s\n", ("  N = " + grouped(n)).c_str(), "", grouped(count).c_str());
  }
  return text;
}

std::string papers_table_of(const BenchReport& report) {
  std::string text;
  for (const PaperTable& table : report.papers) {
    append_format(text, "\n%s  %s (%s)\n", table.name.c_str(), table.title.c_str(), table.of.c_str());
    for (const PaperRow& row : table.rows) {
      if (!row.missing.empty()) append_format(text, "  %-60.60s missing: %s\n", row.title.c_str(), row.missing.c_str());
      else if (const KernelResult* kernel = report.find_kernel(row.kernel))
        append_format(text, "  %-60.60s %10s  %s\n", ("kernel: " + kernel->title).c_str(), grouped(kernel->counted.instructions).c_str(), kernel->comparison.c_str());
      else if (const RowResult* exos = report.find_exos(row.exos)) add_paper_row(text, *exos);
      else append_format(text, "  %-60.60s not measured\n", (row.kernel + row.exos).c_str());
    }
    for (const Quoted& one : table.quoted)
      append_format(text, "  quoted, %s [%s]: %s: %s\n", one.origin().c_str(), one.tag.c_str(), one.what.c_str(), one.figure.c_str());
  }
  return text;
}

}  // namespace exo
