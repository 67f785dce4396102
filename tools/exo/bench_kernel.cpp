// SPDX-License-Identifier: MIT
#include "exo/bench_kernel.hpp"

#include <fcntl.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "exo/archive.hpp"
#include "exo/bench_sample.hpp"
#include "exo/bench_text.hpp"
#include "exo/machine.hpp"
#include "exo/scratch_folder.hpp"
#include "exo/session.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr int limit_ms = 120'000;

struct BootPlan {
  bool icount = false;
  std::string plugin, shares;  // the plugin with its arguments, and the file that it writes; empty: without
  Accelerator accelerator = Accelerator::tcg;
};

Result<std::string> run_guest(const Locations& at, const BootPlan& plan) {
  const fs::path program = at.build / "bench/kernel.elf";
  TRY_VOID(require_built(program));
  const Archive archive = TRY(make_bare_archive(program.string()));
  Machine machine = TRY(start_machine({.qemu = TRY(find_qemu("")),
                                       .accelerator = plan.accelerator,
                                       .console = Console::none,
                                       .memory = 64u << 20,
                                       .cpus = 1,
                                       .icount = plan.icount,
                                       .plugin = plan.plugin.empty() ? "" : plan.plugin + ",out=" + plan.shares,
                                       .kernel = at.kernel.string(),
                                       .command_line = "wall=1700000000000000000",
                                       .archive = archive.file.get()}));
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  Session session{machine, {.in = null.get(), .out = null.get(), .err = null.get(), .timeout_ms = limit_ms}};
  const SessionEnd end = session.run();
  if (end.kind == SessionEnd::Kind::machine_died && debug_exit_code(end.wait_status) == 0) return end.log;
  std::fwrite(end.log.data(), 1, end.log.size(), stderr);
  std::fwrite(end.qemu_words.data(), 1, end.qemu_words.size(), stderr);
  return fail(own_failure, "the measuring guest did not come to its end");
}

// Of each row what another row tells by itself.
void take_parts_off(Measurements& all) {
  const Measurements whole = all;
  for (const KernelRow& row : kernel_rows()) {
    const auto found = all.find(row.key);
    if (row.less.key == nullptr || found == all.end() || !whole.contains(row.less.key)) continue;
    Measured& m = found->second;
    const Measured& part = whole.at(row.less.key);
    m.instructions -= part.instructions / row.less.operations;
    m.nanoseconds -= part.nanoseconds / row.less.operations;
    if (m.ring0 && part.ring0) *m.ring0 -= *part.ring0 / row.less.operations;
    if (m.ring3 && part.ring3) *m.ring3 -= *part.ring3 / row.less.operations;
  }
}

Result<KernelCount> read_count(const std::string& log, const std::string& shares) { return KernelCount{.rows = TRY(read_measurements(log, shares)), .plots = read_plots(log)}; }

// Instructions, with the shares if this QEMU takes the plugin.
Result<KernelCount> count(const Locations& at) {
  const fs::path plugin = at.build / "bench/rings.so";
  const ScratchFolder scratch;
  if (fs::exists(plugin)) {
    const BootPlan plan{.icount = true, .plugin = plugin.string(), .shares = scratch.file("shares")};
    const auto log = run_guest(at, plan);
    if (log.has_value()) return read_count(*log, contents_of(plan.shares));
    std::fprintf(stderr, "exo: counting without the shares of the rings: this QEMU did not take %s\n", plugin.c_str());
  }
  return read_count(TRY(run_guest(at, {.icount = true})), "");
}

void print_table(const Measurements& counted, const Measurements* timed) {
  std::printf("guest instructions under -icount shift=0, one processor, warm%s\n",
              timed != nullptr ? "; emulated time in a run without it" : "");
  std::printf("%-50s %8s %8s %8s %8s %9s  %s\n", "operation", "aim", "total", "ring 0", "ring 3", "time, ns",
              "to compare");
  for (const KernelRow& row : kernel_rows()) {
    const auto found = counted.find(row.key);
    if (found == counted.end()) {
      std::printf("%-50s %8s %8s\n", row.title, row.aim == 0 ? "" : grouped(row.aim).c_str(), "not there");
      continue;
    }
    const Measured& m = found->second;
    const std::optional<double> ring0 = m.ring0 ? std::optional{*m.ring0 - row.apart} : std::nullopt;
    std::string time = "";
    if (timed != nullptr && timed->contains(row.key)) time = grouped(std::round(timed->at(row.key).nanoseconds));
    std::printf("%-50s %8s %8s %8s %8s %9s  %s\n", row.title, row.aim == 0 ? "" : grouped(row.aim).c_str(),
                grouped(m.instructions - row.apart).c_str(), grouped(ring0).c_str(), grouped(m.ring3).c_str(),
                time.c_str(), row.comparison);
  }
}

Status compare(const Measurements& first, const Measurements& second) {
  if (first == second) return {};
  std::string text = "two runs differ, which counted instructions must not:";
  for (const auto& [key, m] : first)
    if (!second.contains(key) || !(second.at(key) == m)) text += " " + key;
  return fail(own_failure, text);
}

std::string json_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  std::string out = text;
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

void print_json(const Measurements& counted, const Measurements* timed) {
  std::printf("{\n  \"unit\": \"guest instructions, -icount shift=0\",\n  \"rows\": [");
  const char* separator = "\n";
  for (const KernelRow& row : kernel_rows()) {
    const auto found = counted.find(row.key);
    if (found == counted.end()) continue;
    const Measured& m = found->second;
    std::printf("%s    {\"key\": \"%s\", \"title\": \"%s\", \"aim\": %s, \"total\": %s", separator, row.key, row.title,
                row.aim == 0 ? "null" : json_number(row.aim).c_str(), json_number(m.instructions - row.apart).c_str());
    if (m.ring0) std::printf(", \"ring0\": %s", json_number(*m.ring0 - row.apart).c_str());
    if (m.ring3) std::printf(", \"ring3\": %s", json_number(*m.ring3).c_str());
    if (timed != nullptr && timed->contains(row.key))
      std::printf(", \"nanoseconds\": %s", json_number(timed->at(row.key).nanoseconds).c_str());
    std::printf(", \"comparison\": \"%s\"}", row.comparison);
    separator = ",\n";
  }
  std::printf("\n  ]\n}\n");
}

// A line `row KEY OPERATIONS COUNTER NANOSECONDS INTERVAL` or `figure KEY NUMERATOR DENOMINATOR`.
struct KernelLine {
  std::string key;
  std::uint64_t operations = 0, counter = 0, ns = 0, interval = 0;
};

Measured measured_of(const KernelLine& line, const KernelLine& empty, std::span<const CountedInterval> intervals) {
  const auto each = [&](std::uint64_t sum, std::uint64_t nothing) { return (static_cast<double>(sum) - static_cast<double>(nothing)) / static_cast<double>(line.operations); };
  Measured m{.instructions = each(line.counter, empty.counter), .ring0 = {}, .ring3 = {}, .nanoseconds = each(line.ns, empty.ns),
             .operations = static_cast<double>(line.operations), .interval = line.interval};
  if (!intervals.empty()) {
    m.ring0 = each(intervals[line.interval].ring0, intervals[empty.interval].ring0);
    m.ring3 = each(intervals[line.interval].ring3, intervals[empty.interval].ring3);
  }
  return m;
}

// KEY@N is a place of a curve; the first of them is KEY's own figure.
void add_measured(Measurements& all, const std::string& key, const Measured& m) {
  all.emplace(key, m);
  if (const std::size_t at = key.find('@'); at != std::string::npos) all.emplace(key.substr(0, at), m);
}

Result<std::optional<KernelLine>> read_line(const std::string& text, std::size_t intervals) {
  std::istringstream words{text};
  std::string what;
  KernelLine line;
  if (!(words >> what >> line.key) || what != "row") return std::nullopt;
  if (!(words >> line.operations >> line.counter >> line.ns >> line.interval) || line.operations == 0)
    return fail(own_failure, "the measuring guest said \"" + text + "\"");
  if (intervals != 0 && line.interval >= intervals)
    return fail(own_failure, "the plugin counted " + std::to_string(intervals) + " intervals, too few");
  return line;
}

void add_figure(Measurements& all, const std::string& text) {
  std::istringstream words{text};
  std::string what, key;
  double above = 0, below = 0;
  if (words >> what >> key >> above >> below && what == "figure" && below > 0) all.emplace(key, Measured{.instructions = above / below, .ring0 = {}, .ring3 = {}});
}

}  // namespace

Result<Measurements> read_measurements(const std::string& log, const std::string& shares) {
  const auto sections = read_sections(shares);
  const std::vector<CountedInterval> intervals = sections.empty() ? std::vector<CountedInterval>{} : sections.front();
  Measurements out;
  KernelLine empty;
  std::istringstream lines{log};
  for (std::string text; std::getline(lines, text);) {
    add_figure(out, text);
    const std::optional<KernelLine> line = TRY(read_line(text, intervals.size()));
    if (line && line->key == "empty") empty = *line;
    else if (line) add_measured(out, line->key, measured_of(*line, empty, intervals));
  }
  if (out.empty()) return fail(own_failure, "the measuring guest told no figures");
  take_parts_off(out);
  return out;
}

std::map<double, double> curve_in(const Measurements& all, const std::string& key) {
  std::map<double, double> curve;
  for (auto at = all.lower_bound(key + "@"); at != all.end() && at->first.starts_with(key + "@"); ++at)
    curve[std::strtod(at->first.c_str() + key.size() + 1, nullptr)] = at->second.instructions;
  return curve;
}

Result<KernelCount> count_kernel(const Locations& at) {
  KernelCount all = TRY(count(at));
  for (const KernelRow& row : kernel_rows())
    if (const auto found = all.rows.find(row.key); found != all.rows.end()) {
      found->second.instructions -= row.apart;
      if (found->second.ring0) *found->second.ring0 -= row.apart;
    }
  return all;
}

Result<Measurements> time_kernel(const Locations& at, Accelerator accelerator) { return read_measurements(TRY(run_guest(at, {.accelerator = accelerator})), ""); }

Result<KernelProfile> profile_kernel_row(const Locations& at, const std::string& key) {
  const Measurements rows = TRY(read_measurements(TRY(run_guest(at, {.icount = true})), ""));
  const auto row = rows.find(key);
  if (row == rows.end() || row->second.operations == 0) return fail(own_failure, "there is no row " + key + " in the suite kernel whose instructions could be told apart");
  const ScratchFolder scratch;
  const fs::path plugin = at.build / "bench/profile.so";
  const BootPlan plan{.icount = true, .plugin = plugin.string() + ",skip=" + std::to_string(row->second.interval) + ",take=1", .shares = scratch.file("counts")};
  TRY(run_guest(at, plan));
  return KernelProfile{.operations = row->second.operations, .counts = contents_of(plan.shares)};
}

Result<int> bench_kernel(const Locations& at, const std::vector<std::string>& words) {
  bool json = false, times = true, twice = false;
  for (const std::string& word : words) {
    if (word == "--json")
      json = true;
    else if (word == "--no-times")
      times = false;
    else if (word == "--twice")
      twice = true;
    else
      return fail(own_failure, "unknown option " + word + ": `exo bench kernel [--json] [--no-times] [--twice]`");
  }
  const Measurements counted = TRY(count(at)).rows;
  if (twice) TRY_VOID(compare(counted, TRY(count(at)).rows));
  std::optional<Measurements> timed;
  if (times) timed = TRY(time_kernel(at, Accelerator::tcg));
  (json ? print_json : print_table)(counted, timed ? &*timed : nullptr);
  return 0;
}

}  // namespace exo
