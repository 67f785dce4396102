// SPDX-License-Identifier: MIT
#include "exo/bench_processors.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

#include "exo/run.hpp"
#include "exo/scratch_folder.hpp"
#include "exo/session.hpp"

namespace exo {
namespace {

constexpr const char* threads = "4";
constexpr const char* thousands_of_rounds = "20000";
constexpr int limit_ms = 300'000;
constexpr int rounds = 5;   // a host that is busy gives one of its threads less time, and the guest then that processor less work

using Counts = std::vector<std::uint64_t>;   // of each processor

Result<Counts> read_counts(const std::string& file) {
  std::ifstream in{file};
  std::string line;
  std::getline(in, line);
  std::istringstream words{line};
  Counts counts;
  for (std::uint64_t count = 0; words >> count;) counts.push_back(count);
  if (counts.empty()) return fail(own_failure, "the plugin counted nothing");
  return counts;
}

Result<Counts> count_on(const Locations& at, unsigned cpus) {
  const std::filesystem::path plugin = at.build / "bench/processors.so";
  TRY_VOID(require_built(plugin));
  const ScratchFolder scratch;
  RunOptions options;
  options.cpus = cpus;
  options.acceleration = RunOptions::Acceleration::tcg;
  options.command = {(at.build / "bench/drivers/threads").string(), threads, thousands_of_rounds};
  Prepared ready = TRY(prepare(at, options));
  const std::string counts = scratch.file("counts");
  ready.machine.plugin = plugin.string() + ",out=" + counts;
  Machine machine = TRY(start_machine(ready.machine));
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  Session session{machine, {.in = null.get(), .out = null.get(), .timeout_ms = limit_ms}};
  const SessionEnd end = session.run();
  if (end.kind != SessionEnd::Kind::exited || end.status != 0)
    return fail(own_failure, "the guest with " + std::to_string(cpus) + " processors failed; does QEMU take plugins of version 1?");
  return read_counts(counts);
}

}  // namespace

Result<int> bench_processors(const Locations& at) {
  std::printf("%s threads that compute: instructions of the busiest processor, all of program, library and kernel; the best of %d runs\n\n"
              "processors       busiest   speed-up\n", threads, rounds);
  std::uint64_t alone = 0;
  for (const unsigned cpus : {1u, 2u, 4u}) {
    std::uint64_t busiest = ~std::uint64_t{0};
    for (int i = 0; i < (cpus == 1 ? 1 : rounds); ++i) busiest = std::min(busiest, std::ranges::max(TRY(count_on(at, cpus))));
    if (cpus == 1) alone = busiest;
    std::printf("%10u %13llu %10.2f\n", cpus, static_cast<unsigned long long>(busiest),
                static_cast<double>(alone) / static_cast<double>(busiest));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace exo
