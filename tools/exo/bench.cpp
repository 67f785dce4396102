// SPDX-License-Identifier: MIT
#include "exo/bench.hpp"

#include <fcntl.h>

#include <cstdio>
#include <fstream>

#include "base/bits.hpp"
#include "exo/bench_text.hpp"
#include "exo/run.hpp"
#include "exo/session.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr int limit_ms = 120'000;
constexpr double boot_aim_instructions = 6e6, boot_aim_mib = 4.0, ring0_aim_lines = 15'000;

std::string_view trimmed(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t\r");
  return start == std::string_view::npos ? std::string_view{} : line.substr(start);
}

void add_frames(std::string& text, const char* whose, std::uint64_t frames) {
  append_format(text, "frames, %-10s %12lu  (%.2f MiB)\n", whose, frames, static_cast<double>(frames) * 4096 / (1 << 20));
}

}  // namespace

std::size_t count_code_lines_of(const fs::path& file) {
  std::ifstream in{file};
  std::size_t count = 0;
  bool in_comment = false;
  for (std::string text; std::getline(in, text);) {
    std::string_view line = trimmed(text);
    if (in_comment || line.starts_with("/*")) {
      in_comment = line.find("*/") == std::string_view::npos;
      continue;
    }
    if (!line.empty() && !line.starts_with("//")) ++count;
  }
  return count;
}

std::size_t count_code_lines(const fs::path& folder) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator{folder, error}) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".cpp" || extension == ".hpp" || extension == ".S") count += count_code_lines_of(entry.path());
  }
  return count;
}

double BootCost::used_mib() const {
  return static_cast<double>(kernel_frames + library_frames + program_frames + archive_frames) * 4096 / (1 << 20);
}

Result<BootCost> measure_boot(const Locations& at) {
  RunOptions options;
  options.icount = true;
  options.acceleration = RunOptions::Acceleration::tcg;
  options.memory = 64u << 20;
  options.swap = 0;
  options.command = {"busybox", "true"};
  Prepared ready = TRY(prepare(at, options));
  ready.machine.command_line = "wall=1700000000000000000";  // the same in every run: so is what depends on it
  Machine machine = TRY(start_machine(ready.machine));
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  Session session{machine, {.in = null.get(), .timeout_ms = limit_ms}};
  const SessionEnd end = session.run();
  if (end.kind != SessionEnd::Kind::exited || !end.figures) {
    std::fwrite(end.log.data(), 1, end.log.size(), stderr);
    return fail(own_failure, "the guest did not tell its figures");
  }
  const abi::link::BootFigures& f = *end.figures;
  return BootCost{.instructions = f.boot_instructions, .ns = f.boot_ns, .kernel_frames = f.kernel_frames, .library_frames = f.library_frames, .program_frames = f.program_frames,
                  .archive_frames = base::pages_for(ready.archive.size), .free_frames = f.free_frames, .ring0_lines = count_code_lines(at.source / "kernel"), .status = end.status};
}

std::vector<Figure> figures_of(const BootCost& cost) {
  const auto frames = [](std::uint64_t count) { return static_cast<double>(count); };
  return {{"boot_instructions", "instructions from entry to the first of busybox true", static_cast<double>(cost.instructions), boot_aim_instructions},
          {"boot_memory", "memory in use then, MiB, of 64", cost.used_mib(), boot_aim_mib},
          {"boot_frames_kernel", "frames of the kernel", frames(cost.kernel_frames), 0},
          {"boot_frames_library", "frames of the library", frames(cost.library_frames), 0},
          {"boot_frames_program", "frames of the program", frames(cost.program_frames), 0},
          {"boot_frames_archive", "frames of the archive, which text is mapped from", frames(cost.archive_frames), 0}};
}

std::string boot_table_of(const BootCost& cost) {
  std::string text = "boot to the first instruction of `busybox true`, 64 MiB, one processor, -icount shift=0\n";
  append_format(text, "instructions       %12lu  (aim: under %.0f million)\n", cost.instructions, boot_aim_instructions / 1e6);
  append_format(text, "emulated time      %12.3f ms\n", static_cast<double>(cost.ns) / 1e6);
  add_frames(text, "kernel", cost.kernel_frames);
  add_frames(text, "library", cost.library_frames);
  add_frames(text, "program", cost.program_frames);
  add_frames(text, "archive", cost.archive_frames);
  add_frames(text, "free", cost.free_frames);
  append_format(text, "memory in use      %12.2f MiB  (aim: under %.0f MiB)\n", cost.used_mib(), boot_aim_mib);
  append_format(text, "ring-0 code        %12zu lines  (aim: under %s)\n", cost.ring0_lines, grouped(ring0_aim_lines).c_str());
  return text;
}

Result<int> bench_boot(const Locations& at, const std::vector<std::string>& words) {
  for (const std::string& word : words)
    if (word != "--icount") return fail(own_failure, "unknown option " + word + ": `exo bench boot [--icount]`");
  const BootCost cost = TRY(measure_boot(at));
  std::fputs(boot_table_of(cost).c_str(), stdout);
  return cost.status;
}

}  // namespace exo
