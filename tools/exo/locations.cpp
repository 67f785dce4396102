// SPDX-License-Identifier: MIT
#include "exo/locations.hpp"

#include <cstdlib>

namespace exo {
namespace fs = std::filesystem;

Result<Locations> Locations::find() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(own_failure, "cannot find its own file: is /proc mounted?");
  Locations at;
  at.build = self.parent_path().parent_path().parent_path();
  at.source = at.build.parent_path();
  at.kernel = at.build / "kernel/aegis.elf";
  at.init = at.build / "init/init.elf";
  at.library = at.build / "libos/exos/exos.elf";
  return at;
}

Status require_built(const fs::path& file) {
  std::error_code error;
  if (fs::is_regular_file(file, error)) return {};
  return fail(own_failure, file.string() + " is missing: run `./exo build`");
}

fs::path cache_folder() {
  fs::path folder;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && cache[0] == '/') folder = cache;
  else if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
    folder = fs::path{home} / ".cache";
  else return {};
  folder /= "exo";
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? fs::path{} : folder;
}

}  // namespace exo
