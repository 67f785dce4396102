// SPDX-License-Identifier: MIT
#include "exo/bench_row.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "exo/scratch_folder.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view opening = "/* row\n", closing = "*/";

Status check_keys(const toml::table& table, const std::string& name) {
  static const std::set<std::string_view> known{"title", "why", "source", "aim", "guard"};
  for (const auto& [key, value] : table)
    if (!known.contains(key.str())) return fail(own_failure, name + ": unknown key " + std::string{key.str()});
  for (const char* key : {"title", "why", "source"})
    if (!table[key].is_string()) return fail(own_failure, name + ": its comment has no " + key);
  return {};
}

}  // namespace

Result<BenchRow> read_row(const std::string& name, const std::string& text) {
  const std::size_t start = text.find(opening);
  const std::size_t end = start == std::string::npos ? start : text.find(closing, start);
  if (end == std::string::npos) return fail(own_failure, name + " has no comment \"/* row\"");
  const std::size_t from = start + opening.size();
  try {
    const toml::table table = toml::parse(std::string_view{text}.substr(from, end - from));
    TRY_VOID(check_keys(table, name));
    return BenchRow{.name = name,
                    .title = table["title"].value_or(std::string{}),
                    .why = table["why"].value_or(std::string{}),
                    .source = table["source"].value_or(std::string{}),
                    .aim = table["aim"].value_or(0.0),
                    .guard = table["guard"].value_or(false),
                    .program = {}};
  } catch (const toml::parse_error& error) {
    return fail(own_failure, name + ": its comment: " + std::string{error.description()});
  }
}

Result<std::vector<BenchRow>> load_rows(const Locations& at, const std::string& folder) {
  std::vector<BenchRow> rows;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{at.source / folder, error}) {
    const fs::path& path = entry.path();
    if (path.extension() != ".c") continue;
    BenchRow row = TRY(read_row(path.stem().string(), contents_of(path)));
    row.program = at.build / folder / path.stem();
    TRY_VOID(require_built(row.program));
    rows.push_back(std::move(row));
  }
  if (error || rows.empty()) return fail(own_failure, (at.source / folder).string() + " holds no rows");
  std::ranges::sort(rows, {}, &BenchRow::name);
  return rows;
}

}  // namespace exo
