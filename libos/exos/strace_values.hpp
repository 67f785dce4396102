// SPDX-License-Identifier: MIT
// Names and forms of single values in --strace's lines.
#pragma once

#include "base/format.hpp"
#include "libos/exos/calls.hpp"
#include "libos/exos/errno.hpp"

namespace exos::strace_values {

struct Flag { std::uint64_t bits; std::string_view name; };

// strace_flags.cpp. Bits, of which the first is what 0 is called; then names of numbers.
extern const std::span<const Flag> open_flags, prot_flags, mmap_flags, access_modes, at_flags, at_access_flags, statx_masks,
    clone_flags, wait_options, action_flags, random_flags, mremap_flags, poll_events, descriptor_flags, epoll_flags, timer_flags, userfault_flags, userfault_modes, userfault_features;
extern const std::span<const Flag> whence_names, mask_change_names, arch_code_names, resources, clocks, madvise_advice,
    fadvise_advice, address_families, fcntl_commands, lock_types, prctl_options, ioctl_requests, trace_requests;
inline constexpr std::uint64_t clone_settls = 0x80000, clone_parent_settid = 0x100000, clone_child_cleartid = 0x200000,
    clone_child_settid = 0x1000000;

void flags(base::TextBuffer& line, std::uint64_t value, std::span<const Flag> names);
void open_mode(base::TextBuffer& line, std::uint64_t value);
void extra_open_flags(base::TextBuffer& line, std::uint64_t value);
void name_of(base::TextBuffer& line, std::uint64_t value, std::span<const Flag> names);

// strace_values.cpp
void pointer(base::TextBuffer& line, std::uint64_t address);
void mode(base::TextBuffer& line, std::uint64_t value);
void text(base::TextBuffer& line, std::string_view whole);        // its start, as string()
void whole_text(base::TextBuffer& line, std::string_view whole);
void path(base::TextBuffer& line, std::uint64_t address);
void string(base::TextBuffer& line, std::uint64_t address);
void bytes(base::TextBuffer& line, std::uint64_t address, std::uint64_t size);
void random_bytes(base::TextBuffer& line, std::uint64_t address, std::uint64_t size);
void string_list(base::TextBuffer& line, std::uint64_t address);
void string_count(base::TextBuffer& line, std::uint64_t address);
void wait_status(base::TextBuffer& line, std::uint64_t address, const CallResult* result);
void futex_arguments(base::TextBuffer& line, const Arguments& arguments);
void clone_arguments(base::TextBuffer& line, const Arguments& arguments, bool is_done);
void socket_type(base::TextBuffer& line, std::uint64_t value);
[[nodiscard]] std::uint64_t octal(std::uint64_t value);         // the number whose decimal digits are the octal ones
[[nodiscard]] std::string_view signal_name(std::uint32_t signal);
[[nodiscard]] std::string_view code_name(std::int32_t signal, std::int32_t code);
[[nodiscard]] std::string_view error_name(std::int32_t error);
[[nodiscard]] std::string_view error_text(std::int32_t error);
[[nodiscard]] std::string_view restart_name(std::int32_t error);

// strace_structures.cpp
void stat(base::TextBuffer& line, std::uint64_t address);
void statx(base::TextBuffer& line, std::uint64_t address);
void timespec(base::TextBuffer& line, std::uint64_t address);
void set_of_signals(base::TextBuffer& line, std::uint64_t set);
void signal_set(base::TextBuffer& line, std::uint64_t address);
void signal_action(base::TextBuffer& line, std::uint64_t address);
void resource_limit(base::TextBuffer& line, std::uint64_t address);
void descriptor_pair(base::TextBuffer& line, std::uint64_t address);
void system_name(base::TextBuffer& line, std::uint64_t address);
void pieces(base::TextBuffer& line, std::uint64_t address, std::uint64_t count, std::uint64_t left);
void poll_list(base::TextBuffer& line, std::uint64_t address, std::uint64_t count);
void poll_answer(base::TextBuffer& line, std::uint64_t address, std::uint64_t count, std::uint64_t ready);
void directory_entries(base::TextBuffer& line, std::uint64_t address, std::uint64_t size);
void socket_address(base::TextBuffer& line, std::uint64_t address, std::uint64_t size);
void clone_request(base::TextBuffer& line, std::uint64_t address, std::uint64_t size, bool is_done);
void ioctl_argument(base::TextBuffer& line, std::uint64_t request, std::uint64_t address, bool is_done);
void fcntl_argument(base::TextBuffer& line, std::uint64_t command, std::uint64_t value);

}  // namespace exos::strace_values
