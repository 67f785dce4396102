// SPDX-License-Identifier: MIT
// Sizes as people write them: 256M, 64MiB, 1.5G; a bare number is MiB, as QEMU has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace exo {

inline constexpr std::uint64_t mib = 1024 * 1024;

[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string show_size(std::uint64_t bytes);  // "12.5 MiB"

}  // namespace exo
