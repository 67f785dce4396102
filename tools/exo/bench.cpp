// SPDX-License-Identifier: MIT
#include "exo/bench.hpp"

#include <fcntl.h>

#include <cstdio>
#include <fstream>

#include "base/bits.hpp"
#include "exo/run.hpp"
#include "exo/session.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr int limit_ms = 120'000;
constexpr double aim_instructions = 6e6, aim_mib = 4.0;

std::string_view trimmed(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t\r");
  return start == std::string_view::npos ? std::string_view{} : line.substr(start);
}

std::size_t code_lines_of(const fs::path& file) {
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

void print_frames(const char* whose, std::uint64_t frames) {
  std::printf("frames, %-10s %12lu  (%.2f MiB)\n", whose, frames, static_cast<double>(frames) * 4096 / (1 << 20));
}

}  // namespace

std::size_t count_code_lines(const fs::path& folder) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator{folder, error}) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".cpp" || extension == ".hpp" || extension == ".S") count += code_lines_of(entry.path());
  }
  return count;
}

Result<int> bench_boot(const Locations& at, const std::vector<std::string>& words) {
  RunOptions options;
  options.icount = true;
  options.acceleration = RunOptions::Acceleration::tcg;
  options.memory = 64u << 20;
  options.swap = 0;
  options.command = {"busybox", "true"};
  for (const std::string& word : words)
    if (word != "--icount") return fail(own_failure, "unknown option " + word + ": `exo bench boot [--icount]`");

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
  // The archive is memory in use too: text is mapped from it, not copied.
  const auto archive_frames = base::pages_for(ready.archive.size);
  const auto used = f.kernel_frames + f.library_frames + f.program_frames + archive_frames;
  const double used_mib = static_cast<double>(used) * 4096 / (1 << 20);
  std::printf("boot to the first instruction of `busybox true`, 64 MiB, one processor, -icount shift=0\n");
  std::printf("instructions       %12lu  (aim: under %.0f million)\n", f.boot_instructions, aim_instructions / 1e6);
  std::printf("emulated time      %12.3f ms\n", static_cast<double>(f.boot_ns) / 1e6);
  print_frames("kernel", f.kernel_frames);
  print_frames("library", f.library_frames);
  print_frames("program", f.program_frames);
  print_frames("archive", archive_frames);
  print_frames("free", f.free_frames);
  std::printf("memory in use      %12.2f MiB  (aim: under %.0f MiB)\n", used_mib, aim_mib);
  std::printf("ring-0 code        %12zu lines\n", count_code_lines(at.source / "kernel"));
  return end.status;
}

}  // namespace exo
