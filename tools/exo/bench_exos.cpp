// SPDX-License-Identifier: MIT
#include "exo/bench_exos.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "exo/bench_app.hpp"
#include "exo/bench_progress.hpp"

namespace exo {
namespace {

void append(std::vector<double>& all, const std::vector<double>& more) { std::ranges::copy(more, std::back_inserter(all)); }

constexpr int interrupted = 128;  // and the signal's number: a failure that is not the row's

// A side of the table in one go over all rows.
struct Side {
  Sample RowResult::*counted;
  std::vector<double> RowResult::*timed;
  std::optional<LinuxTuning> tuning;  // nothing: ExOS
};
constexpr Side sides[] = {{&RowResult::exos, &RowResult::exos_ns, {}},
                          {&RowResult::stock, &RowResult::stock_ns, LinuxTuning::stock},
                          {&RowResult::fairest, &RowResult::fairest_ns, LinuxTuning::fairest}};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// A part of a row that has failed has failed too.
void take(RowResult& result, const Side& side, bool is_counting, const Samples& samples) {
  const auto found = samples.find(result.row.name);
  if (!is_counting) {
    if (found != samples.end()) append(result.*side.timed, found->second.nanoseconds);
    return;
  }
  result.*side.counted = found != samples.end() ? found->second : Sample{.failure = "with the whole of it"};
}

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

Status expect_same(const std::vector<RowResult>& results, const Side& side, Samples& again) {
  const std::string text = differences(results, side, again);
  return text.empty() ? Status{} : fail(own_failure, "two runs differ, which counted instructions must not:" + text);
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

// A program that could not even be packed is a row that has failed.
Result<Samples> run_app_side(const Locations& at, const BenchApp& app, const BenchPlan& plan, const Side& side, Progress& progress) {
  auto ran = run_app(at, app, plan, side.tuning);
  progress.step(1);
  if (!ran.has_value() && ran.error().status < interrupted) return Samples{{app.row.name, Sample{.failure = ran.error().text}}};
  return ran;
}

Result<std::vector<RowResult>> measure_app(const Locations& at, const ExosBench& bench, const BenchApp& app, std::span<const Side> asked, Progress& progress) {
  std::vector<RowResult> rows{{.row = app.row}};
  for (const BenchRow& part : app.parts) rows.push_back({.row = part});
  for (int round = 0; round <= bench.rounds; ++round)  // the first one counts
    for (const Side& side : asked) {
      const BenchPlan plan{.icount = round == 0, .limit_s = bench.limit_s, .timed_with = bench.timed_with};
      const Samples samples = TRY(run_app_side(at, app, plan, side, progress));
      for (RowResult& result : rows) take(result, side, plan.icount, samples);
      if (!bench.twice || !plan.icount) continue;
      Samples again = TRY(run_app_side(at, app, plan, side, progress));
      TRY_VOID(expect_same(rows, side, again));
    }
  return rows;
}

}  // namespace

std::optional<double> RowResult::ratio() const {
  if (exos.counts.empty() || fairest.counts.empty() || exos.least() <= 0) return std::nullopt;
  return fairest.least() / exos.least();
}

std::optional<double> CurvePoint::ratio() const { return exos && fairest && *exos > 0 ? std::optional{*fairest / *exos} : std::nullopt; }

std::vector<CurvePoint> RowResult::points() const {
  std::map<double, CurvePoint> all;
  for (const auto& [sample, field] : {std::pair{&exos, &CurvePoint::exos}, {&stock, &CurvePoint::stock}, {&fairest, &CurvePoint::fairest}})
    for (const auto& [n, count] : sample->curve) all.try_emplace(n, CurvePoint{.n = n, .exos = {}, .stock = {}, .fairest = {}}).first->second.*field = count;
  std::vector<CurvePoint> points;
  for (const auto& [n, point] : all) points.push_back(point);
  return points;
}

const char* RowResult::verdict() const {
  if (row.aim == 0 || !ratio()) return "";
  return *ratio() >= row.aim ? "met" : "missed";
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
    TRY_VOID(expect_same(results, side, again));
  }
  for (int round = 0; round < bench.rounds; ++round)
    for (const Side& side : asked) {
      const Samples samples = TRY(run_side(at, rows, side, {.icount = false, .limit_s = bench.limit_s, .timed_with = bench.timed_with}, progress));
      for (RowResult& result : results) append(result.*side.timed, samples.at(result.row.name).nanoseconds);
    }
  return results;
}

Result<std::vector<RowResult>> measure_apps(const Locations& at, const ExosBench& bench) {
  std::vector<BenchApp> apps = TRY(load_apps(at, "bench/apps"));
  if (!bench.apps.empty()) std::erase_if(apps, [&](const BenchApp& app) { return !std::ranges::contains(bench.apps, app_prefix + app.row.name); });
  if (!bench.apps.empty() && apps.size() != bench.apps.size()) return fail(own_failure, "bench/apps does not hold all of " + joined(bench.apps));
  const std::span<const Side> asked{sides, bench.with_linux ? std::size(sides) : 1};
  Progress progress{std::ssize(apps) * ((bench.twice ? 2 : 1) + bench.rounds) * std::ssize(asked)};
  std::vector<RowResult> results;
  for (const BenchApp& app : apps) {
    std::vector<RowResult> rows = TRY(measure_app(at, bench, app, asked, progress));
    for (RowResult& result : rows) result.row.name.insert(0, app_prefix);
    std::ranges::move(rows, std::back_inserter(results));
  }
  return results;
}

}  // namespace exo
