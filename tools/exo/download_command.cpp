// SPDX-License-Identifier: MIT
#include "exo/download_command.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "exo/download.hpp"
#include "exo/download_profile.hpp"

namespace exo {
namespace {

constexpr int refused_status = 1;

struct Request {
  DownloadOptions program;
  ProfileOptions profile;
  bool only_bytecode = false;
};

void declare(CLI::App& app, Request& request) {
  app.require_subcommand(1);
  const auto common = [&](CLI::App& command) {
    DownloadOptions& options = request.program;
    command.add_option("FILE", options.object, "An object of `clang -target bpf -O2 -g -c`")->type_name("FILE.o");
    command.add_option("--filter", options.filter, "Instead of a file: a filter as tcpdump has it (Ethernet)")
        ->type_name("TEXT");
    command
        .add_option("--program", options.program, "One program of the file, by its function or section; default: all")
        ->type_name("NAME");
    command.add_option("--kind", options.kind, "predicate, filter or function; default: what the section is called")
        ->type_name("KIND");
    command.add_option("--min-context", options.min_context, "Contexts have at least so many bytes")
        ->type_name("BYTES");
    command.add_option("--steps", options.steps, "Step limit of a run; default: the kind's")->type_name("N");
  };
  common(*app.add_subcommand("list", "Print what an object holds: its programs, their kinds, their data"));
  common(*app.add_subcommand("check", "Say whether the kernel would take a program, and if not, why"));
  CLI::App* dump = app.add_subcommand("dump", "Print a program's instructions and its native code");
  common(*dump);
  dump->add_flag("--no-native", request.only_bytecode, "Instructions only");
  CLI::App* profile =
      app.add_subcommand("profile", "Run a program on inputs and count how often each instruction is executed");
  common(*profile);
  profile->add_option("--input", request.profile.inputs, "A context: the bytes of a file (repeat)")
      ->type_name("PATH")
      ->allow_extra_args(false);
  profile->add_option("--pcap", request.profile.captures, "Contexts: the packets of a capture (repeat)")
      ->type_name("PATH")
      ->allow_extra_args(false);
}

// Whether the kernel would take them or not.
Result<int> list(const std::vector<Download>& downloads) {
  std::printf("%-24s %-10s %12s %8s  %s\n", "PROGRAM", "KIND", "INSTRUCTIONS", "STEPS", "DATA");
  for (const Download& download : downloads)
    std::printf("%-24s %-10s %12zu %8u  %s\n", download.name.c_str(), kind_name(download.header.kind).c_str(), download.code.size(),
                download.header.steps, data_text(download).c_str());
  return 0;
}

Result<int> check(const std::vector<Download>& downloads) {
  int status = 0;
  for (const Download& download : downloads) {
    const Verified verified{download};
    if (verified.accepted()) {
      std::printf("%s\n", summary(download, verified).c_str());
      continue;
    }
    std::fprintf(stderr, "exo: %s\n", explain(download, verified).c_str());
    status = refused_status;
  }
  return status;
}

// What both dump and profile print in front of an instruction: its function, when it begins, and its source line, when
// it is another than before.
void print_source(const Download& download, std::size_t index) {
  const SourcePlace& place = download.places[index];
  const SourcePlace* before = index == 0 ? nullptr : &download.places[index - 1];
  if (!place.function.empty() && (before == nullptr || before->function != place.function))
    std::printf("\n<%s>\n", place.function.c_str());
  if (!place.text.empty() && (before == nullptr || before->line != place.line || before->file != place.file))
    std::printf("; %s:%u: %s\n", place.file.c_str(), place.line, place.text.c_str());
}

bool is_second_half(const Download& download, std::size_t index) {
  return index > 0 && download.code[index - 1].opcode == abi::bpf::load_immediate && download.code[index].opcode == 0;
}

Result<int> dump(const std::vector<Download>& downloads, bool only_bytecode) {
  int status = 0;
  for (const Download& download : downloads) {
    const Verified verified{download};
    std::printf("%s (%s)\n", download.name.c_str(), kind_name(download.header.kind).c_str());
    const bool with_native = verified.accepted() && !only_bytecode;
    if (with_native) std::printf("%s", native_text(verified.native(), 0, verified.native_at(0)).c_str());
    for (std::size_t i = 0; i < download.code.size(); ++i) {
      if (is_second_half(download, i)) continue;
      print_source(download, i);
      std::printf("%5zu: %s\n", i, instruction_text(download, i).c_str());
      const std::size_t next = i + 1 < download.code.size() && is_second_half(download, i + 1) ? i + 2 : i + 1;
      if (with_native)
        std::printf("%s", native_text(verified.native(), verified.native_at(i), verified.native_at(next)).c_str());
    }
    if (verified.accepted()) continue;
    std::fprintf(stderr, "exo: %s\n", explain(download, verified).c_str());
    status = refused_status;
  }
  return status;
}

Result<int> profile(const std::vector<Download>& downloads, const ProfileOptions& options) {
  if (options.inputs.empty() && options.captures.empty())
    return fail(own_failure, "no inputs: give some with --input FILE or --pcap FILE");
  const auto contexts = TRY(read_contexts(options));
  int status = 0;
  for (const Download& download : downloads) {
    const Verified verified{download};
    if (!verified.accepted()) {
      std::fprintf(stderr, "exo: %s\n", explain(download, verified).c_str());
      status = refused_status;
      continue;
    }
    const Profile counts = run_profile(download, verified, contexts);
    std::printf(
        "%s: %llu runs, %llu instructions; %llu with a value, %llu with 0, %llu outside the context, %llu at the step "
        "limit\n",
        download.name.c_str(), counts.runs, counts.steps, counts.nonzero, counts.zero, counts.outside,
        counts.exhausted);
    for (std::size_t i = 0; i < download.code.size(); ++i) {
      if (is_second_half(download, i)) continue;
      print_source(download, i);
      std::printf("%12llu %5zu: %s\n", counts.hits[i], i, instruction_text(download, i).c_str());
    }
  }
  return status;
}

}  // namespace

Result<int> download_command(const std::vector<std::string>& words) {
  Request request;
  CLI::App app{"Programs that applications hand to the kernel (eBPF): what it would say of them", "exo program"};
  declare(app, request);
  try {
    std::vector<std::string> reversed{words.rbegin(), words.rend()};
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    CLI::App* asked = &app;
    for (CLI::App* command : app.get_subcommands()) asked = command;
    std::cout << asked->help();
    return 0;
  } catch (const CLI::ParseError& error) {
    return fail(own_failure, std::string{error.what()} + ": see `exo program --help`");
  }
  const CLI::App& command = *app.get_subcommands().front();
  const bool has_filter = command.count("--filter") > 0;
  if (request.program.object.empty() != has_filter)
    return fail(own_failure, "give an object file, or a filter with --filter: see `exo program --help`");
  const auto downloads = TRY(read_downloads(request.program));
  if (command.get_name() == "list") return list(downloads);
  if (command.get_name() == "check") return check(downloads);
  return command.get_name() == "dump" ? dump(downloads, request.only_bytecode) : profile(downloads, request.profile);
}

}  // namespace exo
