// SPDX-License-Identifier: MIT
// `exo bench --profile ROW`: where a row's instructions go, by function, in program, library and kernel.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exo/bench_app.hpp"

namespace exo {

// Instructions of one operation by chain: place ("program", "library", "kernel", "other"), function, what is inlined into it, and so on.
using Chain = std::vector<std::string>;
using ChainCounts = std::map<Chain, double>;

[[nodiscard]] Result<ChainCounts> profile_row(const Locations& at, const BenchRow& row);
[[nodiscard]] Result<ChainCounts> profile_app(const Locations& at, const BenchApp& app);
// The same of a row of the suite kernel: places are "kernel" and "library"; what a row leaves apart is in it.
[[nodiscard]] Result<ChainCounts> profile_kernel(const Locations& at, const std::string& key);

// The functions by share, largest first, inlined ones apart; at most `most`.
[[nodiscard]] std::string profile_table_of(const ChainCounts& counts, std::size_t most);
struct FunctionShare {
  std::string place, function;
  double count = 0, part = 0;  // instructions of an operation; of all of them, 0 to 1
};
[[nodiscard]] std::vector<FunctionShare> shares_of(const ChainCounts& counts, std::size_t most);
[[nodiscard]] std::string folded_of(const ChainCounts& counts);  // a line `a;b;c COUNT` each, as flame graph tools read it
[[nodiscard]] std::string flame_of(const ChainCounts& counts, const std::string& title);  // SVG

// The addresses that llvm-symbolizer has told of, outermost function first, from its JSON lines.
[[nodiscard]] std::map<std::uint64_t, Chain> read_symbols(const std::string& lines);

}  // namespace exo
