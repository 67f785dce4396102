// SPDX-License-Identifier: MIT
// init's capabilities: those that the kernel gave it, and the slots behind them for what it makes.
#pragma once

#include "abi/boot.hpp"
#include "libos/rt/kinds.hpp"

namespace init {

// With all rights that the kernel gives (abi/boot.hpp).
namespace given {
inline constexpr rt::Account account{abi::boot::account};
inline constexpr rt::Env self{abi::boot::self};
inline constexpr rt::FramesWith<abi::FramesRight::grant, abi::FramesRight::read, abi::FramesRight::execute> archive{
    abi::boot::archive};
inline constexpr rt::FramesWith<abi::FramesRight::grant, abi::FramesRight::read> info{abi::boot::info};
inline constexpr rt::Slices slices{abi::boot::slices};
inline constexpr rt::Console console{abi::boot::console};
inline constexpr rt::Machine machine{abi::boot::machine};
}  // namespace given

inline constexpr rt::Space own_space;

namespace slots {
inline constexpr rt::Space archive_space{abi::boot::first_free};     // maps the boot archive, shared by all containers
inline constexpr rt::Space image_space{abi::boot::first_free + 1};   // maps the library's text and constants, likewise
inline constexpr rt::Account account{abi::boot::first_free + 2};     // the container's
inline constexpr rt::Table table{abi::boot::first_free + 3};
inline constexpr rt::Space space{abi::boot::first_free + 4};
inline constexpr rt::Env env{abi::boot::first_free + 5};
}  // namespace slots

}  // namespace init
