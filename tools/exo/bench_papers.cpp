// SPDX-License-Identifier: MIT
#include "exo/bench_papers.hpp"

#include <toml++/toml.h>

#include <algorithm>

#include "exo/scratch_folder.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

std::string text_of(const toml::table& table, const char* key) { return table[key].value_or(std::string{}); }

Result<PaperRow> read_paper_row(const std::string& name, const toml::table& table) {
  PaperRow row{.kernel = text_of(table, "kernel"), .exos = text_of(table, "exos"), .title = text_of(table, "title"), .missing = text_of(table, "missing")};
  const int said = (row.kernel.empty() ? 0 : 1) + (row.exos.empty() ? 0 : 1) + (row.title.empty() || row.missing.empty() ? 0 : 1);
  if (said != 1) return fail(own_failure, name + ": a row is one of `kernel`, `exos`, or `title` with `missing`");
  return row;
}

Result<PaperTable> read_table(const std::string& name, const toml::table& table) {
  PaperTable paper{.name = name, .title = text_of(table, "title"), .of = text_of(table, "of"), .rows = {}, .quoted = {}};
  const toml::array *rows = table["rows"].as_array(), *quoted = table["quoted"].as_array();
  if (paper.title.empty() || paper.of.empty() || rows == nullptr) return fail(own_failure, name + ": wants `title`, `of` and `rows`");
  for (const toml::node& node : *rows)
    if (const toml::table* row = node.as_table()) paper.rows.push_back(TRY(read_paper_row(name, *row)));
  if (quoted == nullptr) return paper;
  for (const toml::node& node : *quoted) {
    const toml::table* one = node.as_table();
    if (one == nullptr || text_of(*one, "tag").empty()) return fail(own_failure, name + ": a quoted figure without its tag");
    paper.quoted.push_back({.what = text_of(*one, "what"), .figure = text_of(*one, "figure"), .tag = text_of(*one, "tag")});
  }
  return paper;
}

}  // namespace

std::string Quoted::origin() const {
  if (tag == "3P") return "quoted by others";
  if (tag == "ABS") return "the paper's abstract";
  if (tag == "SEED3") return "the authors' slides";
  if (tag == "TEX") return "the paper's text";
  return "from memory of the paper, not re-read";
}

Result<PaperTable> read_paper_table(const std::string& name, const std::string& text) {
  try {
    return read_table(name, toml::parse(text));
  } catch (const toml::parse_error& error) {
    return fail(own_failure, name + ": " + std::string{error.description()});
  }
}

Result<std::vector<PaperTable>> load_paper_tables(const fs::path& folder) {
  std::vector<PaperTable> tables;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder, error})
    if (entry.path().extension() == ".toml") tables.push_back(TRY(read_paper_table(entry.path().stem().string(), contents_of(entry.path()))));
  if (error || tables.empty()) return fail(own_failure, folder.string() + " holds no tables");
  std::ranges::sort(tables, {}, &PaperTable::name);
  return tables;
}

}  // namespace exo
