// SPDX-License-Identifier: MIT
#include "exo/bench_exos.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "exo/bench_json.hpp"
#include "exo/bench_progress.hpp"
#include "exo/bench_statistics.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

void append(std::vector<double>& all, const std::vector<double>& more) { std::ranges::copy(more, std::back_inserter(all)); }

// A side of the table in one go over all rows.
struct Side {
  Sample RowResult::*counted;
  std::vector<double> RowResult::*timed;
  std::optional<LinuxTuning> tuning;  // nothing: ExOS
};
constexpr Side sides[] = {{&RowResult::exos, &RowResult::exos_ns, {}},
                          {&RowResult::stock, &RowResult::stock_ns, LinuxTuning::stock},
                          {&RowResult::fairest, &RowResult::fairest_ns, LinuxTuning::fairest}};

std::vector<BenchRow> rows_of(const std::vector<RowResult>& results) {
  std::vector<BenchRow> rows;
  for (const RowResult& result : results) rows.push_back(result.row);
  return rows;
}

Result<Samples> run_side(const Locations& at, const std::vector<BenchRow>& rows, const Side& side, const BenchPlan& plan, Progress& progress) {
  if (side.tuning) {
    auto samples = run_rows_on_linux(at, rows, plan, *side.tuning);
    progress.step(linux_weight);
    return samples;
  }
  Samples samples;
  for (const BenchRow& row : rows) {
    samples[row.name] = TRY(run_row_on_exos(at, row, plan));
    progress.step(1);
  }
  return samples;
}

std::string differences(const std::vector<RowResult>& results, const Side& side, Samples& again) {
  std::string text;
  constexpr double hundredth = 0.01;
  for (const RowResult& result : results) {
    const Sample &one = result.*side.counted, &two = again[result.row.name];
    const bool is_same = side.tuning && one.failure.empty() && two.failure.empty()
                             ? std::abs(one.least() - two.least()) <= hundredth * one.least()
                             : one == two;
    if (!is_same) text += " " + result.row.name;
  }
  return text;
}

Result<std::vector<RowResult>> chosen_rows(const Locations& at, const ExosBench& bench) {
  std::vector<RowResult> results;
  for (BenchRow& row : TRY(load_rows(at, bench.folder)))
    if (bench.names.empty() || std::ranges::contains(bench.names, row.name)) results.push_back({.row = std::move(row)});
  for (const std::string& name : bench.names)
    if (!std::ranges::contains(results, name, [](const RowResult& r) { return r.row.name; }))
      return fail(own_failure, "there is no row " + name + " in " + bench.folder);
  return results;
}

void declare(CLI::App& app, ExosBench& bench, bool& no_linux, bool& no_times) {
  app.add_option("rows", bench.names, "Only these rows")->type_name("ROW");
  app.add_flag("--no-linux", no_linux, "Without the Linux side");
  app.add_flag("--no-times", no_times, "Only instructions, which repeat; no emulated time");
  app.add_option("--rounds", bench.rounds, "Alternating runs for the emulated time")->check(CLI::Range(1, 100));
  app.add_flag("--twice", bench.twice, "Count twice; fail unless ExOS agrees exactly and Linux within 1 %");
  app.add_option("--json", bench.json, "Write the figures to a file (-: standard output)")->type_name("FILE");
  app.add_option("--folder", bench.folder, "Where the rows lie in the source tree")->type_name("DIR");
  app.add_option("--limit", bench.limit_s, "Seconds for a row")->check(CLI::Range(1, 3600));
}

}  // namespace

std::optional<double> RowResult::ratio() const {
  if (exos.counts.empty() || fairest.counts.empty() || exos.least() <= 0) return std::nullopt;
  return fairest.least() / exos.least();
}

Result<std::vector<RowResult>> measure_rows(const Locations& at, const ExosBench& bench) {
  std::vector<RowResult> results = TRY(chosen_rows(at, bench));
  const std::vector<BenchRow> rows = rows_of(results);
  const std::span<const Side> asked{sides, bench.with_linux ? std::size(sides) : 1};
  const int passes = (bench.twice ? 2 : 1) + bench.rounds;
  Progress progress{passes * (std::ssize(rows) + (bench.with_linux ? 2 * linux_weight : 0))};
  for (const Side& side : asked) {
    const BenchPlan plan{.icount = true, .limit_s = bench.limit_s};
    Samples samples = TRY(run_side(at, rows, side, plan, progress));
    for (RowResult& result : results) result.*side.counted = std::move(samples[result.row.name]);
    if (!bench.twice) continue;
    Samples again = TRY(run_side(at, rows, side, plan, progress));
    if (const std::string text = differences(results, side, again); !text.empty())
      return fail(own_failure, "two runs differ, which counted instructions must not:" + text);
  }
  for (int round = 0; round < bench.rounds; ++round)
    for (const Side& side : asked) {
      const Samples samples = TRY(run_side(at, rows, side, {.icount = false, .limit_s = bench.limit_s}, progress));
      for (RowResult& result : results) append(result.*side.timed, samples.at(result.row.name).nanoseconds);
    }
  return results;
}

Result<int> bench_exos(const Locations& at, const std::vector<std::string>& words) {
  ExosBench bench;
  bool no_linux = false, no_times = false;
  CLI::App app{"What Linux calls cost on ExOS and on Linux, in the same QEMU with the same binaries", "exo bench exos"};
  declare(app, bench, no_linux, no_times);
  try {
    app.parse(std::vector<std::string>{words.rbegin(), words.rend()});
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    return fail(own_failure, std::string{error.what()} + ": see `exo bench exos --help`");
  }
  bench.with_linux = !no_linux;
  if (no_times) bench.rounds = 0;
  const std::vector<RowResult> results = TRY(measure_rows(at, bench));
  if (bench.json != "-") std::fputs(table_of(results).c_str(), stdout);
  if (!bench.json.empty()) TRY_VOID(write_text(bench.json, json_of(results)));
  return std::ranges::any_of(results, [](const RowResult& r) { return !r.exos.failure.empty(); }) ? 1 : 0;
}

}  // namespace exo
