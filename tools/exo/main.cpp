// SPDX-License-Identifier: MIT
// The command: finds the subcommand, prints what went wrong in one line, returns the status.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "exo/bench_command.hpp"
#include "exo/debug_core.hpp"
#include "exo/download_command.hpp"
#include "exo/gdb.hpp"
#include "exo/image.hpp"
#include "exo/run.hpp"
#include "exo/test_command.hpp"
#include "exo/watch.hpp"

namespace {

using exo::Locations;
using exo::Result;
using Words = std::vector<std::string>;

constexpr const char* help = R"(exo: runs programs on Aegis

  exo build                               build what changed
  exo run [options] -- PROGRAM [ARGS]     run a program in a guest of its own (exo run --help)
  exo ps [--json]                         what runs in the guests, and what it uses
  exo top [-d SECONDS] [-n TIMES]         the same again and again, the busiest first
  exo test [NAME...] [--long] [--list]    run the tests
  exo gdb [options] -- PROGRAM [ARGS]     the same as run, stopped, under gdb
  exo debug core FILE [PROGRAM]           a core file of run --core in gdb
  exo bench [SUITE...] [options]          what things cost, beside Linux: kernel, exos, papers (exo bench --help)
  exo bench boot                          what a start costs
  exo bench processors                    how threads share out their work on 1, 2 and 4 processors
  exo bench guard [--accept]              has a chosen row become dearer by more than 3 %?
  exo program check FILE.o                would the kernel take a program (eBPF)? list, dump, profile: what it is and does
  exo image iso OUT -- PROGRAM [ARGS]     a bootable ISO, for BIOS and UEFI
  exo image boot ISO [--firmware ovmf]    boot one in QEMU
)";

Result<int> run_or_debug(const Locations& at, const std::string& name, const Words& words) {
  const auto options = TRY(exo::parse_run_options(name, words));
  if (!options) return 0;
  return name == "gdb" ? exo::debug(at, *options) : exo::run(at, *options);
}

Result<int> dispatch(const Words& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    std::fputs(help, stdout);
    return 0;
  }
  const std::string& name = words[0];
  const Words rest{words.begin() + 1, words.end()};
  if (name == "program") return exo::download_command(rest);
  if (name == "ps") return exo::list_processes(rest);
  if (name == "top") return exo::watch_processes(rest);
  if (name == "debug") return exo::debug_core(rest);
  const Locations at = TRY(Locations::find());
  if (name == "run" || name == "gdb") return run_or_debug(at, name, rest);
  if (name == "test") return exo::test(at, rest);
  if (name == "image") return exo::image(at, rest);
  if (name == "bench") return exo::bench(at, rest);
  return exo::fail(exo::own_failure, "unknown command " + name + ": see `exo --help`");
}

}  // namespace

int main(int argc, char** argv) {
  Result<int> status = 0;
  try {
    status = dispatch(Words(argv + 1, argv + argc));
  } catch (const std::exception& error) {  // of the standard library: no memory, a file system that vanishes
    status = exo::fail(exo::own_failure, error.what());
  }
  if (status.has_value()) return *status;
  std::fprintf(stderr, "exo: %s\n", status.error().text.c_str());
  return status.error().status;
}
