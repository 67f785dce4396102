// SPDX-License-Identifier: MIT
// Figures as people read them.
#pragma once

#include <optional>
#include <string>

#include "exo/failure.hpp"

namespace exo {

[[nodiscard]] std::string grouped(double value);  // 12,345; below 100 with one digit behind the point if there is one
[[nodiscard]] std::string grouped(const std::optional<double>& value);  // "-" for none
[[nodiscard]] std::string times_text(const std::optional<double>& ratio);  // two digits behind the point; "-" for none
[[gnu::format(printf, 2, 3)]] void append_format(std::string& text, const char* format, ...);  // at most 1 KiB
// Of what a shell command prints; empty: nothing.
[[nodiscard]] std::string first_line_of(const std::string& command);
// To a file, or standard output for "-".
[[nodiscard]] Status write_text(const std::string& path, const std::string& text);

}  // namespace exo
