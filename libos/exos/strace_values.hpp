// SPDX-License-Identifier: MIT
// Names and forms of single values in --strace's lines.
#pragma once

#include "base/format.hpp"
#include "libos/exos/errno.hpp"

namespace exos::strace_values {

struct Flag { std::uint64_t bits; std::string_view name; };

extern const std::span<const Flag> open_flags, prot_flags, mmap_flags;  // the first is what 0 is called

void flags(base::TextBuffer& line, std::uint64_t value, std::span<const Flag> names);
void string(base::TextBuffer& line, std::uint64_t address);
void bytes(base::TextBuffer& line, std::uint64_t address, std::uint64_t size);
void string_list(base::TextBuffer& line, std::uint64_t address);
void timespec(base::TextBuffer& line, std::uint64_t address);
void wait_status(base::TextBuffer& line, std::uint64_t address, const CallResult* result);
void futex_operation(base::TextBuffer& line, std::uint32_t operation);
void ioctl_request(base::TextBuffer& line, std::uint32_t request);
void structure(base::TextBuffer& line, std::uint64_t address);  // something the call wrote that has no form of its own here
[[nodiscard]] std::uint64_t octal(std::uint64_t value);         // the number whose decimal digits are the octal ones
[[nodiscard]] std::string_view signal_name(std::uint32_t signal);
[[nodiscard]] std::string_view code_name(std::int32_t signal, std::int32_t code);
[[nodiscard]] std::string_view error_name(std::int32_t error);
[[nodiscard]] std::string_view error_text(std::int32_t error);
[[nodiscard]] std::string_view restart_name(std::int32_t error);

}  // namespace exos::strace_values
