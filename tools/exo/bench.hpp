// SPDX-License-Identifier: MIT
// `exo bench boot`: what a start costs, counted in instructions so that it repeats.
#pragma once

#include <string>
#include <vector>

#include "exo/bench_aims.hpp"
#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

struct BootCost {
  std::uint64_t instructions = 0, ns = 0;  // from entry to the first instruction of the program; emulated
  std::uint64_t kernel_frames = 0, library_frames = 0, program_frames = 0, archive_frames = 0, free_frames = 0;
  std::size_t ring0_lines = 0;
  int status = 0;                          // of the program
  [[nodiscard]] double used_mib() const;   // the archive is memory in use too: text is mapped from it, not copied
};
[[nodiscard]] Result<BootCost> measure_boot(const Locations& at);

[[nodiscard]] std::vector<Figure> figures_of(const BootCost& cost);
[[nodiscard]] std::string boot_table_of(const BootCost& cost);

[[nodiscard]] Result<int> bench_boot(const Locations& at, const std::vector<std::string>& words);

// Lines of code (neither blank nor comment) of C++ and assembly, of a file and of all below a folder.
[[nodiscard]] std::size_t count_code_lines_of(const std::filesystem::path& file);
[[nodiscard]] std::size_t count_code_lines(const std::filesystem::path& folder);

}  // namespace exo
