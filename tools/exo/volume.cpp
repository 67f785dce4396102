// SPDX-License-Identifier: MIT
#include "exo/volume.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <vector>

#include "base/cpio.hpp"
#include "exo/descriptor.hpp"
#include "exo/tree.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

// Builds a tree from an archive that a stranger wrote: no name leads out of `root`, by "..", absolutely, or by a link.
class Extraction {
 public:
  explicit Extraction(int root) : root_{root} {}
  Status run(std::string_view archive);

 private:
  Status add(const base::cpio::Entry& entry);
  Status add_file(int folder, const std::string& name, const base::cpio::Entry& entry);
  Status fill(const Descriptor& file, int folder, const std::string& name, const base::cpio::Entry& entry);
  Status settle(int folder, const std::string& name, const base::cpio::Entry& entry);
  Status settle_folders();
  [[nodiscard]] Descriptor open_folder(const std::string& path) const;

  int root_;
  std::vector<base::cpio::Entry> folders_;         // their modes and times come last: what is put in changes them
  std::map<std::uint32_t, std::string> linked_;    // inode -> first name
};

bool is_safe(const std::string& name) {
  if (name.empty() || name.starts_with('/')) return false;
  for (const fs::path& part : fs::path{name})
    if (part == "..") return false;
  return true;
}

Descriptor Extraction::open_folder(const std::string& path) const {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return Descriptor{
      static_cast<int>(::syscall(SYS_openat2, root_, path.empty() ? "." : path.c_str(), &how, sizeof how))};
}

Status Extraction::settle(int folder, const std::string& name, const base::cpio::Entry& entry) {
  const bool is_link = (entry.mode & S_IFMT) == S_IFLNK;
  if (::geteuid() == 0 && ::fchownat(folder, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return fail_errno("cannot give " + name + " its owner");
  if (!is_link && ::fchmodat(folder, name.c_str(), entry.mode & 07777u, 0) != 0)
    return fail_errno("cannot give " + name + " its mode");
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{entry.mtime, 0}};
  if (::utimensat(folder, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return fail_errno("cannot give " + name + " its time");
  return {};
}

Status Extraction::add_file(int folder, const std::string& name, const base::cpio::Entry& entry) {
  if (entry.links > 1) {
    const auto [first, is_new] = linked_.try_emplace(entry.inode, std::string{entry.name});
    if (!is_new) {
      const fs::path path{first->second};
      const Descriptor source = open_folder(path.parent_path().string());
      if (!source || ::linkat(source.get(), path.filename().c_str(), folder, name.c_str(), 0) != 0)
        return fail_errno("cannot link " + name);
      if (entry.data.empty()) return {};
      // Other writers of the format put the data last.
      return fill(Descriptor{::openat(folder, name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC)}, folder, name, entry);
    }
  }
  return fill(Descriptor{::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)},
              folder, name, entry);
}

Status Extraction::fill(const Descriptor& file, int folder, const std::string& name, const base::cpio::Entry& entry) {
  if (!file) return fail_errno("cannot make " + name);
  auto left = entry.data;
  while (!left.empty()) {
    const ssize_t n = ::write(file.get(), left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write " + name);
    left = left.subspan(static_cast<std::size_t>(n));
  }
  if (::fsync(file.get()) != 0) return fail_errno("cannot write " + name);
  return settle(folder, name, entry);
}

Status Extraction::add(const base::cpio::Entry& entry) {
  const std::string whole{entry.name};
  if (!is_safe(whole)) return fail(own_failure, "the guest sent a file name that leads out of the directory");
  if (whole == ".") {
    folders_.push_back(entry);
    return {};
  }
  const fs::path path{whole};
  const Descriptor folder = open_folder(path.parent_path().string());
  if (!folder) return fail_errno("cannot reach " + whole);
  const std::string name = path.filename().string();
  switch (entry.mode & S_IFMT) {
    case S_IFDIR:
      folders_.push_back(entry);
      if (::mkdirat(folder.get(), name.c_str(), 0700) != 0) return fail_errno("cannot make " + whole);
      return {};
    case S_IFREG: return add_file(folder.get(), name, entry);
    case S_IFLNK: {
      const std::string target{reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
      if (::symlinkat(target.c_str(), folder.get(), name.c_str()) != 0) return fail_errno("cannot make " + whole);
      return settle(folder.get(), name, entry);
    }
    case S_IFIFO:
      if (::mkfifoat(folder.get(), name.c_str(), 0600) != 0) return fail_errno("cannot make " + whole);
      return settle(folder.get(), name, entry);
    default: return {};  // devices and sockets have no meaning outside the guest
  }
}

Status Extraction::settle_folders() {
  for (auto it = folders_.rbegin(); it != folders_.rend(); ++it) {
    const fs::path path{it->name};
    const Descriptor self = open_folder(path == "." ? "" : path.string());
    if (!self || ::fsync(self.get()) != 0) return fail_errno("cannot write " + path.string());
    const Descriptor parent = open_folder(path == "." ? "" : path.parent_path().string());
    if (!parent) return fail_errno("cannot reach " + path.string());
    TRY_VOID(settle(parent.get(), path.filename().string(), *it));
  }
  return {};
}

Status Extraction::run(std::string_view archive) {
  base::cpio::Reader reader{std::as_bytes(std::span{archive.data(), archive.size()})};
  base::cpio::Entry entry;
  while (true) {
    switch (reader.next(entry)) {
      case base::cpio::Step::broken: return fail(own_failure, "the guest sent a damaged archive");
      case base::cpio::Step::end: return settle_folders();
      case base::cpio::Step::entry: TRY_VOID(add(entry));
    }
  }
}

// The trailer must be the last member; behind it there is only padding.
bool is_complete(std::string_view archive) {
  const std::size_t trailer = archive.rfind("TRAILER!!!");
  return trailer != std::string_view::npos && archive.find_first_not_of('\0', trailer + 10) == std::string_view::npos;
}

bool lies_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Result<Volume> Volume::parse(const std::string& text) {
  constexpr std::string_view form = "wants SRC:DST, SRC:DST:ro or SRC:DST:rw";
  Volume volume;
  std::string rest = text;
  if (rest.ends_with(":rw") || rest.ends_with(":ro")) {
    volume.is_writable = rest.ends_with("w");
    rest.resize(rest.size() - 3);
  }
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0) return fail(own_failure, "-v " + text + ": " + std::string{form});
  std::error_code error;
  const fs::path host = fs::canonical(rest.substr(0, colon), error);
  if (error) return fail(own_failure, "-v " + text + ": there is no " + rest.substr(0, colon) + " here");
  volume.host = host.string();
  volume.guest = rest.substr(colon + 1);
  if (!volume.guest.starts_with('/'))
    return fail(own_failure, "-v " + text + ": the place in the guest must be an absolute path");
  volume.guest = normal_path(volume.guest, "/");
  if (volume.is_writable && !fs::is_directory(host))
    return fail(own_failure, "-v " + text + ": only a directory can be written back");
  if (volume.is_writable && ::access(host.parent_path().c_str(), W_OK) != 0)
    return fail(own_failure, "-v " + text + ": cannot write in " + host.parent_path().string() +
                                 ", where the new directory would be built");
  return volume;
}

Status write_back(const Volume& volume, std::string_view archive) {
  const fs::path target{volume.host}, parent = target.parent_path();
  const std::string changes = "the program's changes to " + volume.host + " are lost: ";
  if (!is_complete(archive)) return fail(own_failure, changes + "the guest ended before it had sent them");

  std::string fresh = (parent / ("." + target.filename().string() + ".exo-XXXXXX")).string();
  if (::mkdtemp(fresh.data()) == nullptr) return fail_errno(changes + "cannot make a directory in " + parent.string());
  const Descriptor root{::open(fresh.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  std::error_code ignored;
  if (const auto built = Extraction{root.get()}.run(archive); !built.has_value()) {
    fs::remove_all(fresh, ignored);
    return fail(own_failure, changes + built.error().text);
  }

  const fs::path here = fs::current_path(ignored);
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, volume.host.c_str(), RENAME_EXCHANGE) != 0)
    return fail_errno(volume.host + " was not replaced; the program's changes are in " + fresh);
  if (const Descriptor folder{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; folder)
    ::fsync(folder.get());
  std::error_code removal;
  fs::remove_all(fresh, removal);
  if (removal)
    return fail(own_failure, volume.host + " is replaced; its old contents could not be removed from " + fresh);
  // Not a failure: the program's work is there, only not yet in the directory that the person's shell stands in.
  if (lies_below(here, target))
    std::fprintf(stderr, "exo: %s was replaced: `cd %s` to see the new contents\n", volume.host.c_str(), here.c_str());
  return {};
}

}  // namespace exo
