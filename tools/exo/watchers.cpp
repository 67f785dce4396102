// SPDX-License-Identifier: MIT
#include "exo/watchers.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>

#include "abi/link.hpp"

namespace exo {
namespace {

using abi::link::ProcessEntry, abi::link::ProcessReport;

constexpr std::size_t most_waiting = 16, longest_answer = 4 << 20;

bool is_private_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return false;
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::getuid() && (info.st_mode & 077) == 0;
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

// `process PID PARENT THREADS STATE USER_NS SYSTEM_NS RESIDENT_PAGES TOTAL_PAGES CALLS NAME`
std::string line_of(const ProcessEntry& entry) {
  const std::string name{entry.name, ::strnlen(entry.name, sizeof entry.name)};
  const char state = entry.state > ' ' && entry.state < 0x7f ? entry.state : '?';
  std::string line = "process";
  for (const std::uint64_t number : {std::uint64_t{entry.pid}, std::uint64_t{entry.parent}, std::uint64_t{entry.threads}})
    line += " " + std::to_string(number);
  line += std::string{" "} + state;
  for (const std::uint64_t number : {entry.user_ns, entry.system_ns, entry.resident_pages, entry.total_pages, entry.calls})
    line += " " + std::to_string(number);
  return line + " " + one_line(name) + "\n";
}

// `guest HOST_PID TIME_NS BUSY_NS PROCESSORS USED_PAGES LIMIT_PAGES TITLE`
std::string first_line(const ProcessReport& report, const std::string& title) {
  std::string line = "guest " + std::to_string(::getpid());
  for (const std::uint64_t number : {report.time_ns, report.busy_ns, std::uint64_t{report.processors}, report.used_pages, report.limit_pages})
    line += " " + std::to_string(number);
  return line + " " + title + "\n";
}

}  // namespace

std::string watch_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != 0) return std::string{runtime} + "/exo";
  std::error_code none;
  return (std::filesystem::temp_directory_path(none) / ("exo-" + std::to_string(::getuid()))).string();
}

Watchers::Watchers(std::string title) : title_{one_line(std::move(title))} {
  const std::string folder = watch_folder();
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::string path = folder + "/" + std::to_string(::getpid());
  if (path.size() >= sizeof name.sun_path || !is_private_folder(folder)) return;
  path.copy(name.sun_path, path.size());
  Descriptor listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  ::unlink(path.c_str());   // of a process that had this id before
  if (!listener || ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 || ::listen(listener.get(), 8) != 0) return;
  path_ = std::move(path);
  listener_ = std::move(listener);
}

Watchers::~Watchers() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool Watchers::accept() {
  Descriptor end{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (!end || waiting_.size() >= most_waiting) return false;
  waiting_.push_back(std::move(end));
  return !std::exchange(asked_, true);
}

bool Watchers::take(std::string_view payload) {
  ProcessReport report{};
  if (!asked_ || payload.size() < sizeof report) return false;
  payload.copy(reinterpret_cast<char*>(&report), sizeof report);
  payload.remove_prefix(sizeof report);
  if (payload.size() / sizeof(ProcessEntry) != report.count || payload.size() % sizeof(ProcessEntry) != 0) return false;
  if (answer_.size() > longest_answer) return false;
  if (answer_.empty()) answer_ = first_line(report, title_);
  for (; !payload.empty(); payload.remove_prefix(sizeof(ProcessEntry))) {
    ProcessEntry entry{};
    payload.copy(reinterpret_cast<char*>(&entry), sizeof entry);
    answer_ += line_of(entry);
  }
  if (report.last == 0) return true;
  // Whoever does not read has a full socket at most: nobody waits for him.
  for (const Descriptor& end : waiting_) static_cast<void>(::send(end.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  waiting_.clear();
  answer_.clear();
  asked_ = false;
  return true;
}

}  // namespace exo
