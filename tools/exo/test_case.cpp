// SPDX-License-Identifier: MIT
#include "exo/test_case.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <toml++/toml.h>

#include "exo/scratch_folder.hpp"
#include "exo/size.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

// An instruction in 8 ns: about as fast as without counting, so that tests of time take no longer than they say.
constexpr unsigned usual_icount_shift = 3;

Result<toml::table> parse(const fs::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << file.string() << ": " << error.description() << " (" << error.source().begin << ")";
    return fail(own_failure, text.str());
  }
}

std::vector<fs::path> files_of(const fs::path& folder, std::string_view ending = ".toml") {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder, error})
    if (entry.path().extension() == ending) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> strings(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  if (const toml::array* array = table[key].as_array())
    for (const auto& element : *array) out.push_back(element.value_or(std::string{}));
  else if (const auto one = table[key].value<std::string>()) out.push_back(*one);
  return out;
}

// A misspelt key would be a check that never happens.
Status check_keys(const toml::table& table, const std::set<std::string_view>& known, const std::string& where) {
  for (const auto& [key, value] : table)
    if (!known.contains(key.str())) return fail(own_failure, where + ": unknown key " + std::string{key.str()});
  return {};
}

// What the host runs: the words behind the options.
std::vector<std::string> program_part(const std::vector<std::string>& run) {
  const auto dashes = std::ranges::find(run, "--");
  return dashes == run.end() ? run : std::vector<std::string>{dashes + 1, run.end()};
}

Result<EndToEndTest> read_test(const toml::table& table, const std::string& file) {
  static const std::set<std::string_view> known{"name",        "run",    "host_run",     "host",      "stderr_too",
                                                "script",      "setup",  "folder",       "stdin",     "stdout",
                                                "stderr_line", "status", "compare_tree", "timeout_s", "long"};
  EndToEndTest test;
  test.name = file + "/" + table["name"].value_or(std::string{"unnamed"});
  TRY_VOID(check_keys(table, known, test.name));
  test.run = strings(table, "run");
  test.host_run = strings(table, "host_run");
  test.has_host = table["host"].value_or(false);
  if (test.has_host && test.host_run.empty()) test.host_run = program_part(test.run);
  test.compare_stderr = table["stderr_too"].value_or(false);
  test.script = table["script"].value_or(std::string{});
  test.setup = table["setup"].value_or(std::string{});
  test.folder = table["folder"].value_or(std::string{});
  test.input = table["stdin"].value_or(std::string{});
  test.out = table["stdout"].value<std::string>();
  test.err_line = table["stderr_line"].value<std::string>();
  if (const auto status = table["status"].value<int>()) test.status = *status;
  test.tree = table["compare_tree"].value_or(std::string{});
  test.timeout_s = table["timeout_s"].value_or(test.timeout_s);
  test.is_long = table["long"].value_or(false);
  if (test.run.empty() == test.script.empty()) return fail(own_failure, test.name + ": wants either run or script");
  return test;
}

}  // namespace

Result<std::vector<EndToEndTest>> load_end_to_end_tests(const fs::path& folder) {
  std::vector<EndToEndTest> tests;
  for (const fs::path& file : files_of(folder)) {
    const toml::table table = TRY(parse(file));
    const toml::array* list = table["test"].as_array();
    if (list == nullptr) return fail(own_failure, file.string() + ": wants [[test]] entries");
    for (const auto& element : *list) {
      const toml::table* test = element.as_table();
      if (test == nullptr) return fail(own_failure, file.string() + ": wants [[test]] entries");
      tests.push_back(TRY(read_test(*test, "e2e/" + file.stem().string())));
    }
  }
  return tests;
}

namespace {

// Those that also run under the guard: every way into the library and out of it.
bool also_guarded(std::string_view name) {
  constexpr std::array names{"faults", "keys", "mapping", "processes", "quick", "restartable", "signals", "threads", "transfer", "uring", "vdso", "vector_frames"};
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

std::vector<EndToEndTest> conformance_tests(const fs::path& sources, const fs::path& programs) {
  std::vector<EndToEndTest> tests;
  for (const fs::path& file : files_of(sources, ".c")) {
    EndToEndTest test;
    test.name = "linux/" + file.stem().string();
    test.run = {"--", (programs / file.stem()).string()};
    test.host_run = program_part(test.run);
    test.has_host = true;
    test.status = 0;
    const fs::path record = sources / (file.stem().string() + ".recorded");
    if (fs::is_regular_file(record)) test.out = contents_of(record);
    if (also_guarded(file.stem().string())) {
      tests.push_back(test);
      tests.back().name = "linux/guarded/" + file.stem().string();
      tests.back().run.insert(tests.back().run.begin(), "--guard");
    }
    tests.push_back(std::move(test));
  }
  return tests;
}

// With one processor the host's time is never the guest's: a loaded host would change what the test sees.
std::optional<unsigned> icount_shift(const toml::table& table, const GuestTest& test) {
  if (const auto shift = table["icount"].value_exact<std::int64_t>()) return static_cast<unsigned>(*shift);
  const bool counted = table["icount"].value_or(test.cpus == 1 && test.bochs.empty());
  return counted ? std::optional{usual_icount_shift} : std::nullopt;
}

Result<std::vector<GuestTest>> load_guest_tests(const fs::path& sources, const fs::path& programs) {
  static const std::set<std::string_view> known{"cpus",    "memory", "must",      "must_not", "timeout_s", "name", "about",
                                                "program", "kernel", "arguments", "icount", "code", "long", "bochs"};
  std::vector<GuestTest> tests;
  for (const fs::path& file : files_of(sources)) {
    const toml::table table = TRY(parse(file));
    GuestTest test;
    test.name = sources.filename().string() + "/" + file.stem().string();
    TRY_VOID(check_keys(table, known, test.name));
    const std::string program_name = table["program"].value_or(file.stem().string());
    for (const std::string& ending : {std::string{}, std::string{".elf"}}) {
      const fs::path program = programs / (program_name + ending);
      if (fs::is_regular_file(program)) test.program = program;
    }
    test.must = strings(table, "must");
    test.must_not = strings(table, "must_not");
    test.cpus = table["cpus"].value_or(test.cpus);
    test.timeout_s = table["timeout_s"].value_or(test.timeout_s);
    test.code = table["code"].value_or(test.code);
    test.kernel = table["kernel"].value_or(std::string{});
    test.arguments = table["arguments"].value_or(std::string{});
    test.bochs = table["bochs"].value_or(std::string{});
    test.icount_shift = icount_shift(table, test);
    test.is_long = table["long"].value_or(false);
    if (const auto text = table["memory"].value<std::string>()) test.memory = parse_size(*text).value_or(test.memory);
    else if (const auto number = table["memory"].value<std::int64_t>())
      test.memory = static_cast<std::uint64_t>(*number) * mib;
    tests.push_back(std::move(test));
  }
  return tests;
}

}  // namespace exo
