// SPDX-License-Identifier: MIT
#include "exo/packer.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "exo/program.hpp"
#include "exo/recipes.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

bool starts_like_elf(const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream{path, std::ios::binary}.read(magic.data(), magic.size());
  return std::string_view{magic.data(), magic.size()} == "\177ELF";
}

// Libraries that are loaded by name, not by DT_NEEDED: glibc's thread cancellation and C++ exceptions through it.
constexpr std::array<std::string_view, 1> loaded_later{"/lib/x86_64-linux-gnu/libgcc_s.so.1"};

}  // namespace

Status Packer::add_libraries(const std::string& path, Missing missing) {
  if (!done_.insert(path).second) return {};
  const auto elf = ElfFile::open(path);
  if (!elf.has_value()) return {};
  if (!elf->interpreter.empty()) {
    loader_ = loader_of(elf->interpreter);
    if (!fs::exists(elf->interpreter)) {
      if (missing == Missing::is_left_out) return {};
      return fail(own_failure, elf->interpreter + ", the loader that " + path +
                                   " needs, is not on this machine: install "
                                   "the C library that has it");
    }
    TRY(tree_.add_path(elf->interpreter));
  }
  const FoundLibraries found = search_.libraries_of(*elf, loader_);
  if (!found.missing.empty() && missing == Missing::is_an_error)
    return fail(own_failure, found.missing.front() +
                                 ", is not on this machine: install the package that has it, or set "
                                 "its folder with `-e LD_LIBRARY_PATH=`");
  for (const std::string& library : found.paths) TRY(tree_.add_path(library));
  from_cache_.insert(found.from_cache.begin(), found.from_cache.end());
  return {};
}

// Programs and modules among the files below a guest folder: theirs come along; what lacks a library here would lack it
// on the host too.
Status Packer::add_libraries_below(const std::string& guest) {
  const std::string below = guest.substr(1) + "/";
  std::vector<std::string> files;
  const auto& nodes = tree_.nodes();
  for (auto it = nodes.lower_bound(below); it != nodes.end() && it->first.starts_with(below); ++it) {
    const Node& node = it->second;
    const bool may_be_elf = (node.mode & 0111) != 0 || it->first.find(".so") != std::string::npos;
    if (node.kind == Node::Kind::file && may_be_elf && starts_like_elf(node.host)) files.push_back(node.host);
  }
  for (const std::string& file : files) TRY_VOID(add_libraries(file, Missing::is_left_out));
  return {};
}

Status Packer::add_program(const std::string& path) {
  if (done_.contains(path)) return {};
  const ProgramKind kind = TRY(inspect_program(path));
  const std::string real = TRY(tree_.add_path(path));
  if (kind.is_script) {
    done_.insert(path);
    TRY_VOID(add_program(kind.interpreter));
    for (const std::string& name : kind.also_runs) {
      const std::string program = TRY(find_program(name));
      TRY_VOID(add_program(program));
    }
    return {};
  }
  TRY_VOID(add_libraries(path, Missing::is_an_error));
  for (const std::string& folder : run_time_folders(real)) {
    const std::string at = TRY(tree_.add_path(folder));
    TRY_VOID(tree_.add_folder(at, at, belongs_in_guest, Tree::Unreadable::is_left_out));
    TRY_VOID(add_libraries_below(at));
  }
  return {};
}

Status Packer::add_copy(const std::string& what) {
  const std::string path = normal_path(what, fs::current_path().string());
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status) && (what.find('/') != std::string::npos || !find_program(what).has_value())) {
    const std::string at = TRY(tree_.add_path(path));
    TRY_VOID(tree_.add_folder(at, at, {}, Tree::Unreadable::is_an_error));
    return add_libraries_below(at);
  }
  if (what.find('/') == std::string::npos) {
    const auto program = find_program(what);
    if (program.has_value()) return add_program(*program);
  }
  if (!fs::exists(status))
    return fail(own_failure, "--copy " + what + ": there is no such file, nor a program of that name on PATH");
  const auto kind = inspect_program(path);
  if (kind.has_value() && ::access(path.c_str(), X_OK) == 0) return add_program(path);
  TRY(tree_.add_path(path));
  return add_libraries(path, Missing::is_an_error);
}

Result<std::string> Packer::add_volume(const std::string& host, const std::string& guest) {
  const std::string at = tree_.resolve(guest);
  tree_.remove(at);
  if (fs::is_directory(host)) TRY_VOID(tree_.add_folder(host, at, {}, Tree::Unreadable::is_an_error));
  else TRY_VOID(tree_.add_file(host, at));
  return at;
}

Status Packer::add_common() {
  for (const char* folder : {"dev", "proc", "run", "root", "var/tmp"}) tree_.make_folder(folder);
  tree_.make_folder("tmp", 01777);
  // On a merged /usr these are links, and names such as /bin/sh are compiled into libc (system, popen).
  for (const char* link : {"/bin", "/sbin", "/lib", "/lib64"})
    if (fs::is_symlink(link) && tree_.find(link) == nullptr) TRY(tree_.add_path(link));
  for (const char* file : {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/localtime"})
    if (fs::exists(file) && tree_.find(file) == nullptr) TRY(tree_.add_path(file));

  const bool has_glibc = tree_.find("/lib64/ld-linux-x86-64.so.2") != nullptr;
  if (!has_glibc) return {};
  // The one locale that is compiled in nowhere but always expected; nothing but glibc's setlocale reads it.
  if (const std::string locale = "/usr/lib/locale/C.utf8"; fs::exists(locale) && tree_.find(locale) == nullptr) {
    const std::string at = TRY(tree_.add_path(locale));
    TRY_VOID(tree_.add_folder(at, at, {}, Tree::Unreadable::is_left_out));
  }
  for (const std::string_view library : loaded_later)
    if (fs::exists(library)) TRY(tree_.add_path(std::string{library}));
  if (!from_cache_.empty()) tree_.add_text("etc/ld.so.cache", make_loader_cache(from_cache_), 0644);
  return {};
}

}  // namespace exo
