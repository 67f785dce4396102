// SPDX-License-Identifier: MIT
#include "exo/library_search.hpp"

#include <glob.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace exo {
namespace fs = std::filesystem;
namespace {

// What the loaders search without being told. glibc's as Debian builds it.
const std::vector<std::string> glibc_folders{
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
const std::vector<std::string> musl_folders{"/lib", "/usr/local/lib", "/usr/lib"};

// musl's loader is its libc: these names never lead to a file.
bool is_part_of_musl(const std::string& name) {
  constexpr std::array<std::string_view, 8> parts{"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.",
                                                  "libxnet.", "ld-musl-"};
  return std::ranges::any_of(parts, [&](std::string_view part) { return name.starts_with(part); });
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string expand(std::string folder, const std::string& origin) {
  for (const std::string_view form : {"$ORIGIN", "${ORIGIN}"}) replace_all(folder, form, origin);
  for (const std::string_view form : {"$LIB", "${LIB}"}) replace_all(folder, form, "lib/x86_64-linux-gnu");
  for (const std::string_view form : {"$PLATFORM", "${PLATFORM}"}) replace_all(folder, form, "x86_64");
  return folder;
}

std::string folder_of(const std::string& path) {
  const fs::path folder = fs::path{path}.parent_path();
  return folder.empty() ? "/" : folder.string();
}

}  // namespace

Loader loader_of(const std::string& interpreter) {
  return interpreter.find("ld-musl") == std::string::npos ? Loader::glibc : Loader::musl;
}

std::vector<std::string> read_loader_configuration(const std::string& file) {
  std::vector<std::string> folders;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line.substr(0, line.find('#'))};
    for (std::string word; words >> word;) {
      if (word != "include") {
        folders.push_back(word);
        continue;
      }
      words >> word;
      if (!word.starts_with('/')) word = folder_of(file) + "/" + word;
      glob_t found{};
      if (::glob(word.c_str(), 0, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i)
          std::ranges::copy(read_loader_configuration(found.gl_pathv[i]), std::back_inserter(folders));
      ::globfree(&found);
    }
  }
  return folders;
}

LibrarySearch::LibrarySearch(const std::string& library_path) {
  std::istringstream parts{library_path};
  for (std::string part; std::getline(parts, part, ':');)
    if (!part.empty()) library_path_.push_back(part);
  for (const std::string& folder : read_loader_configuration("/etc/ld.so.conf"))
    if (std::ranges::find(glibc_folders, folder) == glibc_folders.end()) configured_.push_back(folder);
}

const ElfFile* LibrarySearch::open(const std::string& path) {
  const auto known = opened_.find(path);
  if (known != opened_.end()) return known->second.get();
  auto file = ElfFile::open(path);
  auto& slot = opened_[path];
  if (file.has_value()) slot = std::make_unique<ElfFile>(*std::move(file));
  return slot.get();
}

const ElfFile* LibrarySearch::in_folders(const std::vector<std::string>& folders, const std::string& name,
                                         const Requester& by, std::string& path) {
  for (const std::string& folder : folders) {
    path = expand(folder, by.origin) + "/" + name;
    if (const ElfFile* file = open(path)) return file;
  }
  return nullptr;
}

const ElfFile* LibrarySearch::find(const std::string& name, const Requester& by, Loader loader, std::string& path,
                                   bool& cached) {
  cached = false;
  if (name.find('/') != std::string::npos) {
    path = expand(name, by.origin);
    return open(path);
  }
  // RPATH of the requester and of those that brought it in; glibc ignores it where the requester has a RUNPATH.
  if (by.file->runpath.empty())
    for (const Requester* r = &by; r != nullptr; r = r->parent)
      if (r->file->runpath.empty())
        if (const ElfFile* file = in_folders(r->file->rpath, name, *r, path)) return file;
  if (const ElfFile* file = in_folders(library_path_, name, by, path)) return file;
  if (const ElfFile* file = in_folders(by.file->runpath, name, by, path)) return file;
  if (loader == Loader::musl) {
    // musl looks at the RUNPATH of those that brought it in, too, and has a configuration of its own.
    for (const Requester* r = by.parent; r != nullptr; r = r->parent)
      if (const ElfFile* file = in_folders(r->file->runpath, name, *r, path)) return file;
    const auto configured = read_loader_configuration("/etc/ld-musl-x86_64.path");
    return in_folders(configured.empty() ? musl_folders : configured, name, by, path);
  }
  if (by.file->no_default_folders) return nullptr;
  if (const ElfFile* file = in_folders(configured_, name, by, path)) {
    cached = true;
    return file;
  }
  return in_folders(glibc_folders, name, by, path);
}

FoundLibraries LibrarySearch::libraries_of(const ElfFile& program, Loader loader) {
  FoundLibraries found;
  std::error_code error;
  const fs::path real = fs::canonical(program.path, error);
  std::deque<Requester> queue;  // a deque: its elements stay where they are
  queue.push_back({&program, folder_of(error ? program.path : real.string()), nullptr});
  std::set<std::string> loaded{program.soname};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const Requester& by = queue[i];
    for (const std::string& name : by.file->needed) {
      if (!loaded.insert(name).second || (loader == Loader::musl && is_part_of_musl(name))) continue;
      std::string path;
      bool cached = false;
      const ElfFile* file = find(name, by, loader, path, cached);
      if (file == nullptr) {
        found.missing.push_back(name + ", which " + by.file->path + " needs");
        continue;
      }
      if (!file->soname.empty()) loaded.insert(file->soname);
      if (cached) found.from_cache.emplace(name, path);
      found.paths.push_back(path);
      queue.push_back({file, folder_of(path), &by});
    }
  }
  return found;
}

namespace {

// glibc's order of names in its cache: runs of digits compare as numbers. [glibc, elf/dl-cache.c]
int compare_names(std::string_view a, std::string_view b) {
  const auto digit = [](std::string_view s, std::size_t i) { return i < s.size() && s[i] >= '0' && s[i] <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size()) {
    if (digit(a, i)) {
      if (!digit(b, j)) return 1;
      std::uint64_t x = 0, y = 0;
      while (digit(a, i)) x = x * 10 + static_cast<std::uint64_t>(a[i++] - '0');
      while (digit(b, j)) y = y * 10 + static_cast<std::uint64_t>(b[j++] - '0');
      if (x != y) return x < y ? -1 : 1;
      continue;
    }
    if (digit(b, j)) return -1;
    if (j >= b.size() || a[i] != b[j]) return (j >= b.size() || a[i] > b[j]) ? 1 : -1;
    ++i, ++j;
  }
  return j < b.size() ? -1 : 0;
}

// The cache's layout, format 1.1. [glibc, sysdeps/generic/dl-cache.h]
struct CacheHeader {
  char magic[20];
  std::uint32_t count, strings_size;
  std::uint8_t flags, padding[3];
  std::uint32_t extension, unused[3];
};
static_assert(sizeof(CacheHeader) == 48);
struct CacheEntry {
  std::int32_t flags;
  std::uint32_t key, value, os_version;
  std::uint64_t hwcap;
};
static_assert(sizeof(CacheEntry) == 24);
constexpr std::int32_t libc6_x86_64 = 0x0303;
constexpr std::uint8_t little_endian = 2;

template <typename T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::string make_loader_cache(const std::map<std::string, std::string>& libraries) {
  std::vector<std::pair<std::string, std::string>> sorted{libraries.begin(), libraries.end()};
  std::ranges::sort(sorted, [](const auto& a, const auto& b) { return compare_names(a.first, b.first) > 0; });
  const std::size_t strings_at = sizeof(CacheHeader) + sorted.size() * sizeof(CacheEntry);
  std::string entries, strings;
  const auto place = [&](const std::string& text) {
    const auto at = static_cast<std::uint32_t>(strings_at + strings.size());
    strings += text;
    strings += '\0';
    return at;
  };
  for (const auto& [name, path] : sorted) {
    const std::uint32_t key = place(name), value = place(path);
    append(entries, CacheEntry{.flags = libc6_x86_64, .key = key, .value = value, .os_version = 0, .hwcap = 0});
  }
  CacheHeader header{};
  std::memcpy(&header.magic[0], "glibc-ld.so.cache1.1", sizeof header.magic);
  header.count = static_cast<std::uint32_t>(sorted.size());
  header.strings_size = static_cast<std::uint32_t>(strings.size());
  header.flags = little_endian;
  std::string out;
  append(out, header);
  return out + entries + strings;
}

}  // namespace exo
