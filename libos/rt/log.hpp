// SPDX-License-Identifier: MIT
// Lines to the kernel's log, for programs that hold a machine capability (the first env).
#pragma once

#include "abi/boot.hpp"
#include "base/format.hpp"
#include "libos/rt/calls.hpp"

namespace rt {

// Any length; the kernel takes a bounded piece at a time.
inline void log_text(std::string_view text, CapSlot machine = abi::boot::machine) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, abi::log_chunk);
    if (!call::machine_log(machine, piece.data(), piece.size()).has_value()) return;  // nowhere to complain
    text.remove_prefix(piece.size());
  }
}

// One line; the newline is added.
template <typename... Args>
void log(base::FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
  base::Text<abi::log_chunk - 1> text{format, args...};
  base::Text<abi::log_chunk> line;
  log_text(line.append(text.view()).append('\n').view());
}

}  // namespace rt
