// SPDX-License-Identifier: MIT
#include "exo/bochs.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "exo/archive.hpp"
#include "exo/guest_tests.hpp"
#include "exo/size.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr int grub_limit_s = 120;

Status make_boot_image(const GuestTest& test, const std::string& kernel, const fs::path& folder) {
  const Archive archive = TRY(make_bare_archive(test.program.string()));
  const fs::path boot = folder / "iso/boot";
  std::error_code error;
  fs::create_directories(boot / "grub", error);
  fs::copy_file(kernel, boot / "aegis.elf", error);
  if (!error) fs::copy_file("/proc/self/fd/" + std::to_string(archive.file.get()), boot / "archive.cpio", error);
  if (error) return fail(own_failure, "cannot lay the image's files out: " + error.message());
  std::ofstream{boot / "grub/grub.cfg"} << "set timeout=0\nmenuentry \"Aegis\" {\n  multiboot2 /boot/aegis.elf wall=1700000000000000000 "
                                        << test.arguments << "\n  module2 /boot/archive.cpio\n  boot\n}\n";
  const auto made = TRY(capture({"grub-mkrescue", "-o", (folder / "test.iso").string(), (folder / "iso").string()}, {}, {}, grub_limit_s));
  return made.status == 0 ? Status{} : fail(own_failure, "grub-mkrescue failed\n" + made.err);
}

// It switches the machine off by ACPI, which Bochs calls a panic: `fatal` makes it end then.
void write_configuration(const GuestTest& test, const fs::path& folder) {
  const std::string memory = std::to_string(test.memory / mib);
  std::ofstream{folder / "commands"} << "c\n";
  std::ofstream{folder / "bochsrc"} << "cpu: model=" << test.bochs << ", count=" << test.cpus << ", ips=100000000\n"
                                    << "memory: guest=" << memory << ", host=" << memory << "\n"
                                    << "romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
                                    << "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest\n"
                                    << "ata0-master: type=cdrom, path=" << (folder / "test.iso").string() << ", status=inserted\n"
                                    << "boot: cdrom\ncom1: enabled=1, mode=file, dev=" << (folder / "serial").string() << "\n"
                                    << "display_library: term\nlog: " << (folder / "bochs.log").string() << "\n"
                                    << "panic: action=fatal\nclock: sync=none, time0=1700000000\n";
}

}  // namespace

Result<std::string> run_in_bochs(const GuestTest& test, const std::string& kernel, const std::string& folder) {
  TRY_VOID(make_boot_image(test, kernel, folder));
  write_configuration(test, folder);
  // It wants a terminal to draw on.
  const std::string command = "TERM=vt100 timeout " + std::to_string(test.timeout_s) + " bochs -q -f bochsrc -rc commands";
  const auto ran = TRY(capture({"script", "-qec", command, "/dev/null"}, folder, {}, test.timeout_s + 10));
  std::ifstream in{folder + "/serial"};
  if (!in) return fail(own_failure, "Bochs wrote no log: is it installed?\n" + ran.out);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str() + "\n";  // the last bytes may not have left the port
}

}  // namespace exo
