// SPDX-License-Identifier: MIT
// Where the Linux side's kernel comes from: Debian's package, unpacked and not installed.
#include <fcntl.h>

#include <filesystem>
#include <sstream>

#include "exo/bench_guest.hpp"
#include "exo/child.hpp"
#include "exo/scratch_folder.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr const char* meta_package = "linux-image-cloud-amd64";
constexpr int minutes_ms = 600'000;

// The standard output of a command that must succeed.
Result<std::string> output_of(std::vector<std::string> command, const fs::path& folder) {
  const ScratchFolder scratch;
  const Descriptor out{::open(scratch.file("out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  const std::string name = command.front();
  Child child = TRY(Child::start({.command = std::move(command), .keep = {}, .out = out.get(), .err = out.get(), .folder = folder.string()}));
  const auto status = child.wait(minutes_ms);
  const std::string text = contents_of(scratch.file("out"));
  if (!status || shell_status(*status) != 0) return fail(own_failure, name + " failed: " + text);
  return text;
}

// The one vmlinuz below a folder; empty: none yet.
std::string kernel_in(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder / "boot", error})
    if (entry.path().filename().string().starts_with("vmlinuz-")) return entry.path().string();
  return {};
}

}  // namespace

std::string kernel_package_in(const std::string& words) {
  std::istringstream in{words};
  for (std::string word; in >> word;)
    if (word.starts_with("linux-image-") && word != meta_package && word.find("cloud") != std::string::npos) return word;
  return {};
}

Result<std::string> find_linux_kernel(const Locations& at) {
  const fs::path folder = at.build / "bench/linux", fetched = at.build / "bench/linux.new";
  if (const std::string kernel = kernel_in(folder); !kernel.empty()) return kernel;
  std::error_code error;
  fs::remove_all(fetched, error);
  if (!fs::create_directories(fetched, error)) return fail(own_failure, "cannot make " + fetched.string());
  const std::string package = kernel_package_in(TRY(output_of({"apt-cache", "depends", meta_package}, fetched)));
  if (package.empty()) return fail(own_failure, std::string{"apt knows no package "} + meta_package + ": run `apt-get update`");
  std::fprintf(stderr, "exo: fetching Debian's %s for the Linux side\n", package.c_str());
  TRY(output_of({"apt-get", "download", package}, fetched));
  for (const auto& entry : fs::directory_iterator{fetched})
    if (entry.path().extension() == ".deb") {
      TRY(output_of({"dpkg-deb", "-x", entry.path().string(), "."}, fetched));
      fs::remove(entry.path(), error);
      break;
    }
  fs::rename(fetched, folder, error);  // whole or not at all
  if (const std::string kernel = kernel_in(folder); !kernel.empty()) return kernel;
  return fail(own_failure, package + " holds no kernel");
}

}  // namespace exo
