// SPDX-License-Identifier: MIT
// The tables M1 to M18: which rows stand for which table of the literature, what is missing, and what the papers said.
// bench/papers/NAME.toml: `title`, `of`, `rows` (each one of `kernel`, `exos`: a row's name, or `title` and `missing`), `quoted`
// (`what`, `figure`, `tag`: where the figure is from).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

struct PaperRow {
  std::string kernel, exos;    // the name of a row of that suite, or
  std::string title, missing;  // why there is none
};
struct Quoted {
  std::string what, figure;
  std::string tag;             // 3P: others' notes that quote it; ABS: abstract; SEED3: slides; TEX: the paper's text; MEM: memory
  [[nodiscard]] std::string origin() const;  // in words
};
struct PaperTable {
  std::string name, title, of;
  std::vector<PaperRow> rows;
  std::vector<Quoted> quoted;
};

[[nodiscard]] Result<PaperTable> read_paper_table(const std::string& name, const std::string& text);
[[nodiscard]] Result<std::vector<PaperTable>> load_paper_tables(const std::filesystem::path& folder);  // by name

}  // namespace exo
