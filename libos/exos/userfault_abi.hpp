// SPDX-License-Identifier: MIT
// Numbers and structures of userfaultfd as a program passes them. [linux uapi userfaultfd.h]
#pragma once

#include "base/std.hpp"
#include "libos/exos/userfault.hpp"

namespace exos::userfault {

inline constexpr std::uint64_t uffd_api = 0xaa;
inline constexpr std::uint64_t uffdio_api = 0xc018'aa3f, uffdio_register = 0xc020'aa00, uffdio_unregister = 0x8010'aa01,
                               uffdio_wake = 0x8010'aa02, uffdio_copy = 0xc028'aa03, uffdio_zeropage = 0xc020'aa04,
                               uffdio_writeprotect = 0xc018'aa06, uffdio_continue = 0xc020'aa07;
inline constexpr std::uint64_t device_new = 0xaa00;   // USERFAULTFD_IOC_NEW of /dev/userfaultfd
inline constexpr std::uint32_t user_mode_only = 1;    // of userfaultfd

// Which requests there are is told as bits of their low bytes.
[[nodiscard]] constexpr std::uint64_t request_bit(std::uint64_t request) { return std::uint64_t{1} << (request & 0x3f); }
inline constexpr std::uint64_t api_requests = request_bit(uffdio_register) | request_bit(uffdio_unregister) | request_bit(uffdio_api);
inline constexpr std::uint64_t range_requests = request_bit(uffdio_wake) | request_bit(uffdio_copy) | request_bit(uffdio_zeropage) |
                                                request_bit(uffdio_writeprotect) | request_bit(uffdio_continue);

inline constexpr std::uint64_t fill_without_waking = 1, copy_guarded = 2;           // COPY, ZEROPAGE, CONTINUE
inline constexpr std::uint64_t protect_guards = 1, protect_without_waking = 2;      // WRITEPROTECT

struct ApiRequest { std::uint64_t api = 0, features = 0, requests = 0; };
// register, zeropage, writeprotect, continue: a range and a mode. What is told follows.
struct RangeAndWord { Range range; std::uint64_t word; };
struct CopyRequest { std::uint64_t to, from, size, mode; };

inline constexpr std::uint8_t event_pagefault = 0x12;
struct FaultMessage {
  std::uint8_t event = 0, reserved1 = 0;
  std::uint16_t reserved2 = 0;
  std::uint32_t reserved3 = 0;
  std::uint64_t flags = 0, address = 0;
  std::uint32_t thread = 0, padding = 0;
};
static_assert(sizeof(ApiRequest) == 24 && sizeof(RangeAndWord) == 24 && sizeof(CopyRequest) == 32 && sizeof(FaultMessage) == 32);

}  // namespace exos::userfault
