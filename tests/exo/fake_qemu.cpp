// SPDX-License-Identifier: MIT
// Stands in for QEMU, kernel and library OS when the host tool is tested: reads the boot archive, unpacks its tree,
// runs the program natively in a chroot (so a library that was not packed is missing), and speaks the link. Needs root.
//
// FAKE_QEMU=die: ends at once without a word. FAKE_QEMU=garbage: sends no frames. FAKE_QEMU=crash: sends a crash
// record.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "abi/link.hpp"
#include "base/cpio.hpp"

namespace {

namespace fs = std::filesystem;
namespace link = abi::link;

struct Guest {
  int link = -1, log = -1;
  std::string archive;
  std::vector<std::string> arguments, environment, volumes;
  std::string program, folder = "/";
};

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "fake_qemu: %s\n", why.c_str());
  std::exit(3);
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) std::exit(4);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void send(const Guest& guest, link::Channel channel, std::uint8_t kind, std::string_view payload) {
  const link::Header header{channel, kind, 0, static_cast<std::uint32_t>(payload.size())};
  std::string frame{reinterpret_cast<const char*>(&header), sizeof header};
  write_all(guest.link, frame.append(payload));
}

template <typename T>
void send_control(const Guest& guest, link::Control kind, const T& value) {
  send(guest, link::Channel::control, static_cast<std::uint8_t>(kind),
       {reinterpret_cast<const char*>(&value), sizeof value});
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') out += static_cast<char>(std::stoi(std::string{text.substr(i + 1, 2)}, nullptr, 16)), i += 2;
    else out += text[i];
  }
  return out;
}

void read_run(Guest& guest, std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const std::string key{line.substr(0, line.find('='))}, value = unescape(line.substr(line.find('=') + 1));
    if (key == "program") guest.program = value;
    if (key == "arg") guest.arguments.push_back(value);
    if (key == "env") guest.environment.push_back(value);
    if (key == "cwd") guest.folder = value;
    if (key == "volume" && value.ends_with(":rw")) guest.volumes.push_back(value);
  }
}

// Unpacks the tree, and checks what docs/archive.md promises on the way.
void unpack(Guest& guest, const fs::path& root) {
  const int fd = ::open(guest.archive.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0) stop("no archive");
  const auto size = static_cast<std::size_t>(status.st_size);
  const auto* memory = static_cast<const std::byte*>(::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0));
  base::cpio::Reader reader{{memory, size}};
  base::cpio::Entry entry;
  std::map<std::uint32_t, fs::path> linked;
  std::vector<std::pair<fs::path, std::uint32_t>> times;  // set last: what is put into a directory changes its own
  const std::array<std::string, 3> first{"aegis/init", "aegis/exos", "aegis/run"};
  for (std::size_t i = 0;; ++i) {
    const auto step = reader.next(entry);
    if (step == base::cpio::Step::broken) stop("the archive is broken");
    if (step == base::cpio::Step::end) break;
    const std::string name{entry.name};
    if (i < first.size() && name != first[i]) stop("member " + std::to_string(i) + " is " + name);
    const std::string_view data{reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
    if ((entry.mode & S_IFMT) == S_IFREG && !data.empty() && entry.data_offset % 4096 != 0)
      stop(name + " is not on a page");
    if (name == "aegis/run") read_run(guest, data);
    if (name == "root" || !name.starts_with("root/")) continue;
    const fs::path path = root / name.substr(5);
    switch (entry.mode & S_IFMT) {
      case S_IFDIR: if (::mkdir(path.c_str(), 0755) != 0) stop("cannot make " + name); break;
      case S_IFLNK: fs::create_symlink(data, path); break;
      case S_IFIFO: ::mkfifo(path.c_str(), 0644); break;
      default: {
        const auto [known, is_new] = linked.try_emplace(entry.inode, path);
        if (entry.links > 1 && !is_new) {
          fs::create_hard_link(known->second, path);
          break;
        }
        const int out = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (out < 0) stop("cannot make " + name);
        write_all(out, data);
        ::close(out);
      }
    }
    if ((entry.mode & S_IFMT) != S_IFLNK) ::chmod(path.c_str(), entry.mode & 07777);
    times.emplace_back(path, entry.mtime);
  }
  for (auto it = times.rbegin(); it != times.rend(); ++it) {
    const std::array<timespec, 2> when{timespec{0, UTIME_OMIT}, timespec{it->second, 0}};
    ::utimensat(AT_FDCWD, it->first.c_str(), when.data(), AT_SYMLINK_NOFOLLOW);
  }
  ::mknod((root / "dev/null").c_str(), S_IFCHR | 0666, makedev(1, 3));
  ::mknod((root / "dev/zero").c_str(), S_IFCHR | 0666, makedev(1, 5));
  ::mknod((root / "dev/urandom").c_str(), S_IFCHR | 0666, makedev(1, 9));
  fs::create_symlink("/proc/self/fd", root / "dev/fd");
  ::mount("proc", (root / "proc").c_str(), "proc", 0, nullptr);
}

pid_t start(const Guest& guest, const fs::path& root, std::array<int, 3>& ends) {
  std::array<std::array<int, 2>, 3> pipes{};
  for (auto& p : pipes)
    if (::pipe2(p.data(), O_CLOEXEC) != 0) stop("no pipe");
  ends = {pipes[0][1], pipes[1][0], pipes[2][0]};
  const pid_t pid = ::fork();
  if (pid != 0) {
    ::close(pipes[0][0]), ::close(pipes[1][1]), ::close(pipes[2][1]);
    return pid;
  }
  ::dup2(pipes[0][0], 0), ::dup2(pipes[1][1], 1), ::dup2(pipes[2][1], 2);
  if (::chroot(root.c_str()) != 0 || ::chdir(guest.folder.c_str()) != 0) ::_exit(125);
  std::vector<char*> argv, envp;
  for (const auto& a : guest.arguments) argv.push_back(const_cast<char*>(a.c_str()));
  for (const auto& e : guest.environment) envp.push_back(const_cast<char*>(e.c_str()));
  argv.push_back(nullptr), envp.push_back(nullptr);
  ::execve(guest.program.c_str(), argv.data(), envp.data());
  ::_exit(126);
}

// Passes output on and asks for input while the program reads: what the library OS does with its descriptors.
void relay(const Guest& guest, std::array<int, 3> ends) {
  std::array<char, 65536> buffer;
  bool asked = false;
  while (ends[1] >= 0 || ends[2] >= 0) {
    if (!asked && ends[0] >= 0) send_control(guest, link::Control::want_input, std::uint32_t{4096}), asked = true;
    std::array<pollfd, 3> ready{pollfd{ends[1], POLLIN, 0}, {ends[2], POLLIN, 0}, {guest.link, POLLIN, 0}};
    ::poll(ready.data(), ready.size(), -1);
    for (std::size_t i = 0; i < 2; ++i) {
      if (ready[i].revents == 0) continue;
      const ssize_t n = ::read(ends[i + 1], buffer.data(), buffer.size());
      if (n <= 0) ends[i + 1] = -1;
      else
        send(guest, i == 0 ? link::Channel::out : link::Channel::err, 0, {buffer.data(), static_cast<std::size_t>(n)});
    }
    if ((ready[2].revents & POLLIN) == 0) continue;
    link::Header header{};
    if (::recv(guest.link, &header, sizeof header, MSG_WAITALL) != sizeof header) std::exit(5);
    if (header.size != 0 && ::recv(guest.link, buffer.data(), header.size, MSG_WAITALL) != header.size) std::exit(5);
    if (header.channel != link::Channel::in) continue;
    asked = false;
    if (header.size == 0) ::close(ends[0]), ends[0] = -1;
    else if (::write(ends[0], buffer.data(), header.size) < 0) ends[0] = -1;
  }
}

// The written volumes, as archives made by cpio(1).
void send_volumes(const Guest& guest, const fs::path& root) {
  for (const std::string& volume : guest.volumes) {
    const auto index = static_cast<std::uint8_t>(std::stoi(volume));
    const std::size_t colon = volume.find(':');
    const std::string folder = root.string() + volume.substr(colon + 1, volume.size() - colon - 4);
    FILE* archive =
        ::popen(("cd '" + folder + "' && find . | sort | busybox cpio -o -H newc 2>/dev/null").c_str(), "r");
    std::array<char, 32768> buffer;
    for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), archive)) > 0;)
      send(guest, link::Channel::files, index, {buffer.data(), n});
    ::pclose(archive);
  }
}

int descriptor_in(std::string_view word) {
  return std::stoi(std::string{word.substr(word.find("fd=") + 3)});
}

}  // namespace

int main(int argc, char** argv) {
  Guest guest;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with("socket,id=link")) guest.link = descriptor_in(word);
    if (word.starts_with("socket,id=log")) guest.log = descriptor_in(word);
    if (word == "-initrd" && i + 1 < argc) guest.archive = argv[++i];
  }
  if (guest.link < 0 || guest.log < 0 || guest.archive.empty()) stop("options are missing");
  ::signal(SIGPIPE, SIG_IGN);
  const char* mode_text = std::getenv("FAKE_QEMU");
  const std::string mode = mode_text == nullptr ? "" : mode_text;
  write_all(guest.log, "aegis: (a stand-in)\n");
  if (mode == "die") return 2 * 1 + 1;
  if (mode == "garbage") write_all(guest.link, std::string(64, '\xff')), ::pause();

  std::string root = "/tmp/fake-qemu-XXXXXX";
  if (::mkdtemp(root.data()) == nullptr) stop("no folder");
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    stop("not root");
  unpack(guest, root);
  send_control(guest, link::Control::started, link::BootFigures{.boot_instructions = 1, .boot_ns = 1'000'000});
  std::array<int, 3> ends{};
  const pid_t pid = start(guest, root, ends);
  relay(guest, ends);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (mode == "crash")
    send(guest, link::Channel::crash, 0, "CRASH 1\nprogram=" + guest.program + "\npid=1\nsignal=11\nrip=1234\n\nend\n");
  send_volumes(guest, root);
  ::umount2((root + "/proc").c_str(), MNT_DETACH);
  fs::remove_all(root);
  send_control(guest, link::Control::exited,
               std::uint32_t(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)));
  ::pause();
}
