// SPDX-License-Identifier: MIT
#include "exo/guest_tests.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include "exo/archive.hpp"
#include "exo/bochs.hpp"
#include "exo/machine.hpp"
#include "exo/plot.hpp"
#include "exo/panic.hpp"
#include "exo/session.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t detail_lines = 60, detail_bytes = 8000;

std::string last_lines(const std::string& text) {
  std::size_t start = text.size() > detail_bytes ? text.size() - detail_bytes : 0;
  std::size_t lines = 0;
  for (std::size_t i = text.size(); i > start; --i)
    if (text[i - 1] == '\n' && ++lines > detail_lines) {
      start = i;
      break;
    }
  return text.substr(start);
}

Outcome failed(std::string why, const std::string& output = {}) {
  if (!output.empty()) why += "\n" + last_lines(output);
  return {.passed = false, .detail = std::move(why), .log = {}};
}

class Scratch {
 public:
  Scratch() {
    std::string path = "/tmp/exo-test-XXXXXX";
    if (::mkdtemp(path.data()) != nullptr) path_ = path;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string folder(const std::string& name) const {
    std::error_code ignored;
    fs::create_directory(path_ / name, ignored);
    return (path_ / name).string();
  }

 private:
  fs::path path_;
};

// The environment of a guest, for both sides, so that neither sees the tester's.
std::vector<std::string> in_clean_environment(std::vector<std::string> command,
                                              const std::vector<std::string>& more = {}) {
  std::vector<std::string> whole{"/usr/bin/env", "-i",
                                 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"};
  whole.insert(whole.end(), more.begin(), more.end());
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

std::string first_difference(const std::string& got, const std::string& want) {
  const auto [a, b] = std::ranges::mismatch(got, want);
  const auto at = static_cast<std::size_t>(a - got.begin());
  const auto near = [&](const std::string& text) {
    const std::size_t start = at > 60 ? at - 60 : 0;
    return start >= text.size() ? std::string{"(its end)"} : text.substr(start, 160);
  };
  return "they differ at byte " + std::to_string(at) + " (" + std::to_string(got.size()) + " and " +
         std::to_string(want.size()) + " bytes)\n--- got\n" + near(got) + "\n--- expected\n" + near(want);
}

std::string end_of(const Captured& result) {
  return "--- standard output\n" + last_lines(result.out) + "\n--- standard error\n" + last_lines(result.err);
}

bool is_one_line(const std::string& text) { return !text.empty() && text.find('\n') == text.size() - 1; }

Outcome judge(const EndToEndTest& test, const Captured& got, const Captured* host) {
  if (got.timed_out) return failed("not done after " + std::to_string(test.timeout_s) + " s\n" + end_of(got));
  if (host != nullptr && test.status && host->status != *test.status)
    return failed("on the host: exit status " + std::to_string(host->status) + ", expected " + std::to_string(*test.status) + "\n" +
                  end_of(*host));
  const int status = host != nullptr ? host->status : test.status.value_or(0);
  if (got.status != status)
    return failed("exit status " + std::to_string(got.status) + ", expected " + std::to_string(status) + "\n" +
                  end_of(got));
  if (host != nullptr && got.out != host->out)
    return failed("standard output: " + first_difference(got.out, host->out));
  if (test.out && got.out != *test.out) return failed("standard output: " + first_difference(got.out, *test.out));
  if (host != nullptr && test.compare_stderr && got.err != host->err)
    return failed("standard error: " + first_difference(got.err, host->err));
  if (test.err_line && (!is_one_line(got.err) || got.err.find(*test.err_line) == std::string::npos))
    return failed("standard error is not one line with \"" + *test.err_line + "\"", got.err);
  return {.passed = true, .detail = {}, .log = {}};
}

// What a host's program ends with whose kernel refuses all that it is about: then what was recorded elsewhere counts.
constexpr int no_such_thing_here = 77;

Result<Captured> on_the_host(const EndToEndTest& test, const std::string& folder) {
  std::vector<std::string> variables;
  for (std::size_t i = 0; i + 1 < test.run.size() && test.run[i] != "--"; ++i)
    if (test.run[i] == "-e") variables.push_back(test.run[i + 1]);
  const std::string place = test.folder.empty() ? folder : folder + "/" + test.folder;
  return capture(in_clean_environment(test.host_run, variables), place, test.input, test.timeout_s);
}

// By what the guest wrote.
Outcome judge_log(const GuestTest& test, const std::string& log) {
  std::string unterminated;
  for (const char c : log)
    if (c != '\r') unterminated += c;
  if (test.code == 0 && ("\n" + unterminated).find("\nPASS\n") == std::string::npos) return failed("no line PASS in its log", log);
  for (const std::string& text : test.must)
    if (log.find(text) == std::string::npos) return failed("not in its log: " + text, log);
  for (const std::string& text : test.must_not)
    if (log.find(text) != std::string::npos) return failed("must not be in its log: " + text, log);
  const Status plotted = write_plots(unterminated, test.program.parent_path() / "output");
  if (!plotted.has_value()) return failed(plotted.error().text);
  return {.passed = true, .detail = {}, .log = unterminated};
}

}  // namespace

Result<Captured> capture(const std::vector<std::string>& command, const std::string& folder, const std::string& input,
                         int timeout_s) {
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
    return fail_errno("cannot make a pipe");
  Descriptor in_read{in[0]}, in_write{in[1]}, out_read{out[0]}, out_write{out[1]}, err_read{err[0]}, err_write{err[1]};
  Child child =
      TRY(Child::start({.command = command, .keep = {}, .in = in[0], .out = out[1], .err = err[1], .folder = folder}));
  in_read.reset(), out_write.reset(), err_write.reset();
  ::fcntl(in_write.get(), F_SETFL, O_NONBLOCK);

  Captured result;
  std::string_view rest = input;
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + std::chrono::seconds{timeout_s};
  std::array<char, 65536> buffer;
  const auto take = [&](Descriptor& from, std::string& to) {
    const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
    if (n <= 0) from.reset();
    else to.append(buffer.data(), static_cast<std::size_t>(n));
  };
  while (out_read || err_read) {
    if (rest.empty()) in_write.reset();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) {
      result.timed_out = true;
      return result;  // the child goes with its object
    }
    std::array<pollfd, 3> ready{
        pollfd{out_read.get(), POLLIN, 0}, {err_read.get(), POLLIN, 0}, {in_write.get(), POLLOUT, 0}};
    ::poll(ready.data(), ready.size(), static_cast<int>(left));
    if (ready[0].revents != 0) take(out_read, result.out);
    if (ready[1].revents != 0) take(err_read, result.err);
    if (ready[2].revents == 0) continue;
    const ssize_t n = ::write(in_write.get(), rest.data(), rest.size());
    if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EAGAIN) rest = {};
  }
  const auto status = child.wait(timeout_s * 1000);
  result.timed_out = !status;
  if (status) result.status = shell_status(*status);
  return result;
}

Outcome run_host_test(const std::vector<std::string>& command, int timeout_s) {
  const auto result = capture(command, {}, {}, timeout_s);
  if (!result.has_value()) return failed(result.error().text);
  if (result->timed_out) return failed("not done after " + std::to_string(timeout_s) + " s", result->out + result->err);
  if (result->status != 0) return failed("exit status " + std::to_string(result->status), result->out + result->err);
  return {.passed = true, .detail = {}, .log = {}};
}

Outcome run_guest_test(const Locations& at, const GuestTest& test) {
  if (test.program.empty()) return failed("its program has not been built");
  auto archive = make_bare_archive(test.program.string());
  if (!archive.has_value()) return failed(archive.error().text);
  const fs::path kernel =
      test.kernel.empty() ? at.kernel : at.kernel.parent_path() / ("aegis-" + test.kernel + ".elf");
  if (!fs::is_regular_file(kernel)) return failed(kernel.filename().string() + " has not been built");
  if (!test.bochs.empty()) {
    const Scratch scratch;
    const auto log = run_in_bochs(test, kernel.string(), scratch.folder("bochs"));
    return log.has_value() ? judge_log(test, *log) : failed(log.error().text);
  }
  const auto qemu = find_qemu("");
  if (!qemu.has_value()) return failed(qemu.error().text);
  std::string command_line = "wall=1700000000000000000";
  if (!test.arguments.empty()) command_line += " " + test.arguments;
  auto machine = start_machine({.qemu = *qemu,
                                .console = Console::none,
                                .memory = test.memory,
                                .cpus = test.cpus,
                                .icount = test.icount_shift.has_value(),
                                .icount_shift = test.icount_shift.value_or(0),
                                .kernel = kernel.string(),
                                .command_line = command_line,
                                .archive = archive->file.get()});
  if (!machine.has_value()) return failed(machine.error().text);

  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  Session session{*machine,
                  {.in = null.get(), .out = null.get(), .err = null.get(), .timeout_ms = test.timeout_s * 1000}};
  const SessionEnd end = session.run();
  std::string log = end.log + end.qemu_words;
  const std::string panic = report_panic(end.log, kernel);
  if (!panic.empty()) log = panic;
  if (end.kind == SessionEnd::Kind::timed_out)
    return failed("not done after " + std::to_string(test.timeout_s) + " s", log);
  const auto code = end.kind == SessionEnd::Kind::machine_died ? debug_exit_code(end.wait_status) : std::nullopt;
  if (code != test.code && !panic.empty()) return {.passed = false, .detail = "the kernel panicked\n" + panic, .log = {}};
  if (code != test.code)
    return failed(code ? "the guest stopped with code " + std::to_string(*code) : "the guest died", log);
  return judge_log(test, log);
}

Outcome run_end_to_end_test(const Locations& at, const EndToEndTest& test, const std::string& qemu) {
  const Scratch scratch;
  const std::string guest_side = scratch.folder("guest"), host_side = scratch.folder("host");
  const std::string exo = (at.build / "tools/exo/exo").string();
  for (const std::string& side : {guest_side, host_side}) {
    if (test.setup.empty()) continue;
    const auto made = capture(in_clean_environment({"/bin/sh", "-eu", "-c", test.setup}, {"EXO=" + exo}), side, {}, test.timeout_s);
    if (!made.has_value() || made->status != 0 || made->timed_out)
      return failed("its setup failed", made.has_value() ? made->err : made.error().text);
  }
  if (!test.script.empty()) {
    const auto ran = capture(in_clean_environment({"/bin/sh", "-eu", "-c", test.script}, {"EXO=" + exo}), guest_side,
                             test.input, test.timeout_s);
    if (!ran.has_value()) return failed(ran.error().text);
    return judge(test, *ran, nullptr);
  }
  std::vector<std::string> command{exo, "run"};
  if (!qemu.empty()) command.insert(command.end(), {"--qemu", qemu});
  command.insert(command.end(), test.run.begin(), test.run.end());
  const auto got = capture(in_clean_environment(command), guest_side, test.input, test.timeout_s);
  if (!got.has_value()) return failed(got.error().text);
  std::optional<Captured> host;
  if (test.has_host) {
    auto native = on_the_host(test, host_side);
    if (!native.has_value()) return failed(native.error().text);
    if (native->timed_out) return failed("the host was not done in time either");
    if (native->status != no_such_thing_here || !test.out) host = *std::move(native);
  }
  Outcome outcome = judge(test, *got, host ? &*host : nullptr);
  if (!outcome.passed || test.tree.empty()) return outcome;
  return run_host_test({"diff", "-r", "--no-dereference", guest_side + "/" + test.tree, host_side + "/" + test.tree},
                       test.timeout_s);
}

}  // namespace exo
