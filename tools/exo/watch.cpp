// SPDX-License-Identifier: MIT
#include "exo/watch.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "exo/watchers.hpp"

namespace exo {
namespace {

using Json = nlohmann::ordered_json;

struct Process {
  std::uint64_t pid = 0, parent = 0, threads = 0;
  char state = '?';
  std::uint64_t user_ns = 0, system_ns = 0, resident_pages = 0, total_pages = 0, calls = 0;
  std::string name;
  double processor = 0;   // share of one, in per cent: since the start, or since the last picture
};
struct Guest {
  std::uint64_t host_pid = 0, time_ns = 0, busy_ns = 0, processors = 0, used_pages = 0, limit_pages = 0;
  std::string title;
  std::vector<Process> processes;
};

std::string rest_of(std::istringstream& line) {
  std::string text;
  std::getline(line >> std::ws, text);
  return text;
}

// The text of Watchers::take.
std::optional<Guest> parse(const std::string& text) {
  Guest guest;
  std::istringstream lines{text};
  for (std::string one; std::getline(lines, one);) {
    std::istringstream line{one};
    std::string kind;
    line >> kind;
    if (kind == "guest") {
      line >> guest.host_pid >> guest.time_ns >> guest.busy_ns >> guest.processors >> guest.used_pages >> guest.limit_pages;
      guest.title = rest_of(line);
      continue;
    }
    Process p;
    line >> p.pid >> p.parent >> p.threads >> p.state >> p.user_ns >> p.system_ns >> p.resident_pages >> p.total_pages >> p.calls;
    if (!line) return std::nullopt;
    p.name = rest_of(line);
    p.processor = guest.time_ns == 0 ? 0 : 100.0 * static_cast<double>(p.user_ns + p.system_ns) / static_cast<double>(guest.time_ns);
    guest.processes.push_back(std::move(p));
  }
  if (guest.host_pid == 0) return std::nullopt;
  return guest;
}

// Nothing: it has ended, or does not answer within two seconds (it has not started its program yet, or hangs).
std::optional<Guest> ask(const std::string& path) {
  constexpr int patience_ms = 2000;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return std::nullopt;
  path.copy(name.sun_path, path.size());
  const Descriptor end{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!end || ::connect(end.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    if (errno == ECONNREFUSED) ::unlink(path.c_str());   // of one that was killed
    return std::nullopt;
  }
  std::string text;
  std::array<char, 4096> bytes;
  for (;;) {
    pollfd ready{.fd = end.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, patience_ms) <= 0) return std::nullopt;
    const ssize_t n = ::read(end.get(), bytes.data(), bytes.size());
    if (n <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(n));
  }
  return parse(text);
}

std::vector<Guest> ask_all() {
  std::vector<Guest> guests;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{watch_folder(), none})
    if (auto guest = ask(entry.path().string())) guests.push_back(std::move(*guest));
  std::ranges::sort(guests, {}, &Guest::host_pid);
  return guests;
}

std::string time_text(std::uint64_t ns) {
  std::array<char, 32> text{};
  const std::uint64_t hundredths = ns / 10'000'000;
  std::snprintf(text.data(), text.size(), "%llu:%02llu.%02llu", static_cast<unsigned long long>(hundredths / 6000),
                static_cast<unsigned long long>(hundredths / 100 % 60), static_cast<unsigned long long>(hundredths % 100));
  return text.data();
}

std::string cut(std::string line, std::size_t columns) {
  if (columns != 0 && line.size() > columns) line.resize(columns);
  return line + "\n";
}

std::string show(const Guest& guest, std::size_t columns) {
  std::array<char, 256> line{};
  std::snprintf(line.data(), line.size(), "exo run %llu, up %s, %llu processor%s, %.1f of %.1f MiB: ", static_cast<unsigned long long>(guest.host_pid),
                time_text(guest.time_ns).c_str(), static_cast<unsigned long long>(guest.processors), guest.processors == 1 ? "" : "s",
                static_cast<double>(guest.used_pages) / 256, static_cast<double>(guest.limit_pages) / 256);
  std::string text = cut(line.data() + guest.title, columns);
  text += cut("    PID  PARENT S THREADS   %CPU       TIME  RESIDENT-KiB     CALLS NAME", columns);
  for (const Process& p : guest.processes) {
    std::snprintf(line.data(), line.size(), "%7llu %7llu %c %7llu %6.1f %10s %13llu %9llu ", static_cast<unsigned long long>(p.pid),
                  static_cast<unsigned long long>(p.parent), p.state, static_cast<unsigned long long>(p.threads), p.processor,
                  time_text(p.user_ns + p.system_ns).c_str(), static_cast<unsigned long long>(p.resident_pages * 4),
                  static_cast<unsigned long long>(p.calls));
    text += cut(line.data() + p.name, columns);
  }
  return text;
}

Json as_json(const std::vector<Guest>& guests) {
  Json all = Json::array();
  for (const Guest& guest : guests) {
    Json processes = Json::array();
    for (const Process& p : guest.processes)
      processes.push_back({{"pid", p.pid}, {"parent", p.parent}, {"state", std::string(1, p.state)}, {"threads", p.threads}, {"user_ns", p.user_ns},
                           {"system_ns", p.system_ns}, {"resident_pages", p.resident_pages}, {"total_pages", p.total_pages}, {"calls", p.calls}, {"name", p.name}});
    all.push_back({{"host_pid", guest.host_pid}, {"command", guest.title}, {"time_ns", guest.time_ns}, {"busy_ns", guest.busy_ns},
                   {"processors", guest.processors}, {"used_pages", guest.used_pages}, {"limit_pages", guest.limit_pages}, {"processes", processes}});
  }
  return all;
}

// Shares of the time since the last picture; the busiest first.
void compare(std::vector<Guest>& guests, const std::vector<Guest>& before) {
  for (Guest& guest : guests) {
    const auto old = std::ranges::find(before, guest.host_pid, &Guest::host_pid);
    if (old != before.end() && old->time_ns < guest.time_ns) {
      for (Process& p : guest.processes) {
        const auto was = std::ranges::find(old->processes, p.pid, &Process::pid);
        const std::uint64_t used = p.user_ns + p.system_ns, used_before = was == old->processes.end() ? 0 : was->user_ns + was->system_ns;
        p.processor = used < used_before ? 0 : 100.0 * static_cast<double>(used - used_before) / static_cast<double>(guest.time_ns - old->time_ns);
      }
    }
    std::ranges::stable_sort(guest.processes, std::ranges::greater{}, &Process::processor);
  }
}

constexpr const char* no_guest = "no guest runs (exo run starts one)\n";

}  // namespace

Result<int> list_processes(const std::vector<std::string>& words) {
  const bool json = words == std::vector<std::string>{"--json"};
  if (!words.empty() && !json) return fail(own_failure, "usage: exo ps [--json]");
  const std::vector<Guest> guests = ask_all();
  if (json) {
    std::printf("%s\n", as_json(guests).dump(2).c_str());
    return 0;
  }
  if (guests.empty()) std::fputs(no_guest, stderr);
  for (const Guest& guest : guests) std::fputs(show(guest, 0).c_str(), stdout);
  return 0;
}

Result<int> watch_processes(const std::vector<std::string>& words) {
  double seconds = 2;
  long times = -1;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    char* end = nullptr;
    const std::string& value = i + 1 < words.size() ? words[i + 1] : "";
    if (words[i] == "-d") seconds = std::strtod(value.c_str(), &end);
    else if (words[i] == "-n") times = std::strtol(value.c_str(), &end, 10);
    if (end == nullptr || value.empty() || *end != 0 || seconds < 0.1 || seconds > 3600 || times == 0)
      return fail(own_failure, "usage: exo top [-d SECONDS] [-n TIMES]");
  }
  const bool is_terminal = ::isatty(1) == 1;
  std::vector<Guest> before;
  for (long i = 0; i != times; ++i) {
    if (i > 0) ::poll(nullptr, 0, static_cast<int>(seconds * 1000));
    std::vector<Guest> guests = ask_all();
    compare(guests, before);
    winsize size{};
    const std::size_t columns = is_terminal && ::ioctl(1, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    std::string text = is_terminal ? "\x1b[H\x1b[J" : "";
    for (const Guest& guest : guests) text += show(guest, columns) + "\n";
    if (guests.empty()) text += no_guest;
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) return 0;
    before = std::move(guests);
  }
  return 0;
}

}  // namespace exo
