// SPDX-License-Identifier: MIT
#include "exo/image.hpp"

#include <fcntl.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "exo/run.hpp"
#include "exo/session.hpp"
#include "exo/size.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr int grub_limit_ms = 120'000;

constexpr std::string_view grub_configuration = R"(set timeout=0
set default=0
menuentry "Aegis" {
  multiboot2 /boot/aegis.elf
  module2 /boot/archive.cpio
  boot
}
)";

// A folder in /tmp that goes when its owner goes.
class ScratchFolder {
 public:
  [[nodiscard]] static Result<ScratchFolder> create() {
    std::string path = "/tmp/exo-image-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return fail_errno("cannot make a folder in /tmp");
    return ScratchFolder{path};
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_{std::exchange(other.path_, {})} {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  explicit ScratchFolder(const std::string& path) : path_{path} {}
  fs::path path_;
};

Result<int> make_iso(const Locations& at, const std::string& out, const std::vector<std::string>& words) {
  const auto options = TRY(parse_run_options("image iso OUT", words));
  if (!options) return 0;
  const Prepared ready = TRY(prepare(at, *options));
  const ScratchFolder folder = TRY(ScratchFolder::create());
  std::error_code error;
  const fs::path tree = folder.path() / "iso", boot = tree / "boot";
  const std::string archive = "/proc/self/fd/" + std::to_string(ready.archive.file.get());
  fs::create_directories(boot / "grub", error);
  fs::copy_file(at.kernel, boot / "aegis.elf", error);
  if (!error) fs::copy_file(archive, boot / "archive.cpio", error);
  if (error) return fail(own_failure, "cannot lay the image's files out: " + error.message());
  std::ofstream{boot / "grub/grub.cfg"} << grub_configuration;

  const fs::path log = folder.path() / "log";
  const Descriptor log_file{::open(log.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  const ChildPlan plan{.command = {"grub-mkrescue", "-o", out, tree.string(), "--", "-volid", "AEGIS"}, .keep = {},
                       .out = log_file.get(), .err = log_file.get(), .folder = {}};
  auto grub = Child::start(plan);
  if (!grub.has_value())
    return fail(own_failure,
                "grub-mkrescue is not installed: `apt-get install grub-pc-bin grub-efi-amd64-bin grub-common "
                "xorriso mtools`");
  const auto status = grub->wait(grub_limit_ms);
  if (status && shell_status(*status) == 0) return 0;
  std::ifstream in{log};
  for (std::string line; std::getline(in, line);) std::fprintf(stderr, "%s\n", line.c_str());
  return fail(own_failure, "grub-mkrescue failed; its words are above");
}

Result<int> boot_iso(const std::vector<std::string>& words) {
  MachinePlan plan{.qemu = TRY(find_qemu("")), .firmware = Firmware::seabios, .memory = 512 * mib, .iso = words[0]};
  bool is_verbose = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--firmware" && i + 1 < words.size() && words[i + 1] == "ovmf") plan.firmware = Firmware::ovmf, ++i;
    else if (words[i] == "--firmware" && i + 1 < words.size() && words[i + 1] == "seabios") ++i;
    else if (words[i] == "-m" && i + 1 < words.size() && parse_size(words[i + 1]))
      plan.memory = *parse_size(words[++i]);
    else if (words[i] == "--verbose") is_verbose = true;
    else
      return fail(own_failure,
                  "unknown option " + words[i] + ": `exo image boot ISO [--firmware seabios|ovmf] [-m SIZE]`");
  }
  if (!fs::is_regular_file(plan.iso)) return fail(own_failure, plan.iso + ": no such file");
  Machine machine = TRY(start_machine(plan));
  Session session{machine, {.show_log = is_verbose, .announce = is_verbose, .announcement = show_size(plan.memory)}};
  const SessionEnd end = session.run();
  if (end.kind == SessionEnd::Kind::exited) return end.status;
  if (end.kind == SessionEnd::Kind::signalled) return 128 + end.status;
  if (end.kind == SessionEnd::Kind::reader_gone) return 128 + SIGPIPE;
  std::fwrite(end.log.data(), 1, end.log.size(), stderr);
  return fail(own_failure, "the guest ended without an exit status; the kernel's log is above");
}

}  // namespace

Result<int> image(const Locations& at, const std::vector<std::string>& words) {
  if (words.size() >= 2 && words[0] == "iso") return make_iso(at, words[1], {words.begin() + 2, words.end()});
  if (words.size() >= 2 && words[0] == "boot") return boot_iso({words.begin() + 1, words.end()});
  return fail(own_failure,
              "use `exo image iso OUT [options] -- PROGRAM [ARGS]` or `exo image boot ISO [--firmware seabios|ovmf]`");
}

}  // namespace exo
