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
  std::string text;
  for (const FunctionShare& one : shares_of(counts, most)) append_format(text, "%s`%s` %s (%.1f %%)", text.empty() ? "" : ", ", one.function.c_str(), grouped(one.count).c_str(), one.part * 100);
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

const char* verdict_of(bool is_met) { return is_met ? "met" : "**missed**"; }

std::string figures_table(const std::vector<Figure>& figures) {
  std::string text = "| figure | | aim: under | |\n|---|---:|---:|---|\n";
  for (const Figure& one : figures)
    append_format(text, "| %s | %s | %s | %s |\n", one.title.c_str(), grouped(one.figure).c_str(), one.aim == 0 ? "" : grouped(one.aim).c_str(), one.aim == 0 ? "" : verdict_of(one.is_met()));
  return text;
}

std::string boot_part(const BenchReport& report) {
  std::string text;
  if (report.boot) text += "\n## Boot\n\nTo the first instruction of `busybox true`, 64 MiB, one processor.\n\n" + figures_table(figures_of(*report.boot));
  if (!report.sizes.empty()) text += "\n## Size\n\n" + figures_table(report.sizes);
  return text;
}

// All aims in one place: how many are met, which are missed, and what tests assert instead of a figure.
std::string aims_part(const BenchReport& report) {
  std::vector<std::string> missed;
  std::size_t met = 0;
  const auto judge = [&](bool is_met, const std::string& title, const std::string& words) { is_met ? void(++met) : missed.push_back("- " + title + ": " + words); };
  std::vector<Figure> figures = report.boot ? figures_of(*report.boot) : std::vector<Figure>{};
  figures.insert(figures.end(), report.sizes.begin(), report.sizes.end());
  for (const Figure& one : figures)
    if (one.aim != 0) judge(one.is_met(), one.title, grouped(one.figure) + ", aim at most " + grouped(one.aim));
  for (const KernelResult& r : report.kernel)
    if (r.aim != 0) judge(r.is_met(), r.title, grouped(r.counted.instructions) + ", aim at most " + grouped(r.aim));
  for (const RowResult& r : report.exos)
    if (r.row.aim != 0) judge(std::string_view{r.verdict()} == "met", r.row.title, times_text(r.ratio()) + " times fewer than the fairest Linux, aim " + grouped(r.row.aim));
  std::string text = "\n## Aims\n\n" + std::to_string(met) + " of " + std::to_string(met + missed.size()) + " aims are met" + (missed.empty() ? ".\n" : "; missed are, with their profiles further down:\n\n");
  for (const std::string& line : missed) text += line + "\n";
  if (report.tested.empty()) return text;
  text += "\nAims that are no figure of a row are asserted by tests:\n\n| what | aim | `./exo test` |\n|---|---|---|\n";
  for (const TestedAim& one : report.tested) text += "| " + one.what + " | " + one.wanted + " | " + one.test + " |\n";
  return text;
}

std::string kernel_part(const BenchReport& report) {
  if (report.kernel.empty()) return "";
  std::string text = "\n## Kernel\n\nGuest instructions of one operation, one way unless it says otherwise.\n\n"
                     "| operation | total | aim | | kernel | library | to compare |\n|---|---:|---:|---|---:|---:|---|\n";
  for (const KernelResult& r : report.kernel) {
    append_format(text, "| %s | %s | %s | %s | %s | %s | %s |\n", r.title.c_str(), grouped(r.counted.instructions).c_str(), r.aim == 0 ? "" : grouped(r.aim).c_str(),
                  r.aim == 0 ? "" : verdict_of(r.is_met()), grouped(r.counted.ring0).c_str(), grouped(r.counted.ring3).c_str(), r.comparison.c_str());
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
  return text;
}

void add_exos_profile(std::string& text, const BenchReport& report, const RowResult& r) {
  text += "- " + r.row.title + "\n";
  if (r.exos.share) text += "  - ExOS: " + share_text(*r.exos.share) + "\n";
  if (r.fairest.share) text += "  - Linux: " + share_text(*r.fairest.share) + "\n";
  if (const auto profile = report.profiles.find("exos/" + r.row.name); profile != report.profiles.end()) text += "  - of ExOS's: " + functions_text(profile->second) + "\n";
}

std::string profiles_part(const BenchReport& report) {
  std::string text = "\n## Where the instructions go, for aims that are missed\n\nBy function, inlined ones apart; `./exo bench --profile ROW` says more.\n\n";
  for (const KernelResult& r : report.kernel)
    if (const auto profile = report.profiles.find("kernel/" + r.key); profile != report.profiles.end()) text += "- " + r.title + "\n  - " + functions_text(profile->second) + "\n";
  for (const RowResult& r : report.exos)
    if (std::string_view{r.verdict()} == "missed") add_exos_profile(text, report, r);
  return text;
}

std::string paper_row(const BenchReport& report, const PaperRow& row) {
  std::string text;
  if (!row.missing.empty()) append_format(text, "| %s | missing: %s | | | |\n", row.title.c_str(), row.missing.c_str());
  else if (const KernelResult* k = report.find_kernel(row.kernel))
    append_format(text, "| kernel: %s | %s | | | |\n", k->title.c_str(), grouped(k->counted.instructions).c_str());
  else if (const RowResult* r = report.find_exos(row.exos))
    append_format(text, "| %s | %s | %s | %s | %s |\n", r->row.title.c_str(), count_of(r->exos).c_str(), count_of(r->stock).c_str(), count_of(r->fairest).c_str(), times_text(r->ratio()).c_str());
  else append_format(text, "| %s | not measured | | | |\n", (row.kernel + row.exos).c_str());
  return text;
}

std::string papers_part(const BenchReport& report) {
  if (report.papers.empty()) return "";
  std::string text = "\n## The papers' tables\n\nRows as above, by the table of the literature that they stand for. What is quoted was measured by others, on machines of their time.\n";
  for (const PaperTable& table : report.papers) {
    text += "\n### " + table.name + " " + table.title + " (" + table.of + ")\n\n| | ours | Linux | fairest | times |\n|---|---:|---:|---:|---:|\n";
    for (const PaperRow& row : table.rows) text += paper_row(report, row);
    for (const Quoted& one : table.quoted) text += "| *quoted, " + one.origin() + " [" + one.tag + "]: " + one.what + "* | *" + one.figure + "* | | | |\n";
  }
  return text;
}

}  // namespace

std::string markdown_of(const BenchReport& report) {
  return "# What it costs\n\nMade by `./exo bench --no-times --markdown docs/performance.md`. Instructions are counted by `-icount shift=0` and repeat; they leave out what "
         "cache and translation misses cost. Rows that are lost are here like the others.\n\n" +
         machine_part(report) + aims_part(report) + boot_part(report) + kernel_part(report) + exos_part(report) + profiles_part(report) + papers_part(report) + peers_markdown(report.peers);
}

}  // namespace exo
