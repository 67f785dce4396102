// SPDX-License-Identifier: MIT
// Which shared libraries a program will load at its start, found as the dynamic loader (glibc's or musl's) finds them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exo/elf_file.hpp"
#include "exo/failure.hpp"

namespace exo {

enum class Loader { glibc, musl };
[[nodiscard]] Loader loader_of(const std::string& interpreter);

struct FoundLibraries {
  std::vector<std::string> paths;               // as the loader will open them, in the order of loading
  std::vector<std::string> missing;             // "libx.so.1, which /usr/bin/y needs"
  std::map<std::string, std::string> from_cache;  // name -> path: those that only ld.so.cache leads to
};

class LibrarySearch {
 public:
  // `library_path`: what LD_LIBRARY_PATH will be in the guest.
  explicit LibrarySearch(const std::string& library_path);
  [[nodiscard]] FoundLibraries libraries_of(const ElfFile& program, Loader loader);

 private:
  struct Requester {
    const ElfFile* file;
    std::string origin;   // its folder
    const Requester* parent;
  };
  const ElfFile* open(const std::string& path);
  const ElfFile* find(const std::string& name, const Requester& by, Loader loader, std::string& path, bool& cached);
  const ElfFile* in_folders(const std::vector<std::string>& folders, const std::string& name, const Requester& by,
                            std::string& path);

  std::vector<std::string> library_path_, configured_;  // LD_LIBRARY_PATH; /etc/ld.so.conf
  std::map<std::string, std::unique_ptr<ElfFile>> opened_;  // null: not a library for this machine
};

// Folders named by a loader configuration file, includes followed.
[[nodiscard]] std::vector<std::string> read_loader_configuration(const std::string& file);
// Contents of an /etc/ld.so.cache that names just these libraries.
[[nodiscard]] std::string make_loader_cache(const std::map<std::string, std::string>& libraries);

}  // namespace exo
