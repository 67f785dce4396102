// SPDX-License-Identifier: MIT
// docs_compatibility SOURCE_FOLDER [--check]: writes docs/compatibility.md, what ExOS does of each Linux call, from its call
// table and the list of those that it has not. --check writes nothing and fails when the page would change.
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "libos/exos/calls.def.hpp"
#include "libos/exos/missing_calls.def.hpp"

namespace {

struct Row {
  std::string name, level, format, note;
};

std::map<unsigned, Row> rows() {
  std::map<unsigned, Row> all;
#define LINUX_CALL(number, name, level, format, note) all[number] = {#name, #level, format, note};
  LINUX_CALLS(LINUX_CALL)
#undef LINUX_CALL
#define MISSING_CALL(number, name, linux) all[number] = {#name, "missing", "", std::string{#linux} == "absent" ? "Linux has none either" : ""};
  MISSING_LINUX_CALLS(MISSING_CALL)
#undef MISSING_CALL
  return all;
}

// What a call's flag words are called, by the letter of its format (calls.def.hpp).
const std::map<char, std::string> flag_words{
    {'o', "O_*"}, {'O', "O_*"}, {'m', "mode"}, {'C', "mode"}, {'a', "R_OK W_OK X_OK"}, {'A', "AT_*"}, {'3', "AT_*"},
    {'1', "AT_*"}, {'2', "STATX_*"}, {'P', "PROT_*"}, {'M', "MAP_*"}, {'z', "MREMAP_*"}, {'W', "W*"}, {'r', "GRND_*"},
    {'@', "EPOLL_CLOEXEC"}, {'#', "TIMER_ABSTIME"}, {'h', "SIG_BLOCK SIG_UNBLOCK SIG_SETMASK"}, {'E', "SEEK_*"}, {'j', "ARCH_*"},
    {'R', "RLIMIT_*"}, {'y', "CLOCK_*"}, {'q', "MADV_*"}, {'9', "POSIX_FADV_*"}, {'5', "AF_*"}, {'6', "SOCK_*"}, {'8', "PR_*"}, {'$', "PTRACE_*"},
    {'%', "UFFD_USER_MODE_ONLY, O_CLOEXEC O_NONBLOCK"},
    {'c', "CLONE_*"}, {'0', "CLONE_*"}, {'F', "FUTEX_*"}, {'Y', "F_*"}, {'i', "requests"}};

std::string flags_of(const std::string& format) {
  std::string out;
  for (const char letter : format) {
    const auto found = flag_words.find(letter);
    if (found == flag_words.end() || out.find(found->second) != std::string::npos) continue;
    if (!out.empty()) out += ", ";
    out += found->second;
  }
  return out;
}

std::string page() {
  const auto all = rows();
  std::map<std::string, unsigned> count;
  for (const auto& [number, row] : all) ++count[row.level];
  std::ostringstream out;
  out << "# Linux calls in ExOS\n\nMade from [the call table](../libos/exos/calls.def.hpp) by `ninja -C build docs`; do not edit. "
      << count["full"] << " calls are full, " << count["partial"] << "\npartial (the note says what is missing), " << count["refuse"]
      << " refuse (always the error that Linux gives where the feature is absent), " << count["missing"]
      << "\nmissing: they answer ENOSYS, and a line on standard error names the first one of each number. "
         "Each call but the missing ones has cases in\n[tests/linux](../tests/linux), which print the same on Linux and on ExOS. "
         "Flags that a row does not speak of are as on Linux 6.1; the rest of what is\nnot there is in [gaps.md](gaps.md).\n\n"
         "| number | call | flags and names that it takes | level | note |\n|---|---|---|---|---|\n";
  for (const auto& [number, row] : all)
    out << "| " << number << " | " << row.name << " | " << flags_of(row.format) << " | " << row.level << " | " << row.note << " |\n";
  return out.str();
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc == 3 && std::string{argv[2]} == "--check";
  if (argc != 2 && !check) {
    std::fputs("usage: docs_compatibility SOURCE_FOLDER [--check]\n", stderr);
    return 2;
  }
  const std::string file = std::string{argv[1]} + "/docs/compatibility.md";
  if (!check) {
    std::ofstream{file} << page();
    return 0;
  }
  std::ifstream in{file};
  std::ostringstream there;
  there << in.rdbuf();
  if (there.str() == page()) return 0;
  std::puts("docs/compatibility.md is not current: run `ninja -C build docs`");
  return 1;
}
