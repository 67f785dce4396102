// SPDX-License-Identifier: MIT
// Turns the addresses of a kernel panic in the guest's log into functions, files and lines.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace exo {

// The panic's part of the log with names: empty when the log tells of no panic.
[[nodiscard]] std::string report_panic(std::string_view log, const std::filesystem::path& kernel);

}  // namespace exo
