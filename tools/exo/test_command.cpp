// SPDX-License-Identifier: MIT
#include "exo/test_command.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>

#include "exo/child.hpp"
#include "exo/guest_tests.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr unsigned workers = 2;

struct Job {
  std::string name;
  std::function<Outcome()> run;
};

struct Selection {
  std::vector<std::string> names;  // parts of names; none: all
  bool with_long = false;
  std::string qemu;                // for tests/e2e, instead of the usual one
  std::string arguments;           // for the guest tests, at the end of the command line
  bool with_log = false;           // the guests' logs are printed too
  [[nodiscard]] bool takes(const std::string& name) const {
    if (names.empty()) return true;
    for (const std::string& part : names)
      if (name.find(part) != std::string::npos) return true;
    return false;
  }
};

// The binaries of tests that run on the host, and for how long at most.
void add_host_jobs(const Locations& at, const Selection& selection, std::vector<Job>& jobs) {
  const fs::path tests = at.build / "tests";
  const auto add = [&](const std::string& name, std::vector<std::string> command, int timeout_s) {
    if (!selection.takes(name)) return;
    if (command[0].starts_with('/') && !fs::exists(command[0])) {
      jobs.push_back({name, [] { return Outcome{.passed = false, .detail = "it has not been built", .log = {}}; }});
      return;
    }
    jobs.push_back({name, [command, timeout_s] { return run_host_test(command, timeout_s); }});
  };
  const int fuzz_s = selection.with_long ? 600 : 20, engine_s = selection.with_long ? 1800 : 20;
  add("check/layers", {"/bin/sh", (at.source / "tools/check/layers").string(), at.source.string()}, 60);
  add("check/licence", {"/bin/sh", (at.source / "tools/check/licence").string(), at.source.string()}, 60);
  add("unit/core", {(tests / "unit/unit_tests").string(), "--gtest_brief=1"}, 300);
  add("unit/exo", {(tests / "exo/exo_unit_tests").string(), "--gtest_brief=1"}, 300);
  add("nocompile/rights", {"/bin/sh", (at.source / "tests/nocompile/run").string(), at.source.string()}, 300);
  add("linux/covered", {"/bin/sh", (at.source / "tests/linux/covered").string(), at.source.string()}, 60);
  add("docs/compatibility", {(at.build / "tools/docs/docs_compatibility").string(), at.source.string(), "--check"}, 60);
  add("docs/calls", {(at.build / "tools/docs/docs_calls").string(), at.source.string(), "--check"}, 60);
  add("docs/tutorial",
      {(at.build / "tools/docs/docs_quotes").string(), (at.source / "docs/tutorial.md").string(),
       (at.source / "libos/special/hello/hello.cpp").string()},
      60);
  add("bench/kernel", {(at.build / "tools/exo/exo").string(), "bench", "kernel", "--no-times", "--twice"}, 120);
  add("bench/exos", {(at.build / "tools/exo/exo").string(), "bench", "exos", "--no-linux", "--no-times", "--twice"}, 300);
  add("bench/guard", {(at.build / "tools/exo/exo").string(), "bench", "guard"}, 300);
  if (selection.with_long) add("bench/apps", {(at.build / "tools/exo/exo").string(), "bench", "apps", "--no-linux", "--no-times", "--twice"}, 1200);
  if (selection.with_long)  // fetches Debian's kernel the first time
    add("bench/linux", {(at.build / "tools/exo/exo").string(), "bench", "exos", "--no-times", "--twice"}, 1200);
  add("unit/program", {(tests / "program/program_tests").string(), "--gtest_brief=1"}, 600);
  add("fuzz/program",
      {(tests / "program/fuzz_program").string(), "-max_total_time=" + std::to_string(engine_s), "-seed=1", "-max_len=600",
       "--packed=" + (at.source / "tests/program/corpus_program.bin").string()},
      engine_s + 300);
  add("fuzz/object",
      {(tests / "program/fuzz_object").string(), "-max_total_time=" + std::to_string(fuzz_s / 2), "-seed=1", "-max_len=20000",
       "-seed_inputs=" + (tests / "program/counts.c.o").string() + "," + (tests / "program/damage.c.o").string()},
      fuzz_s + 120);
  add("fuzz/classic",
      {(tests / "program/fuzz_classic").string(), "-max_total_time=" + std::to_string(fuzz_s / 2), "-seed=1", "-max_len=400"}, fuzz_s + 120);
  add("fuzz/calls", {(tests / "fuzz/fuzz_calls").string(), "-max_total_time=" + std::to_string(fuzz_s), "-seed=1"},
      fuzz_s + 120);
}

Status add_guest_jobs(const Locations& at, const Selection& selection, std::vector<Job>& jobs) {
  for (const char* family : {"kernel", "hostile"}) {
    const auto tests = TRY(load_guest_tests(at.source / "tests" / family, at.build / "tests" / family));
    for (GuestTest test : tests) {
      if (!selection.takes(test.name) || (test.is_long && !selection.with_long)) continue;
      if (!selection.arguments.empty()) test.arguments += " " + selection.arguments;
      jobs.push_back({test.name, [&at, test] { return run_guest_test(at, test); }});
    }
  }
  auto tests = TRY(load_end_to_end_tests(at.source / "tests/e2e"));
  std::ranges::move(conformance_tests(at.source / "tests/linux", at.build / "tests/linux"), std::back_inserter(tests));
  for (const EndToEndTest& test : tests)
    if (selection.takes(test.name) && (!test.is_long || selection.with_long))
      jobs.push_back({test.name, [&at, test, qemu = selection.qemu] { return run_end_to_end_test(at, test, qemu); }});
  return {};
}

void print_indented(const std::string& text) {
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::printf("    %s\n", text.substr(start, end - start).c_str());
    start = end + 1;
  }
}

// Takes jobs in order until none is left.
class Runner {
 public:
  enum class Logs : bool { hidden, shown };
  Runner(const std::vector<Job>& jobs, Logs logs) : jobs_{jobs}, logs_{logs} {}
  int run() {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    std::printf("%d passed, %d failed\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  void work() {
    using clock = std::chrono::steady_clock;
    for (std::size_t i = next_++; i < jobs_.size(); i = next_++) {
      const auto start = clock::now();
      const Outcome outcome = jobs_[i].run();
      const double seconds = std::chrono::duration<double>(clock::now() - start).count();
      const std::lock_guard lock{print_};
      std::printf("%s %s (%.1f s)\n", outcome.passed ? "ok  " : "FAIL", jobs_[i].name.c_str(), seconds);
      if (!outcome.passed) print_indented(outcome.detail);
      else if (logs_ == Logs::shown) print_indented(outcome.log);
      std::fflush(stdout);
      ++(outcome.passed ? passed_ : failed_);
    }
  }

  const std::vector<Job>& jobs_;
  const Logs logs_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex print_;
  int passed_ = 0, failed_ = 0;  // under print_
};

}  // namespace

Result<int> test(const Locations& at, const std::vector<std::string>& words) {
  Selection selection;
  bool only_list = false;
  for (const std::string& word : words) {
    if (word == "--long") selection.with_long = true;
    else if (word == "--list") only_list = true;
    else if (word == "--log") selection.with_log = true;
    else if (word.starts_with("--qemu=")) selection.qemu = word.substr(7);
    else if (word.starts_with("--arguments=")) selection.arguments = word.substr(12);
    else if (word.starts_with('-'))
      return fail(own_failure, "unknown option " + word + ": `exo test [NAME...] [--long] [--list] [--log] [--arguments=TEXT] [--qemu=PATH]`");
    else selection.names.push_back(word);
  }
  std::vector<Job> jobs;
  add_host_jobs(at, selection, jobs);
  TRY_VOID(add_guest_jobs(at, selection, jobs));
  if (jobs.empty()) return fail(own_failure, "no test has such a name: see `exo test --list`");
  if (only_list) {
    for (const Job& job : jobs) std::printf("%s\n", job.name.c_str());
    return 0;
  }
  end_children_on_signal();
  return Runner{jobs, selection.with_log ? Runner::Logs::shown : Runner::Logs::hidden}.run();
}

}  // namespace exo
