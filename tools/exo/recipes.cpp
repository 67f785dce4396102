// SPDX-License-Identifier: MIT
#include "exo/recipes.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

namespace exo {
namespace fs = std::filesystem;
namespace {

struct Recipe {
  std::string_view program;                    // start of the file's name; what follows are digits and dots
  std::array<std::string_view, 6> folders;  // {prefix}: the folder above the program's; {version}: the digits and dots
};

constexpr std::array recipes{
    // The standard library; without it python does not even start. Debian keeps its sitecustomize in /etc.
    Recipe{"python", {"{prefix}/lib/python{version}", "/etc/python{version}", "", "", "", ""}},
    // Debian splits perl's modules in two (perl-base and the rest) by architecture, and keeps packages' apart.
    Recipe{"perl", {"{prefix}/lib/x86_64-linux-gnu/perl-base", "{prefix}/lib/x86_64-linux-gnu/perl",
                    "{prefix}/share/perl", "{prefix}/lib/x86_64-linux-gnu/perl5", "{prefix}/share/perl5", "/etc/perl"}},
};

// Large, and of no use to a program that runs: test suites, editors, installers, link libraries, graphics tool kits,
// and modules of other packages, which the program's own packages do not depend on (take those with --copy).
constexpr std::array<std::string_view, 12> left_out{"test",       "tests",         "idlelib",       "idle_test",
                                                    "ensurepip",  "lib2to3",       "tkinter",       "turtledemo",
                                                    "pydoc_data", "site-packages", "dist-packages", "pod"};

void replace(std::string& text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

bool is_version(std::string_view text) {
  return text.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::vector<std::string> run_time_folders(const std::string& real_path) {
  const fs::path path{real_path};
  const std::string name = path.filename().string();
  const std::string prefix = path.parent_path().parent_path().string();
  std::vector<std::string> found;
  for (const Recipe& recipe : recipes) {
    if (!name.starts_with(recipe.program)) continue;
    const std::string version = name.substr(recipe.program.size());
    if (!is_version(version)) continue;
    for (const std::string_view form : recipe.folders) {
      std::string folder{form};
      replace(folder, "{prefix}", prefix);
      replace(folder, "{version}", version);
      std::error_code error;
      if (!folder.empty() && fs::is_directory(folder, error)) found.push_back(folder);
    }
  }
  return found;
}

bool belongs_in_guest(const std::string& path, const struct stat& status) {
  const std::string name = fs::path{path}.filename().string();
  if (S_ISDIR(status.st_mode))
    return std::ranges::find(left_out, name) == left_out.end() && !name.starts_with("config-");
  return !name.ends_with(".a");
}

}  // namespace exo
