// SPDX-License-Identifier: MIT
#include "exo/run.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "exo/accelerator.hpp"
#include "exo/crash.hpp"
#include "exo/gdb.hpp"
#include "exo/kvm_probe.hpp"
#include "exo/panic.hpp"
#include "exo/program.hpp"
#include "exo/session.hpp"
#include "exo/size.hpp"

namespace exo {
namespace {

constexpr std::uint64_t default_memory = 256 * mib;
constexpr std::uint64_t memory_beside_archive = 192 * mib;  // what a program gets at least, when nothing is said
constexpr std::uint64_t smallest_beside_archive = 12 * mib; // below that not even the start is possible

std::string value_in(const std::vector<std::string>& environment, const std::string& name) {
  std::string value;
  for (const std::string& variable : environment)
    if (variable.starts_with(name + "=")) value = variable.substr(name.size() + 1);
  return value;
}

// A small environment that does not depend on the host's, then what -e says.
std::vector<std::string> guest_environment(const RunOptions& options) {
  std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                       "HOME=/root"};
  if (const char* terminal = std::getenv("TERM"); terminal != nullptr && ::isatty(STDIN_FILENO) != 0)
    environment.push_back(std::string{"TERM="} + terminal);
  for (const char* name : {"LANG", "TZ"})
    if (const char* value = std::getenv(name)) environment.push_back(std::string{name} + "=" + value);
  for (const std::string& variable : options.environment) {
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(environment, [&](const std::string& other) { return other.starts_with(name); });
    environment.push_back(variable);
  }
  return environment;
}

std::uint64_t wall_ns() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count());
}

// Who bounds the memory wants what does not fit somewhere else; without -m there is room for what the program needs.
std::uint64_t choose_swap(const RunOptions& options) {
  return base::align_down(options.swap.value_or(options.memory.value_or(0) / 2), base::page_size);
}

RunDescription describe_run(const RunOptions& options, const std::string& program, const std::string& folder,
                            const std::vector<std::string>& places, Accelerator accelerator) {
  RunDescription run;
  run.add("program", program);
  for (const std::string& argument : options.command) run.add("arg", argument);
  for (const std::string& variable : guest_environment(options)) run.add("env", variable);
  run.add("cwd", folder);
  run.add("uid", ::geteuid());
  run.add("gid", ::getegid());
  const mode_t mask = ::umask(022);
  ::umask(mask);
  std::array<char, 8> octal{};
  std::snprintf(octal.data(), octal.size(), "%03o", mask);
  run.add("umask", octal.data());
  for (int fd = 0; fd < 3; ++fd) run.add("tty" + std::to_string(fd), ::isatty(fd) != 0 ? "1" : "0");
  if (const auto size = Terminal::size()) {
    run.add("rows", size->rows);
    run.add("cols", size->columns);
  }
  if (!options.strace.empty()) run.add("strace", options.strace);
  if (!options.core_folder.empty()) run.add("core", "1");
  if (options.guard.value_or(accelerator == Accelerator::kvm)) run.add("guard", "1");
  if (options.syscall_summary) run.add("syscall_summary", "1");
  if (options.keep_text) run.add("keep_text", "1");
  for (std::size_t i = 0; i < places.size(); ++i)
    run.add("volume", std::to_string(i) + ":" + places[i] + (options.volumes[i].is_writable ? ":rw" : ":ro"));
  if (const std::uint64_t swap = choose_swap(options); swap != 0) run.add("swap", swap / base::page_size);
  for (const Reclaim& reclaim : options.reclaims) run.add("reclaim", reclaim.for_init());
  run.add("wall_ns", wall_ns());
  run.add("hostname", "exo");
  return run;
}

Result<std::uint64_t> choose_memory(const RunOptions& options, std::uint64_t archive) {
  const std::uint64_t least = base::align_up(archive + smallest_beside_archive, mib);
  if (!options.memory) return std::max(default_memory, base::align_up(archive + memory_beside_archive, mib));
  if (*options.memory < least)
    return fail(own_failure, "-m " + show_size(*options.memory) +
                                 " is too little: the program, its files and the system need " + show_size(least) +
                                 "; use -m " + std::to_string(least / mib) + "M or more");
  return base::align_down(*options.memory, base::page_size);
}

// Says once why it is not KVM.
Result<Accelerator> choose_and_tell(const RunOptions& options) {
  return choose_accelerator(options.acceleration, [&] {
    KvmAnswer answer = probe_kvm();
    const bool is_told = options.acceleration == RunOptions::Acceleration::automatic && (answer.is_new || options.verbose);
    if (!answer.works && is_told) std::fprintf(stderr, "exo: running under emulation: %s\n", answer.reason.c_str());
    return answer;
  });
}

void tell(const Failure& failure) { std::fprintf(stderr, "exo: %s\n", failure.text.c_str()); }

// The last lines of the log of a guest that died without a word.
void tell_last_lines(const SessionEnd& end) {
  std::string_view log = end.log.empty() ? end.qemu_words : end.log;
  constexpr int lines = 20;
  std::size_t start = log.size();
  for (int i = 0; i <= lines && start != std::string_view::npos && start > 0; ++i) start = log.rfind('\n', start - 1);
  if (start != std::string_view::npos && start > 0) log.remove_prefix(start + 1);
  std::fwrite(log.data(), 1, log.size(), stderr);
  if (!log.empty() && !log.ends_with('\n')) std::fputc('\n', stderr);
}

Result<int> conclude(const Locations& at, const RunOptions& options, const SessionEnd& end) {
  switch (end.kind) {
    case SessionEnd::Kind::exited: return end.status;
    case SessionEnd::Kind::signalled: return 128 + end.status;
    case SessionEnd::Kind::reader_gone: return 128 + SIGPIPE;
    case SessionEnd::Kind::broken_link:
      return fail(own_failure, "the guest's library OS sent something that is not a frame");
    case SessionEnd::Kind::timed_out: return fail(own_failure, "the guest took too long");
    case SessionEnd::Kind::machine_died: break;
  }
  const std::string panic = report_panic(end.log, at.kernel);
  if (!panic.empty()) std::fputs(panic.c_str(), stderr);
  else if (!options.verbose) tell_last_lines(end);
  if (end.log.empty() && !end.qemu_words.empty())
    return fail(own_failure, "QEMU did not start the guest; its words are above");
  const auto code = debug_exit_code(end.wait_status);
  return fail(own_failure, "the guest ended without an exit status (" +
                               (code ? "code " + std::to_string(*code)
                                     : "QEMU status " + std::to_string(shell_status(end.wait_status))) +
                               "); the kernel's last lines are above");
}

// All of them, also when one fails: each is a directory of the person's.
bool write_volumes_back(const RunOptions& options, const SessionEnd& end) {
  bool is_fine = true;
  for (std::size_t i = 0; i < options.volumes.size(); ++i) {
    if (!options.volumes[i].is_writable) continue;
    const auto archive = end.volumes.find(static_cast<std::uint8_t>(i));
    const auto done = write_back(options.volumes[i], archive == end.volumes.end() ? "" : archive->second);
    if (done.has_value()) continue;
    tell(done.error());
    is_fine = false;
  }
  return is_fine;
}

}  // namespace

Result<Prepared> prepare(const Locations& at, const RunOptions& options) {
  if (options.volumes.size() > 255) return fail(own_failure, "at most 255 -v");
  const std::string program = TRY(find_program(options.command.front()));
  TRY(inspect_program(program));
  MachinePlan machine{.qemu = TRY(find_qemu(options.qemu)), .kind = options.machine, .cpus = options.cpus,
                      .icount = options.icount, .kernel = at.kernel.string()};
  TRY_VOID(require_built(at.kernel));

  Packer packer{value_in(options.environment, "LD_LIBRARY_PATH")};
  TRY_VOID(packer.add_program(program));
  for (const std::string& copy : options.copies) TRY_VOID(packer.add_copy(copy));
  TRY_VOID(packer.add_common());
  std::vector<std::string> places;
  for (const Volume& volume : options.volumes) places.push_back(TRY(packer.add_volume(volume.host, volume.guest)));
  packer.tree().make_folder(packer.tree().resolve(options.folder));

  const Accelerator accelerator = TRY(choose_and_tell(options));
  Archive archive = TRY(make_archive(at, packer.tree(), describe_run(options, program, options.folder, places, accelerator)));
  machine.memory = TRY(choose_memory(options, archive.size)) + choose_swap(options);
  machine.accelerator = accelerator;
  machine.archive = archive.file.get();
  machine.command_line = "wall=" + std::to_string(wall_ns());
  return Prepared{.packer = std::move(packer), .archive = std::move(archive), .machine = std::move(machine)};
}

namespace {

std::string title_of(const RunOptions& options) {
  std::string title;
  for (const std::string& word : options.command) title += (title.empty() ? "" : " ") + word;
  return title;
}

}  // namespace

Result<int> run(const Locations& at, const RunOptions& options) {
  Prepared ready = TRY(prepare(at, options));
  std::optional<GdbSocket> gdb;
  if (options.gdb) {
    gdb.emplace(TRY(GdbSocket::create()));
    ready.machine.gdb_socket = gdb->path();
    std::fprintf(stderr, "exo: stopped; attach with: %s\n", gdb_command_line(at, gdb->path()).c_str());
  }
  Machine machine = TRY(start_machine(ready.machine));
  SessionEnd end;
  {
    const char* accelerator = ready.machine.accelerator == Accelerator::kvm ? "KVM" : "emulation (TCG)";
    Session session{machine, {.show_log = options.verbose, .announce = options.verbose,
                              .announcement = show_size(ready.machine.memory) + " of memory, " + accelerator,
                              .told = "init: reclaim: ", .core_folder = options.core_folder, .title = title_of(options)}};
    end = session.run();
  }
  const auto host_file = [&](const std::string& guest) -> std::string {
    if (guest == "[exos]") return at.library.string();
    const Node* node = ready.packer.tree().find(guest);
    return node == nullptr ? "" : node->host;
  };
  if (!end.crash.empty()) std::fputs(report_crashes(end.crash, host_file).c_str(), stderr);
  const bool is_written = end.kind == SessionEnd::Kind::signalled || end.kind == SessionEnd::Kind::reader_gone
                              ? true  // ended from outside: the directories stay as they were
                              : write_volumes_back(options, end);
  const int status = TRY(conclude(at, options, end));
  return is_written ? status : own_failure;
}

}  // namespace exo
