// SPDX-License-Identifier: MIT
#include "exo/gdb.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "exo/run.hpp"
#include "exo/session.hpp"

namespace exo {

Result<GdbSocket> GdbSocket::create() {
  std::string folder = "/tmp/exo-gdb-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return fail_errno("cannot make a folder in /tmp");
  return GdbSocket{std::move(folder)};
}

GdbSocket::~GdbSocket() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> gdb_command(const Locations& at, const std::string& socket) {
  return {"gdb", "-q", "-ex", "set confirm off", "-ex", "add-symbol-file " + at.library.string(), "-ex",
          "target remote " + socket, at.kernel.string()};
}

std::string gdb_command_line(const Locations& at, const std::string& socket) {
  std::string line;
  for (const std::string& word : gdb_command(at, socket)) {
    const bool needs_quotes = word.find(' ') != std::string::npos;
    line += (line.empty() ? "" : " ") + (needs_quotes ? "'" + word + "'" : word);
  }
  return line;
}

namespace {

// The kernel's and the library's symbols, the commands of exos_gdb.py, and the process that was asked for, up to its start.
std::vector<std::string> debugger_command(const Locations& at, const RunOptions& options, const std::string& socket) {
  std::vector<std::string> words = gdb_command(at, socket);
  if (!options.debugged.empty()) {
    std::string quoted;
    for (const char c : options.debugged) quoted += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
    words.insert(words.end(), {"-ex", "python exo_wanted = '" + quoted + "'"});
  }
  words.insert(words.end(), {"-x", (at.source / "tools/exo/exos_gdb.py").string()});
  if (!options.debugged.empty()) words.insert(words.end(), {"-ex", "continue"});
  if (!options.debugger_commands.empty()) words.insert(words.end(), {"-batch", "-x", options.debugger_commands});
  return words;
}

}  // namespace

Result<int> debug(const Locations& at, const RunOptions& options) {
  Prepared ready = TRY(prepare(at, options));
  const GdbSocket socket = TRY(GdbSocket::create());
  ready.machine.gdb_socket = socket.path();

  const pid_t guest = ::fork();
  if (guest < 0) return fail_errno("cannot start a process");
  if (guest == 0) {
    // The guest's input is not the terminal: gdb reads that.
    const Descriptor null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    auto machine = start_machine(ready.machine);
    if (!machine.has_value()) ::_exit(own_failure);
    Session session{*machine, {.in = null.get(), .show_log = true}};
    const SessionEnd end = session.run();
    ::_exit(end.kind == SessionEnd::Kind::exited ? end.status : own_failure);
  }
  ::signal(SIGINT, SIG_IGN);  // gdb's, on this terminal
  for (int waited = 0; waited < 200 && ::access(socket.path().c_str(), F_OK) != 0; ++waited) ::usleep(10'000);
  const pid_t gdb = ::fork();
  if (gdb == 0) {
    ::signal(SIGINT, SIG_DFL);
    std::vector<std::string> words = debugger_command(at, options, socket.path());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(not_found);
  }
  int status = 0;
  if (gdb > 0) ::waitpid(gdb, &status, 0);
  ::kill(guest, SIGTERM);
  ::waitpid(guest, nullptr, 0);
  if (gdb < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == not_found))
    return fail(own_failure, "gdb is not installed: `apt-get install gdb`");
  return 0;
}

}  // namespace exo
