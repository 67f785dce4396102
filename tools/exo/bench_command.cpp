// SPDX-License-Identifier: MIT
#include "exo/bench_command.hpp"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "exo/accelerator.hpp"
#include "exo/bench.hpp"
#include "exo/bench_app.hpp"
#include "exo/bench_guard.hpp"
#include "exo/bench_processors.hpp"
#include "exo/bench_profile.hpp"
#include "exo/bench_report.hpp"
#include "exo/bench_text.hpp"
#include "exo/scratch_folder.hpp"

namespace exo {
namespace {

const std::set<std::string> suites{"apps", "boot", "kernel", "exos", "papers", "net", "disk"};

struct BenchOptions {
  std::vector<std::string> words;      // suites, and rows of the suite exos
  ExosBench exos;
  bool no_linux = false, no_times = false;
  std::string json, html, markdown, compare, profile, flame, folded, acceleration = "auto";
  [[nodiscard]] bool asks_for(const std::string& suite) const { return std::ranges::contains(words, suite); }
};

void declare(CLI::App& app, BenchOptions& options) {
  app.add_option("suite", options.words, "boot, kernel, exos, apps, papers, net or disk (default: all), and rows of the suites exos and apps")->type_name("SUITE|ROW");
  app.add_flag("--no-linux", options.no_linux, "Without the Linux side");
  app.add_flag("--no-times", options.no_times, "Only instructions, which repeat; no emulated time");
  app.add_option("--rounds", options.exos.rounds, "Alternating runs for the times")->check(CLI::Range(1, 100));
  app.add_option("--accel", options.acceleration, "What times are taken with: auto, tcg or kvm. Instructions are always counted under emulation")->type_name("NAME");
  app.add_flag("--twice", options.exos.twice, "Count twice; fail unless ExOS agrees exactly and Linux within 1 %");
  app.add_option("--json", options.json, "Write the figures to a file (-: standard output)")->type_name("FILE");
  app.add_option("--html", options.html, "Write a page with plots, which needs nothing else")->type_name("FILE");
  app.add_option("--markdown", options.markdown, "Write what docs/performance.md is")->type_name("FILE");
  app.add_option("--compare", options.compare, "Say what has changed since a file of --json")->type_name("OLD.json");
  app.add_option("--profile", options.profile, "Where the instructions of a row go, by function")->type_name("[SUITE/]ROW");
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

Status measure_kernel(const Locations& at, const BenchOptions& options, BenchReport& report) {
  KernelCount counted = TRY(count_kernel(at));
  report.plots = std::move(counted.plots);
  Measurements timed;
  if (!options.no_times) timed = TRY(time_kernel(at, options.exos.timed_with));
  for (const KernelRow& row : kernel_rows()) {
    const auto found = counted.rows.find(row.key);
    if (found == counted.rows.end()) continue;
    KernelResult result{.key = row.key, .title = row.title, .comparison = row.comparison, .aim = row.aim, .counted = found->second, .nanoseconds = {}, .curve = curve_in(counted.rows, row.key)};
    if (const auto time = timed.find(row.key); time != timed.end() && time->second.operations != 0) result.nanoseconds = time->second.nanoseconds;
    report.kernel.push_back(std::move(result));
  }
  report.kernel.push_back({.key = "stride_lines", .title = "stride scheduler: lines of code", .comparison = "under 100 in 1995",
                           .counted = {.instructions = static_cast<double>(count_code_lines_of(at.source / "libos/parts/schedulers/stride.hpp"))}, .nanoseconds = {}});
  return {};
}

// What nanoseconds are taken with; said when it is not what one might expect.
Status choose_timing(BenchOptions& options) {
  const auto asked = TRY(read_acceleration(options.acceleration));
  if (options.no_times && asked == RunOptions::Acceleration::kvm) return fail(own_failure, "--accel kvm is for times, and --no-times leaves them out");
  if (options.no_times) return {};
  options.exos.timed_with = TRY(choose_accelerator(asked, probe_kvm));
  if (asked == RunOptions::Acceleration::automatic && options.exos.timed_with == Accelerator::tcg)
    std::fprintf(stderr, "exo: times are emulated ones: %s\n", probe_kvm().reason.c_str());
  return {};
}

// The suites that have their place and no ground yet: which rows of the tables wait for them.
std::string waiting_rows(const std::vector<PaperTable>& papers, const std::string& reason) {
  std::string text;
  for (const PaperTable& paper : papers)
    for (const PaperRow& row : paper.rows)
      if (row.missing == reason) text += "  " + paper.name + "  " + row.title + "\n";
  return "missing, " + reason + ":\n" + text;
}

struct Profiled {
  std::string title;
  ChainCounts counts;
};

// ROW, exos/ROW or kernel/ROW; without the suite, of exos if it is there.
Result<Profiled> profile_named(const Locations& at, const std::string& folder, const std::string& asked) {
  const std::size_t slash = asked.find('/');
  const std::string suite = slash == std::string::npos ? "" : asked.substr(0, slash), name = slash == std::string::npos ? asked : asked.substr(slash + 1);
  if (name.starts_with(app_prefix)) {
    const std::vector<BenchApp> apps = TRY(load_apps(at, "bench/apps"));
    const auto app = std::ranges::find(apps, name, [](const BenchApp& one) { return app_prefix + one.row.name; });
    if (app != apps.end()) return Profiled{app->row.title, TRY(profile_app(at, *app))};
  }
  const std::vector<BenchRow> rows = TRY(load_rows(at, folder));
  const auto row = std::ranges::find(rows, name, &BenchRow::name);
  if (suite != "kernel" && row != rows.end()) return Profiled{row->title, TRY(profile_row(at, *row))};
  const auto kernel_row = std::ranges::find(kernel_rows(), name, [](const KernelRow& r) { return std::string{r.key}; });
  if (suite != "exos" && kernel_row != kernel_rows().end()) return Profiled{kernel_row->title, TRY(profile_kernel(at, name))};
  return fail(own_failure, "there is no row " + asked + " in " + folder + ", bench/apps or the suite kernel");
}

// docs/performance.md and the page say why an aim is missed.
Status profile_missed(const Locations& at, const BenchOptions& options, BenchReport& report) {
  for (const RowResult& r : report.exos)
    if (std::string_view{r.verdict()} == "missed") report.profiles["exos/" + r.row.name] = TRY(profile_named(at, options.exos.folder, r.row.name)).counts;
  for (const KernelResult& r : report.kernel)
    if (r.aim != 0 && !r.is_met() && r.counted.operations != 0) report.profiles["kernel/" + r.key] = TRY(profile_kernel(at, r.key));
  return {};
}

// What stands beside the figures in a document.
Status add_background(const Locations& at, const BenchOptions& options, BenchReport& report) {
  TRY_VOID(profile_missed(at, options, report));
  report.sizes = measure_sizes(at);
  report.tested = TRY(read_tested_aims(contents_of(at.source / "bench/aims.toml")));
  report.peers = TRY(read_peers(contents_of(at.source / "bench/peers.toml")));
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

std::string passed_text(std::chrono::steady_clock::time_point since) {
  std::string text;
  struct rusage guests{};
  ::getrusage(RUSAGE_CHILDREN, &guests);
  append_format(text, "\nall of it took %.0f s, %ld s of them of a processor\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count(),
                guests.ru_utime.tv_sec + guests.ru_stime.tv_sec);
  return text;
}

Result<int> run_suites(const Locations& at, BenchOptions options) {
  const auto started = std::chrono::steady_clock::now();
  BenchReport report{.machine = describe_machine(at), .timed_with = options.exos.timed_with};
  const bool is_quiet = options.json == "-" || options.html == "-" || options.markdown == "-";
  const auto print = [&](const std::string& text) { is_quiet ? 0 : std::fputs(text.c_str(), stdout); };
  if (options.asks_for("papers")) {
    report.papers = TRY(load_paper_tables(at.source / "bench/papers"));
    if (options.exos.names.empty()) add_apps_of(report.papers, options);
  }
  if (options.asks_for("boot")) {
    report.boot = TRY(measure_boot(at));
    print(boot_table_of(*report.boot) + "\n");
  }
  if (options.asks_for("kernel")) {
    TRY_VOID(measure_kernel(at, options, report));
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
  for (const auto& [suite, reason] : {std::pair{"net", "no packets yet"}, {"disk", "no disks yet"}})
    if (options.asks_for(suite)) print(std::string{"\n"} + suite + ": " + waiting_rows(TRY(load_paper_tables(at.source / "bench/papers")), reason));
  report.machine = describe_machine(at);  // now with the kernel that may have been fetched
  if (!options.markdown.empty() || !options.html.empty()) TRY_VOID(add_background(at, options, report));
  TRY_VOID(write_forms(options, report));
  print(passed_text(started));
  return std::ranges::any_of(report.exos, [](const RowResult& r) { return !r.exos.failure.empty(); }) ? 1 : 0;
}

Result<int> show_profile(const Locations& at, const BenchOptions& options) {
  constexpr std::size_t shown = 40;
  const auto [title, counts] = TRY(profile_named(at, options.exos.folder, options.profile));
  std::fputs(profile_table_of(counts, shown).c_str(), stdout);
  if (!options.flame.empty()) TRY_VOID(write_text(options.flame, flame_of(counts, title)));
  if (!options.folded.empty()) TRY_VOID(write_text(options.folded, folded_of(counts)));
  return 0;
}

}  // namespace

Result<int> bench(const Locations& at, const std::vector<std::string>& words) {
  const std::vector<std::string> rest{words.begin() + (words.empty() ? 0 : 1), words.end()};
  static const std::set<std::string> short_options{"--json", "--no-times", "--twice"};
  if (!words.empty() && words[0] == "boot" && std::ranges::all_of(rest, [](const auto& word) { return word == "--icount"; })) return bench_boot(at, rest);
  if (!words.empty() && words[0] == "guard") return bench_guard(at, rest);
  if (!words.empty() && words[0] == "processors" && rest.empty()) return bench_processors(at);
  // The record bench/kernel.json has a form of its own.
  if (!words.empty() && words[0] == "kernel" && std::ranges::all_of(rest, [](const auto& word) { return short_options.contains(word); }))
    return bench_kernel(at, rest);
  BenchOptions options;
  CLI::App app{"What things cost, on Aegis and ExOS and on Linux in the same QEMU. Also: exo bench guard, boot, processors", "exo bench"};
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
  TRY_VOID(choose_timing(options));
  interpret(options);
  return run_suites(at, options);
}

}  // namespace exo
