// SPDX-License-Identifier: MIT
#include "exo/bench_text.hpp"

#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <fstream>

namespace exo {

std::string grouped(double value) {
  if (std::abs(value) < 100 && value != std::floor(value)) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
  }
  std::string digits = std::to_string(std::llround(value));
  for (std::ptrdiff_t at = std::ssize(digits) - 3; at > (digits[0] == '-' ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}
std::string grouped(const std::optional<double>& value) { return value ? grouped(*value) : "-"; }

std::string times_text(const std::optional<double>& ratio) {
  std::string text;
  if (ratio) append_format(text, "%.2f", *ratio);
  return ratio ? text : "-";
}

void append_format(std::string& text, const char* format, ...) {
  std::array<char, 1024> line{};
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.data(), line.size(), format, arguments);
  va_end(arguments);
  text += line.data();
}

std::string first_line_of(const std::string& command) {
  std::string line;
  std::FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return {};
  std::array<char, 512> buffer{};
  if (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) line = buffer.data();
  ::pclose(pipe);
  while (line.ends_with('\n')) line.pop_back();
  return line;
}

Status write_text(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::fputs(text.c_str(), stdout);
    return {};
  }
  std::ofstream out{path, std::ios::binary};
  out << text << std::flush;
  if (!out) return fail(own_failure, "cannot write " + path);
  return {};
}

}  // namespace exo
