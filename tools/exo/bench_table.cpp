// SPDX-License-Identifier: MIT
// The table of `exo bench exos` as text.
#include <array>
#include <cstdarg>
#include <sstream>

#include "exo/bench_exos.hpp"
#include "exo/bench_statistics.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

[[gnu::format(printf, 2, 3)]] void add(std::string& text, const char* format, ...) {
  std::array<char, 512> line{};
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.data(), line.size(), format, arguments);
  va_end(arguments);
  text += line.data();
}

std::string count_of(const Sample& sample) {
  if (!sample.failure.empty()) return "FAILED";
  return sample.counts.empty() ? "-" : grouped(sample.least());
}

std::string times_of(const std::optional<double>& ratio) {
  std::array<char, 32> text{};
  if (ratio) std::snprintf(text.data(), text.size(), "%.2f", *ratio);
  return ratio ? text.data() : "-";
}

const char* verdict(const RowResult& r) {
  const auto ratio = r.ratio();
  if (r.row.aim == 0 || !ratio) return "";
  return *ratio >= r.row.aim ? "met" : "missed";
}

void add_row(std::string& text, const RowResult& r) {
  add(text, "%-52.52s %10s %10s %10s %7s %5s %-6s", r.row.title.c_str(), count_of(r.exos).c_str(), count_of(r.stock).c_str(),
      count_of(r.fairest).c_str(), times_of(r.ratio()).c_str(), r.row.aim == 0 ? "" : grouped(r.row.aim).c_str(), verdict(r));
  if (const auto time = estimate_ratio(r.fairest_ns, r.exos_ns)) add(text, "  %.2f (%.2f to %.2f)", time->middle, time->low, time->high);
  text += "\n";
}

// Where the instructions go, and the few that cost more than their number.
void add_share(std::string& text, const char* system, const RowResult& r, const Sample& sample) {
  if (!sample.share) return;
  const Share& s = *sample.share;
  add(text, "%-42.42s %-9s %10s %10s %10s %8.2f %8.2f %8.2f %8.2f\n", r.row.name.c_str(), system, grouped(s.ring3 - s.library).c_str(),
      grouped(s.library).c_str(), grouped(s.ring0).c_str(), s.calls, s.returns, s.space_writes, s.page_flushes);
}

void add_failure(std::string& text, const RowResult& r, const char* system, const Sample& sample) {
  if (sample.failure.empty()) return;
  add(text, "\n%s failed on %s: %s; its log:\n", r.row.name.c_str(), system, sample.failure.c_str());
  std::istringstream lines{sample.log};
  for (std::string line; std::getline(lines, line);) text += "    " + line + "\n";
}

}  // namespace

std::string table_of(const std::vector<RowResult>& results) {
  std::string text = "guest instructions of one operation, -icount shift=0, one processor, 512 MiB, warm, the least of 15 batches\n";
  add(text, "%-52s %10s %10s %10s %7s %5s %-6s  %s\n", "operation", "ExOS", "Linux", "fairest", "times", "aim", "", "emulated time, times (95 %)");
  for (const RowResult& r : results) add_row(text, r);
  add(text, "\n%-42s %-9s %10s %10s %10s %8s %8s %8s %8s\n", "of these in", "", "program", "library", "kernel", "syscall", "iret", "CR3", "invlpg");
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

}  // namespace exo
