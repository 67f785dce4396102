// SPDX-License-Identifier: MIT
#include "exo/bench_guard.hpp"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "exo/bench_exos.hpp"
#include "exo/bench_kernel.hpp"
#include "exo/bench_text.hpp"
#include "exo/scratch_folder.hpp"

namespace exo {
namespace {

constexpr std::string_view kernel_prefix = "kernel/", exos_prefix = "exos/";

std::string line_of(const std::string& name, double was, double is) {
  char change[32];
  std::snprintf(change, sizeof change, "%+.1f %%", (is - was) / was * 100);
  return name + ": " + grouped(was) + " -> " + grouped(is) + " instructions, " + change;
}

Status add_kernel_rows(const Locations& at, GuardFigures& measured) {
  for (const auto& [key, figures] : TRY(count_kernel(at)).rows) measured[std::string{kernel_prefix} + key] = figures.instructions;
  return {};
}

// Those that the guard names. Failed ones stay out, and are missing then.
Status add_exos_rows(const Locations& at, const std::string& other_folder, const GuardFigures& committed, GuardFigures& measured) {
  std::vector<BenchRow> rows = TRY(load_rows(at, "bench/rows"));
  if (!other_folder.empty())
    for (const BenchRow& other : TRY(load_rows(at, other_folder)))
      for (BenchRow& row : rows)
        if (row.name == other.name) row = other;
  for (const BenchRow& row : rows) {
    const std::string name = std::string{exos_prefix} + row.name;
    if (!committed.contains(name)) continue;
    const Sample sample = TRY(run_row_on_exos(at, row, {}));
    if (sample.failure.empty()) measured[name] = sample.least();
    else std::printf("%s failed: %s\n%s", name.c_str(), sample.failure.c_str(), sample.log.c_str());
  }
  return {};
}

void print_lines(const char* what, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("%s %s\n", what, line.c_str());
}

Result<int> accept(const std::string& file, const GuardFigures& committed, const GuardFigures& measured) {
  GuardFigures figures;
  for (const auto& [name, figure] : committed) {
    const auto found = measured.find(name);
    if (found == measured.end()) return fail(own_failure, name + " was not measured: nothing was accepted");
    figures[name] = found->second;
  }
  TRY_VOID(write_text(file, guard_text(figures)));
  std::printf("wrote %s\n", file.c_str());
  return 0;
}

}  // namespace

GuardVerdict judge(const GuardFigures& committed, const GuardFigures& measured) {
  GuardVerdict verdict;
  for (const auto& [name, was] : committed) {
    const auto found = measured.find(name);
    if (found == measured.end()) verdict.missing.push_back(name);
    else if (found->second > was * (1 + guard_tolerance)) verdict.risen.push_back(line_of(name, was, found->second));
    else if (found->second < was * (1 - guard_tolerance)) verdict.fallen.push_back(line_of(name, was, found->second));
  }
  return verdict;
}

Result<GuardFigures> read_guard(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(own_failure, "bench/guard.json is not what `exo bench guard --accept` writes");
  GuardFigures figures;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number() || value.get<double>() <= 0) return fail(own_failure, "bench/guard.json: " + name + " is no count");
    figures[name] = value.get<double>();
  }
  return figures;
}

std::string guard_text(const GuardFigures& figures) {
  nlohmann::json json;
  for (const auto& [name, figure] : figures) json[name] = std::round(figure * 10) / 10;
  return json.dump(1) + "\n";
}

Result<int> bench_guard(const Locations& at, const std::vector<std::string>& words) {
  bool accepting = false;
  std::string folder;
  CLI::App app{"Compares the instruction counts of chosen rows with bench/guard.json", "exo bench guard"};
  app.add_flag("--accept", accepting, "Write the new figures to bench/guard.json");
  app.add_option("--folder", folder, "Take rows of the same names from here in the source tree")->type_name("DIR");
  try {
    app.parse(std::vector<std::string>{words.rbegin(), words.rend()});
  } catch (const CLI::ParseError& error) {
    return fail(own_failure, std::string{error.what()} + ": `exo bench guard [--accept] [--folder DIR]`");
  }
  const std::string file = (at.source / "bench/guard.json").string();
  const GuardFigures committed = TRY(read_guard(contents_of(file)));
  GuardFigures measured;
  TRY_VOID(add_kernel_rows(at, measured));
  TRY_VOID(add_exos_rows(at, folder, committed, measured));
  const GuardVerdict verdict = judge(committed, measured);
  print_lines("risen ", verdict.risen);
  print_lines("fallen", verdict.fallen);
  print_lines("missing", verdict.missing);
  if (accepting) return accept(file, committed, measured);
  const bool is_fine = verdict.risen.empty() && verdict.missing.empty();
  std::printf("%zu rows, %zu risen by more than 3 %%, %zu fallen%s\n", committed.size(), verdict.risen.size(), verdict.fallen.size(),
              is_fine ? "" : ": make it cheaper, or accept it with `exo bench guard --accept`");
  return is_fine ? 0 : 1;
}

}  // namespace exo
