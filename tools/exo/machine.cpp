// SPDX-License-Identifier: MIT
#include "exo/machine.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "exo/size.hpp"

namespace exo {
namespace {

struct Pair {
  Descriptor ours, theirs;
};

Result<Pair> socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return fail_errno("cannot make a socket");
  Pair pair{Descriptor{fds[0]}, Descriptor{fds[1]}};
  if (::fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return fail_errno("cannot make a socket");
  return pair;
}

using Words = std::vector<std::string>;

void add(Words& words, std::initializer_list<std::string> more) { words.insert(words.end(), more); }

}  // namespace

void add_board(std::vector<std::string>& words, const MachinePlan& plan) {
  const bool is_microvm = plan.kind == MachineKind::microvm;
  add(words, {"-M", is_microvm ? "microvm,isa-serial=on,rtc=on,pit=on,pic=on" : "q35"});
  add(words, {"-accel", plan.accelerator == Accelerator::kvm ? "kvm" : "tcg", "-cpu", "max" + plan.without});
  if (plan.firmware == Firmware::qboot) add(words, {"-bios", "qboot.rom"});
  if (plan.firmware == Firmware::ovmf) add(words, {"-bios", "/usr/share/ovmf/OVMF.fd"});
  add(words, {"-m", std::to_string(plan.memory / 1024) + "k", "-smp", std::to_string(plan.cpus)});
  if (plan.icount) add(words, {"-icount", "shift=" + std::to_string(plan.icount_shift) + ",sleep=off"});
  if (plan.repeats) add(words, {"-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"});
  if (!plan.plugin.empty()) add(words, {"-plugin", plan.plugin});
}

namespace {

void add_payload(Words& words, const MachinePlan& plan) {
  if (!plan.iso.empty()) {
    add(words, {"-cdrom", plan.iso, "-boot", "d"});
    return;
  }
  add(words, {"-kernel", plan.kernel, "-append", plan.command_line});
  if (plan.archive >= 0) add(words, {"-initrd", "/proc/self/fd/" + std::to_string(plan.archive)});
}

// One port, so that the guest needs no control queue to speak.
void add_console(Words& words, const MachinePlan& plan) {
  if (plan.console == Console::none) return;
  if (plan.kind == MachineKind::microvm)
    add(words, {"-global", "virtio-mmio.force-legacy=false", "-device", "virtio-serial-device,max_ports=1"});
  else
    add(words, {"-device", "virtio-serial-pci,disable-legacy=on,max_ports=1"});
  add(words, {"-device", "virtconsole,chardev=link"});
}

}  // namespace

Result<std::string> find_qemu(const std::string& asked) {
  constexpr std::string_view advice = ": `apt-get install qemu-system-x86`";
  if (!asked.empty()) {
    if (asked.find('/') == std::string::npos || ::access(asked.c_str(), X_OK) == 0) return asked;
    return fail(own_failure, "no QEMU at " + asked + std::string{advice} + ", or give another --qemu");
  }
  const char* variable = std::getenv("PATH");
  std::istringstream folders{variable == nullptr ? "/usr/bin:/bin" : variable};
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = folder + "/qemu-system-x86_64";
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(own_failure, "QEMU (qemu-system-x86_64) is not installed" + std::string{advice});
}

Result<Machine> start_machine(const MachinePlan& plan) {
  Pair link = TRY(socket_pair());
  Pair log = TRY(socket_pair());
  Pair words_pair = TRY(socket_pair());
  Words words{plan.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"};
  add_board(words, plan);
  add_payload(words, plan);
  add(words, {"-device", "isa-debug-exit,iobase=0xf4,iosize=4"});
  add(words, {"-chardev", "socket,id=log,fd=" + std::to_string(log.theirs.get()), "-serial", "chardev:log"});
  add(words, {"-chardev", "socket,id=link,fd=" + std::to_string(link.theirs.get())});
  add_console(words, plan);
  if (!plan.gdb_socket.empty()) {
    add(words, {"-chardev", "socket,id=gdb,server=on,wait=off,path=" + plan.gdb_socket, "-gdb", "chardev:gdb", "-S"});
  }

  ChildPlan child{.command = words, .keep = {link.theirs.get(), log.theirs.get()}, .out = words_pair.theirs.get(),
                  .err = words_pair.theirs.get(), .folder = {}};
  if (plan.archive >= 0) child.keep.push_back(plan.archive);
  return Machine{.qemu = TRY(Child::start(child)), .link = std::move(link.ours), .guest_link = std::move(link.theirs),
                 .log = std::move(log.ours), .words = std::move(words_pair.ours)};
}

std::optional<int> debug_exit_code(int wait_status) {
  if (!WIFEXITED(wait_status)) return std::nullopt;
  const int status = WEXITSTATUS(wait_status);
  if (status % 2 == 0) return std::nullopt;
  return status / 2;
}

}  // namespace exo
