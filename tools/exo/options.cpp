// SPDX-License-Identifier: MIT
#include "exo/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/bits.hpp"
#include "exo/accelerator.hpp"
#include "exo/size.hpp"

namespace exo {
namespace {

struct Raw {
  std::vector<std::string> volumes, reclaims;
  std::string memory, swap, machine = "q35", acceleration = "auto";
};

void declare_for_debugger(CLI::App& app, RunOptions& options) {
  app.add_option("--process", options.debugged, "Stop where this process's program starts; breakpoints count in it alone")->type_name("NAME|PID");
  app.add_option("--commands", options.debugger_commands, "gdb does what FILE says, and ends")->type_name("FILE");
}

void declare(CLI::App& app, RunOptions& options, Raw& raw) {
  app.add_option("-e,--env", options.environment, "Set a variable in the program's environment (repeat)")
      ->type_name("K=V")->allow_extra_args(false);
  app.add_option("-v,--volume", raw.volumes,
                 "Show a host directory in the guest; rw: write its changes back at the end")
      ->type_name("SRC:DST[:ro|:rw]")
      ->allow_extra_args(false);
  app.add_option("--copy", options.copies, "Take a file, a directory or a program (by name) along (repeat)")
      ->type_name("PATH")->allow_extra_args(false);
  app.add_option("-m,--memory", raw.memory, "The guest's memory, as 256M or 1G")->type_name("SIZE");
  app.add_option("--swap", raw.swap, "Memory beside -m for pages that do not fit; default: half of -m, 0 without -m")
      ->type_name("SIZE");
  app.add_option("--reclaim", raw.reclaims,
                 "Ask the container for memory back TIME after its start, and take by force what it has not given GRACE "
                 "(2s) later (repeat)")
      ->type_name("SIZE|N%@TIME[:GRACE]")
      ->allow_extra_args(false);
  app.add_option("-w,--workdir", options.folder, "The program's working directory")->type_name("DIR");
  app.add_flag("--strace{all}", options.strace,
               "Print the program's Linux calls on standard error: all, or with =LIST those of the classes file, desc, process, network, "
               "signal, memory, ipc, or by name, all others with a ! in front");
  app.add_flag("--syscall-summary", options.syscall_summary, "Count them, and print a table at the end");
  app.add_flag("--keep-text", options.keep_text, "Never rewrite `syscall` instructions, for programs that check their own code in memory; slower");
  app.add_option("--core", options.core_folder,
                 "Keep a core file, DIR/core.NAME.PID, of each program that crashes; exo debug core FILE opens it")
      ->type_name("DIR");
  app.add_flag_callback("--guard", [&options] { options.guard = true; },
                        "Keep stray writes of programs out of the state that all processes share, where the processor has protection keys; default: "
                        "with KVM, for emulated keys are slow");
  app.add_flag_callback("--no-guard", [&options] { options.guard = false; }, "Do not");
  app.add_flag("--gdb", options.gdb, "Stop before the first instruction and wait for gdb");
  app.add_option("--machine", raw.machine, "q35 or microvm")->type_name("NAME");
  app.add_option("--accel", raw.acceleration, "auto, tcg or kvm")->type_name("NAME");
  app.add_option("--cpus", options.cpus, "Processors of the guest (1 to 64)")->type_name("N");
  app.add_flag("--icount", options.icount, "Count instructions: time in the guest is their number");
  app.add_option("--qemu", options.qemu, "The QEMU to use")->type_name("PATH");
  app.add_flag("--verbose", options.verbose, "Show the kernel's log and how the start went");
}

Status interpret(const Raw& raw, RunOptions& options) {
  for (const std::string& text : raw.volumes) options.volumes.push_back(TRY(Volume::parse(text)));
  for (const std::string& variable : options.environment)
    if (variable.find('=') == std::string::npos || variable.starts_with('='))
      return fail(own_failure, "-e " + variable + ": wants NAME=VALUE");
  if (!raw.memory.empty()) {
    options.memory = parse_size(raw.memory);
    if (!options.memory) return fail(own_failure, "-m " + raw.memory + ": wants a size, as 256M or 1G");
  }
  if (raw.swap == "0") options.swap = 0;
  else if (!raw.swap.empty() && !(options.swap = parse_size(raw.swap)))
    return fail(own_failure, "--swap " + raw.swap + ": wants a size, as 64M, or 0");
  for (const std::string& text : raw.reclaims) {
    const auto reclaim = Reclaim::parse(text);
    if (!reclaim) return fail(own_failure, "--reclaim " + text + ": wants SIZE@TIME or N%@TIME, as 32M@2s or 50%@1.5s:500ms");
    options.reclaims.push_back(*reclaim);
  }
  constexpr std::size_t most_reclaims = 16;
  if (options.reclaims.size() > most_reclaims) return fail(own_failure, "at most 16 --reclaim");
  if (raw.machine == "microvm") options.machine = MachineKind::microvm;
  else if (raw.machine != "q35") return fail(own_failure, "--machine " + raw.machine + ": wants q35 or microvm");
  using enum RunOptions::Acceleration;
  options.acceleration = TRY(read_acceleration(raw.acceleration));
  if (options.cpus < 1 || options.cpus > 64) return fail(own_failure, "--cpus wants a number from 1 to 64");
  if (options.icount && options.cpus > 1) return fail(own_failure, "--icount counts one processor: leave --cpus out");
  if (options.icount && options.acceleration == kvm) return fail(own_failure, "--icount needs emulation: --accel tcg");
  if (options.icount) options.acceleration = tcg;
  if (!options.core_folder.empty() && !std::filesystem::is_directory(options.core_folder))
    return fail(own_failure, "--core " + options.core_folder + ": is not a directory");
  if (!options.folder.starts_with('/')) return fail(own_failure, "-w " + options.folder + ": wants an absolute path");
  return {};
}

// "2s", "500ms", "1.5": seconds unless said otherwise.
std::optional<std::uint64_t> parse_time(std::string_view text) {
  const bool milliseconds = text.ends_with("ms");
  if (milliseconds) text.remove_suffix(2);
  else if (text.ends_with('s')) text.remove_suffix(1);
  const std::string number{text};
  if (number.empty() || number.size() > 12 || number.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end) * (milliseconds ? 1e6 : 1e9);
  constexpr double longest = 1e9 * 86400 * 365;
  if (*end != '\0' || value > longest) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

}  // namespace

std::optional<Reclaim> Reclaim::parse(std::string_view text) {
  constexpr std::uint64_t default_grace_ns = 2'000'000'000;
  const std::size_t at = text.find('@'), colon = text.find(':', at);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view amount = text.substr(0, at);
  Reclaim reclaim{.grace_ns = default_grace_ns};
  if (amount.ends_with('%')) {
    const std::string number{amount.substr(0, amount.size() - 1)};
    if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    reclaim.percent = static_cast<unsigned>(std::stoul(number));
    if (reclaim.percent == 0 || reclaim.percent > 100) return std::nullopt;
  } else {
    const auto bytes = parse_size(amount);
    if (!bytes || *bytes < base::page_size) return std::nullopt;
    reclaim.bytes = *bytes;
  }
  const auto when = parse_time(text.substr(at + 1, colon == std::string_view::npos ? colon : colon - at - 1));
  if (!when) return std::nullopt;
  reclaim.at_ns = *when;
  if (colon == std::string_view::npos) return reclaim;
  const auto grace = parse_time(text.substr(colon + 1));
  if (!grace) return std::nullopt;
  reclaim.grace_ns = *grace;
  return reclaim;
}

std::string Reclaim::for_init() const {
  const std::string amount = percent != 0 ? std::to_string(percent) + "%" : std::to_string(base::pages_for(bytes));
  return amount + "@" + std::to_string(at_ns) + ":" + std::to_string(grace_ns);
}

Result<std::optional<RunOptions>> parse_run_options(const std::string& name, const std::vector<std::string>& words) {
  // What stands behind the options is the program's: cut there, or at the first word that no option takes.
  const auto dashes = std::ranges::find(words, "--");
  std::vector<std::string> own{words.begin(), dashes};
  RunOptions options;
  Raw raw;
  CLI::App app{"Runs a program in a guest of its own: exo " + name + " [options] -- PROGRAM [ARGS]", "exo " + name};
  app.prefix_command();
  declare(app, options, raw);
  if (name == "gdb") declare_for_debugger(app, options);
  try {
    std::vector<std::string> reversed{own.rbegin(), own.rend()};
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::optional<RunOptions>{};
  } catch (const CLI::ParseError& error) {
    return fail(own_failure, std::string{error.what()} + ": see `exo " + name + " --help`");
  }
  options.command = app.remaining();
  if (!options.command.empty() && options.command.front().starts_with('-'))
    return fail(own_failure, "unknown option " + options.command.front() + ": see `exo " + name + " --help`");
  if (dashes != words.end()) options.command.insert(options.command.end(), dashes + 1, words.end());
  TRY_VOID(interpret(raw, options));
  if (options.command.empty())
    return fail(own_failure, "no program to run: `exo " + name + " [options] -- PROGRAM [ARGS]`");
  return options;
}

}  // namespace exo
