// SPDX-License-Identifier: MIT
#include "exo/program.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "exo/elf_file.hpp"
#include "exo/tree.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

Status check_executable(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == EACCES) return fail(cannot_execute, path + ": no permission to reach it");
    return fail(not_found, path + ": no such file");
  }
  if (S_ISDIR(status.st_mode)) return fail(cannot_execute, path + " is a directory: name a program in it");
  if (!S_ISREG(status.st_mode)) return fail(cannot_execute, path + " is not a regular file");
  if (::access(path.c_str(), R_OK) != 0) return fail(cannot_execute, path + ": no permission to read it");
  if ((status.st_mode & 0111) == 0) return fail(cannot_execute, path + " is not executable: `chmod +x " + path + "`");
  return {};
}

// The words of a #! line; empty when the file has none.
std::vector<std::string> interpreter_line(const std::string& head) {
  std::vector<std::string> words;
  if (!head.starts_with("#!")) return words;
  std::istringstream line{head.substr(2, head.find('\n') - 2)};
  for (std::string word; line >> word;) words.push_back(word);
  return words;
}

// The program that `env` will start: its first operand that is neither an option nor an assignment.
std::optional<std::string> program_of_env(const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i)
    if (!words[i].starts_with('-') && words[i].find('=') == std::string::npos) return words[i];
  return std::nullopt;
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  if (name.empty()) return fail(not_found, "the program's name is empty");
  if (name.find('/') != std::string::npos) {
    const std::string path = normal_path(name, fs::current_path().string());
    TRY_VOID(check_executable(path));
    return path;
  }
  const char* variable = std::getenv("PATH");
  std::istringstream folders{variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : variable};
  std::optional<Failure> denied;
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = normal_path((folder.empty() ? "." : folder) + "/" + name, fs::current_path().string());
    const auto checked = check_executable(path);
    if (checked.has_value()) return path;
    if (checked.error().status == cannot_execute && !fs::is_directory(path) && !denied) denied = checked.error();
  }
  if (denied) return base::Unexpected{*denied};
  return fail(not_found, name + ": no such program on PATH: install the package that has it, or give its path");
}

Result<ProgramKind> inspect_program(const std::string& path) {
  const auto elf = ElfFile::open(path);
  if (elf.has_value()) return ProgramKind{};
  if (elf.error() != base::elf::Fault::not_elf)
    return fail(cannot_execute, path + " is " + std::string{describe(elf.error())} + ": it cannot run here");

  std::string head(512, '\0');
  std::ifstream in{path, std::ios::binary};
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  const auto words = interpreter_line(head);
  if (words.empty()) {
    if (head.empty()) return fail(cannot_execute, path + " is empty: there is nothing to run");
    const bool is_text = head.find('\0') == std::string::npos;
    return fail(cannot_execute, is_text ? path + " is a text file without a `#!` line: run it as `sh " + path + "`"
                                        : path + " is not an ELF program: it cannot run here");
  }
  ProgramKind kind{.is_script = true, .interpreter = words[0], .also_runs = {}};
  if (!kind.interpreter.starts_with('/') || !fs::exists(kind.interpreter))
    return fail(cannot_execute,
                path + " wants the interpreter " + kind.interpreter + ", which is not there: install it");
  if (kind.interpreter.ends_with("/env"))
    if (const auto program = program_of_env(words)) kind.also_runs.push_back(*program);
  return kind;
}

}  // namespace exo
