// SPDX-License-Identifier: MIT
#include "exo/bench_app.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "exo/scratch_folder.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

Result<BenchApp> app_of(const std::string& name, const toml::table& table) {
  static const std::set<std::string_view> known{"title", "why", "source", "aim", "copies", "prepare", "run", "check"};
  for (const auto& [key, value] : table)
    if (!known.contains(key.str())) return fail(own_failure, name + ": unknown key " + std::string{key.str()});
  const auto text = [&](const char* key) { return table[key].value_or(std::string{}); };
  BenchApp app{.row = {.name = name, .title = text("title"), .why = text("why"), .source = text("source"), .aim = table["aim"].value_or(0.0), .program = {}},
               .copies = {},
               .prepare = text("prepare"),
               .run = text("run"),
               .check = text("check")};
  if (app.row.title.empty() || app.row.why.empty() || app.row.source.empty() || app.run.empty() || app.check.empty())
    return fail(own_failure, name + ": wants title, why, source, run and check");
  if (const toml::array* copies = table["copies"].as_array())
    for (const toml::node& copy : *copies) app.copies.push_back(copy.value_or(std::string{}));
  return app;
}

}  // namespace

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
    app.row.program = at.build / "bench/rows/app";
    apps.push_back(std::move(app));
  }
  if (error || apps.empty()) return fail(own_failure, (at.source / folder).string() + " holds no applications");
  std::ranges::sort(apps, {}, [](const BenchApp& app) { return app.row.name; });
  return apps;
}

}  // namespace exo
