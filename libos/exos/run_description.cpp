// SPDX-License-Identifier: MIT
// Parser of the run description. Pure: text in, strings out; also compiled by the host's unit tests.
#include "libos/exos/run_description.hpp"

namespace exos {
namespace {

constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<String> unescape(std::string_view value) {
  String out;
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t percent = value.find('%', at);
    const std::size_t end = percent == std::string_view::npos ? value.size() : percent;
    TRY_VOID(out.append(value.substr(at, end - at)));
    if (end == value.size()) break;
    if (value.size() - end < 3) return Fail{Errno::inval};
    const int high = hex_digit(value[end + 1]), low = hex_digit(value[end + 2]);
    if (high < 0 || low < 0) return Fail{Errno::inval};
    const char byte = static_cast<char>(high * 16 + low);
    TRY_VOID(out.append({&byte, 1}));
    at = end + 3;
  }
  return out;
}

Result<std::uint64_t> number(std::string_view text, std::uint64_t radix = 10) {
  if (text.empty()) return Fail{Errno::inval};
  std::uint64_t n = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0 || static_cast<std::uint64_t>(digit) >= radix) return Fail{Errno::inval};
    n = n * radix + static_cast<std::uint64_t>(digit);
  }
  return n;
}

Status add_volume(std::string_view text, RunDescription& out) {
  const std::size_t first = text.find(':'), last = text.rfind(':');
  if (first == std::string_view::npos || first == last) return Fail{Errno::inval};
  const std::string_view access = text.substr(last + 1);
  if (access != "ro" && access != "rw") return Fail{Errno::inval};
  RunDescription::Volume volume;
  volume.index = static_cast<std::uint32_t>(TRY(number(text.substr(0, first))));
  volume.path = TRY(String::from(text.substr(first + 1, last - first - 1)));
  volume.writable = access == "rw";
  return out.volumes.push_back(std::move(volume));
}

Status add_gap(std::string_view text, RunDescription& out) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Fail{Errno::inval};
  RunDescription::Gap gap;
  gap.member = TRY(String::from(text.substr(0, colon)));
  gap.path = TRY(String::from(text.substr(colon + 1)));
  return out.gaps.push_back(std::move(gap));
}

Status set(std::string_view key, String value, RunDescription& out) {
  const std::string_view text = value.view();
  if (key == "program") out.program = std::move(value);
  else if (key == "arg") TRY_VOID(out.arguments.push_back(std::move(value)));
  else if (key == "env") TRY_VOID(out.environment.push_back(std::move(value)));
  else if (key == "cwd") out.cwd = std::move(value);
  else if (key == "hostname") out.hostname = std::move(value);
  else if (key == "uid") out.uid = static_cast<std::uint32_t>(TRY(number(text)));
  else if (key == "gid") out.gid = static_cast<std::uint32_t>(TRY(number(text)));
  else if (key == "umask") out.umask = static_cast<std::uint32_t>(TRY(number(text, 8))) & 0777;
  else if (key == "tty0") out.terminal[0] = text == "1";
  else if (key == "tty1") out.terminal[1] = text == "1";
  else if (key == "tty2") out.terminal[2] = text == "1";
  else if (key == "rows") out.rows = static_cast<std::uint16_t>(TRY(number(text)));
  else if (key == "cols") out.columns = static_cast<std::uint16_t>(TRY(number(text)));
  else if (key == "strace") out.strace = std::move(value);
  else if (key == "syscall_summary") out.syscall_summary = text == "1";
  else if (key == "keep_text") out.keep_text = text == "1";
  else if (key == "guard") out.guard = text == "1";
  else if (key == "core") out.core = text == "1";
  else if (key == "wall_ns") out.wall_ns = TRY(number(text));
  else if (key == "volume") TRY_VOID(add_volume(text, out));
  else if (key == "gaps") TRY_VOID(add_gap(text, out));
  return {};
}

constinit RunDescription description;

}  // namespace

Status parse_run_description(std::string_view text, RunDescription& out) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.empty() || line.find('\0') != std::string_view::npos) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return Fail{Errno::inval};
    String value = TRY(unescape(line.substr(equals + 1)));
    TRY_VOID(set(line.substr(0, equals), std::move(value), out));
  }
  return {};
}

RunDescription& run_description() { return description; }

}  // namespace exos
