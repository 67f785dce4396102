// SPDX-License-Identifier: MIT
#include "exo/bench_command.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>

#include "exo/bench.hpp"
#include "exo/bench_guard.hpp"
#include "exo/bench_profile.hpp"
#include "exo/bench_report.hpp"
#include "exo/bench_text.hpp"
#include "exo/scratch_folder.hpp"

namespace exo {
namespace {

const std::set<std::string> suites{"apps", "kernel", "exos", "papers"};

struct BenchOptions {
  std::vector<std::string> words;      // suites, and rows of the suite exos
  ExosBench exos;
  bool no_linux = false, no_times = false;
  std::string json, html, markdown, compare, profile, flame, folded;
  [[nodiscard]] bool asks_for(const std::string& suite) const { return std::ranges::contains(words, suite); }
};

void declare(CLI::App& app, BenchOptions& options) {
  app.add_option("suite", options.words, "kernel, exos, apps or papers (default: all), and rows of the suites exos and apps")->type_name("SUITE|ROW");
  app.add_flag("--no-linux", options.no_linux, "Without the Linux side");
  app.add_flag("--no-times", options.no_times, "Only instructions, which repeat; no emulated time");
  app.add_option("--rounds", options.exos.rounds, "Alternating runs for the emulated time")->check(CLI::Range(1, 100));
  app.add_flag("--twice", options.exos.twice, "Count twice; fail unless ExOS agrees exactly and Linux within 1 %");
  app.add_option("--json", options.json, "Write the figures to a file (-: standard output)")->type_name("FILE");
  app.add_option("--html", options.html, "Write a page with plots, which needs nothing else")->type_name("FILE");
  app.add_option("--markdown", options.markdown, "Write what docs/performance.md is")->type_name("FILE");
  app.add_option("--compare", options.compare, "Say what has changed since a file of --json")->type_name("OLD.json");
  app.add_option("--profile", options.profile, "Where the instructions of a row of the suite exos go, by function")->type_name("ROW");
  app.add_option("--flame", options.flame, "With --profile: write a flame graph")->type_name("FILE.svg");
  app.add_option("--folded", options.folded, "With --profile: write its lines for other tools")->type_name("FILE");
  app.add_option("--folder", options.exos.folder, "Where the rows lie in the source tree")->type_name("DIR");
  app.add_option("--limit", options.exos.limit_s, "Seconds for a row")->check(CLI::Range(1, 3600));
}

// Rows that are named mean their suite; nothing named means all suites.
void interpret(BenchOptions& options) {
  for (const std::string& word : options.words)
    if (!suites.contains(word)) (word.starts_with(app_prefix) ? options.exos.apps : options.exos.names).push_back(word);
  if (options.words.empty()) options.words.assign(suites.begin(), suites.end());
  if (!options.exos.names.empty()) options.words.push_back("exos");
  if (!options.exos.apps.empty()) options.words.push_back("apps");
  if (options.asks_for("papers")) options.words.insert(options.words.end(), {"kernel", "exos"});
  options.exos.with_linux = !options.no_linux;
  if (options.no_times) options.exos.rounds = 0;
}

Result<std::vector<KernelResult>> measure_kernel(const Locations& at, bool with_times) {
  const Measurements counted = TRY(count_kernel(at));
  Measurements timed;
  if (with_times) timed = TRY(time_kernel(at));
  std::vector<KernelResult> results;
  for (const KernelRow& row : kernel_rows()) {
    const auto found = counted.find(row.key);
    if (found == counted.end()) continue;
    results.push_back({.key = row.key, .title = row.title, .comparison = row.comparison, .aim = row.aim, .counted = found->second, .nanoseconds = {}});
    if (const auto time = timed.find(row.key); time != timed.end()) results.back().nanoseconds = time->second.nanoseconds;
  }
  return results;
}

// docs/performance.md says why an aim is missed.
Status profile_missed(const Locations& at, BenchReport& report) {
  for (const RowResult& r : report.exos)
    if (std::string_view{r.verdict()} == "missed" && !r.row.name.starts_with("app_")) report.profiles[r.row.name] = TRY(profile_row(at, r.row));
  return {};
}

Status write_forms(const BenchOptions& options, const BenchReport& report) {
  if (!options.json.empty()) TRY_VOID(write_text(options.json, json_of(report)));
  if (!options.html.empty()) TRY_VOID(write_text(options.html, html_of(report)));
  if (!options.markdown.empty()) TRY_VOID(write_text(options.markdown, markdown_of(report)));
  if (options.compare.empty()) return {};
  const std::string old = contents_of(options.compare);
  std::printf("\nsince %s:\n%s", options.compare.c_str(), TRY(changes_since(old, report)).c_str());
  return {};
}

// The whole programs that tables name are measured for them, unless all are.
void add_apps_of(const std::vector<PaperTable>& papers, BenchOptions& options) {
  if (options.asks_for("apps") && options.exos.apps.empty()) return;
  for (const PaperTable& paper : papers)
    for (const PaperRow& row : paper.rows) {
      const std::string app = row.exos.substr(0, row.exos.find('.'));
      if (app.starts_with(app_prefix) && !std::ranges::contains(options.exos.apps, app)) options.exos.apps.push_back(app);
    }
  options.words.push_back("apps");
}

Result<int> run_suites(const Locations& at, BenchOptions options) {
  BenchReport report{.machine = describe_machine(at), .kernel = {}, .exos = {}, .papers = {}, .profiles = {}};
  const bool is_quiet = options.json == "-" || options.html == "-" || options.markdown == "-";
  const auto print = [&](const std::string& text) { is_quiet ? 0 : std::fputs(text.c_str(), stdout); };
  if (options.asks_for("papers")) {
    report.papers = TRY(load_paper_tables(at.source / "bench/papers"));
    if (options.exos.names.empty()) add_apps_of(report.papers, options);
  }
  if (options.asks_for("kernel")) {
    report.kernel = TRY(measure_kernel(at, !options.no_times));
    print(kernel_table_of(report));
  }
  if (options.asks_for("exos")) {
    report.exos = TRY(measure_rows(at, options.exos));
    print((report.kernel.empty() ? "" : "\n") + exos_table_of(report.exos));
  }
  if (options.asks_for("apps")) {
    const std::vector<RowResult> apps = TRY(measure_apps(at, options.exos));
    print("\nwhole programs\n" + exos_table_of(apps));
    report.exos.insert(report.exos.end(), apps.begin(), apps.end());
  }
  if (options.asks_for("papers")) print(papers_table_of(report));
  report.machine = describe_machine(at);  // now with the kernel that may have been fetched
  if (!options.markdown.empty()) TRY_VOID(profile_missed(at, report));
  TRY_VOID(write_forms(options, report));
  return std::ranges::any_of(report.exos, [](const RowResult& r) { return !r.exos.failure.empty(); }) ? 1 : 0;
}

Result<int> show_profile(const Locations& at, const BenchOptions& options) {
  constexpr std::size_t shown = 40;
  const std::vector<BenchRow> rows = TRY(load_rows(at, options.exos.folder));
  const auto row = std::ranges::find(rows, options.profile, &BenchRow::name);
  if (row == rows.end()) return fail(own_failure, "there is no row " + options.profile + " in " + options.exos.folder);
  const ChainCounts counts = TRY(profile_row(at, *row));
  std::fputs(profile_table_of(counts, shown).c_str(), stdout);
  if (!options.flame.empty()) TRY_VOID(write_text(options.flame, flame_of(counts, row->title)));
  if (!options.folded.empty()) TRY_VOID(write_text(options.folded, folded_of(counts)));
  return 0;
}

}  // namespace

Result<int> bench(const Locations& at, const std::vector<std::string>& words) {
  const std::vector<std::string> rest{words.begin() + (words.empty() ? 0 : 1), words.end()};
  static const std::set<std::string> short_options{"--json", "--no-times", "--twice"};
  if (!words.empty() && words[0] == "boot") return bench_boot(at, rest);
  if (!words.empty() && words[0] == "guard") return bench_guard(at, rest);
  // The record bench/kernel.json has a form of its own.
  if (!words.empty() && words[0] == "kernel" && std::ranges::all_of(rest, [](const auto& word) { return short_options.contains(word); }))
    return bench_kernel(at, rest);
  BenchOptions options;
  CLI::App app{"What things cost, on Aegis and ExOS and on Linux in the same QEMU. Also: exo bench boot, exo bench guard", "exo bench"};
  declare(app, options);
  try {
    app.parse(std::vector<std::string>{words.rbegin(), words.rend()});
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    return fail(own_failure, std::string{error.what()} + ": see `exo bench --help`");
  }
  if (!options.profile.empty()) return show_profile(at, options);
  interpret(options);
  return run_suites(at, options);
}

}  // namespace exo
