// SPDX-License-Identifier: MIT
#include "exo/bench_app.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "exo/scratch_folder.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

std::string text_of(const toml::table& table, const char* key) { return table[key].value_or(std::string{}); }

Status check_keys(const std::string& name, const toml::table& table, const std::set<std::string_view>& known) {
  for (const auto& [key, value] : table)
    if (!known.contains(key.str())) return fail(own_failure, name + ": unknown key " + std::string{key.str()});
  return {};
}

std::vector<std::string> strings_of(const toml::table& table, const char* key) {
  std::vector<std::string> strings;
  if (const toml::array* array = table[key].as_array())
    for (const toml::node& node : *array) strings.push_back(node.value_or(std::string{}));
  return strings;
}

// What `steps`, `jobs` and `parts` hold; a key that is not asked for is unknown.
struct Item {
  std::string name, title, run;
};
Result<std::vector<Item>> items_of(const std::string& name, const toml::table& table, const char* key, const std::set<std::string_view>& wanted) {
  std::vector<Item> items;
  const toml::array* array = table[key].as_array();
  if (array == nullptr) return items;
  for (const toml::node& node : *array) {
    const toml::table* one = node.as_table();
    if (one == nullptr) return fail(own_failure, name + ": " + key + " wants tables");
    TRY_VOID(check_keys(name, *one, wanted));
    for (const std::string_view field : wanted)
      if (!(*one)[field].is_string()) return fail(own_failure, name + ": " + key + ": one without " + std::string{field});
    items.push_back({.name = text_of(*one, "name"), .title = text_of(*one, "title"), .run = text_of(*one, "run")});
  }
  return items;
}

// The drivers read lines.
std::string lines_of(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items) text += item.name + " " + item.run + "\n";
  return text;
}

void add_parts(BenchApp& app, const std::vector<Item>& items, const std::string& prefix) {
  for (const Item& item : items)
    app.parts.push_back({.name = app.row.name + "." + item.name, .title = prefix + item.title, .why = app.row.why, .source = app.row.source, .program = {}});
}

Status add_pools(BenchApp& app, const std::vector<std::string>& pools) {
  for (const std::string& pool : pools) {
    const std::size_t slash = pool.find('/');
    if (slash == std::string::npos) return fail(own_failure, app.row.name + ": a pool is \"JOBS/AT ONCE\", not " + pool);
    app.files["pools"] += pool.substr(0, slash) + " " + pool.substr(slash + 1) + "\n";
  }
  return {};
}

Status add_work(BenchApp& app, const toml::table& table) {
  const std::string& name = app.row.name;
  const std::vector<Item> steps = TRY(items_of(name, table, "steps", {"name", "title", "run"})), jobs = TRY(items_of(name, table, "jobs", {"name", "run"}));
  const std::string run = text_of(table, "run");
  if ((run.empty() ? 0 : 1) + (steps.empty() ? 0 : 1) + (jobs.empty() ? 0 : 1) != 1) return fail(own_failure, name + ": wants one of `run`, `steps` and `jobs`");
  app.driver = !run.empty() ? "script" : !steps.empty() ? "steps" : "pool";
  if (!run.empty()) app.files["run"] = run;
  if (!steps.empty()) {
    app.files["steps"] = lines_of(steps);
    int number = 0;
    for (const Item& step : steps) add_parts(app, {step}, "step " + std::to_string(++number) + ": ");
  }
  if (jobs.empty()) return {};
  app.files["jobs"] = lines_of(jobs);
  add_parts(app, TRY(items_of(name, table, "parts", {"name", "title"})), "");
  TRY_VOID(add_pools(app, strings_of(table, "pools")));
  return app.files.contains("pools") ? Status{} : fail(own_failure, name + ": jobs without pools");
}

Result<BenchApp> app_of(const std::string& name, const toml::table& table) {
  TRY_VOID(check_keys(name, table, {"title", "why", "source", "aim", "copies", "prepare", "run", "steps", "jobs", "pools", "parts", "check"}));
  BenchApp app{.row = {.name = name, .title = text_of(table, "title"), .why = text_of(table, "why"), .source = text_of(table, "source"), .aim = table["aim"].value_or(0.0), .program = {}},
               .parts = {},
               .copies = strings_of(table, "copies"),
               .driver = {},
               .files = {{"prepare", text_of(table, "prepare")}, {"check", text_of(table, "check")}}};
  if (app.row.title.empty() || app.row.why.empty() || app.row.source.empty() || app.files["check"].empty())
    return fail(own_failure, name + ": wants title, why, source and check");
  TRY_VOID(add_work(app, table));
  return app;
}

}  // namespace

AppMarks marks_of(const BenchApp& app) {
  constexpr int warm_up = 1, batches = 3;  // as bench/drivers/driver.h has them; a pool has none and one
  const auto parts = static_cast<int>(app.parts.size());
  if (app.driver == "steps") return {.skip = warm_up + batches + parts * warm_up, .take = parts * batches, .operations = batches};
  if (app.driver == "script") return {.skip = warm_up + batches + warm_up, .take = batches, .operations = batches};
  AppMarks marks{.skip = 1};
  std::istringstream pools{app.files.at("pools")};
  for (double jobs = 0, at_once = 0; pools >> jobs >> at_once; ++marks.take) marks.operations += jobs;
  return marks;
}

Result<BenchApp> read_app(const std::string& name, const std::string& text) {
  try {
    return app_of(name, toml::parse(text));
  } catch (const toml::parse_error& error) {
    return fail(own_failure, name + ": " + std::string{error.description()});
  }
}

Result<std::vector<BenchApp>> load_apps(const Locations& at, const std::string& folder) {
  std::vector<BenchApp> apps;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{at.source / folder, error}) {
    if (entry.path().extension() != ".toml") continue;
    BenchApp app = TRY(read_app(entry.path().stem().string(), contents_of(entry.path())));
    app.row.program = at.build / "bench/drivers" / app.driver;
    TRY_VOID(require_built(app.row.program));
    apps.push_back(std::move(app));
  }
  if (error || apps.empty()) return fail(own_failure, (at.source / folder).string() + " holds no applications");
  std::ranges::sort(apps, {}, [](const BenchApp& app) { return app.row.name; });
  return apps;
}

}  // namespace exo
