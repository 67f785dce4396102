// SPDX-License-Identifier: MIT
// The container's own capabilities, as abi/container.hpp promises them, with their kinds and rights.
#pragma once

#include "abi/container.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {

// What the library may do with any env of the container, root envs included.
using OwnEnv = rt::EnvWith<abi::EnvRight::grant, abi::EnvRight::control, abi::EnvRight::inspect, abi::EnvRight::wake,
                           abi::EnvRight::donate>;

namespace own {
inline constexpr rt::AccountWith<abi::AccountRight::grant, abi::AccountRight::allocate, abi::AccountRight::frames,
                                 abi::AccountRight::divide> account{abi::container::account};
inline constexpr OwnEnv self{abi::container::self};   // the first root env
inline constexpr rt::SpaceWith<abi::SpaceRight::grant, abi::SpaceRight::change, abi::SpaceRight::share, abi::SpaceRight::run>
    space{abi::container::space};
inline constexpr rt::TableWith<abi::TableRight::grant, abi::TableRight::insert, abi::TableRight::run> table{
    abi::container::table};
inline constexpr rt::SpaceWith<abi::SpaceRight::share> image{abi::container::image};
inline constexpr rt::SpaceWith<abi::SpaceRight::share> archive_space{abi::container::archive_space};
inline constexpr rt::Cap<abi::Kind::console, rt::Rights<abi::Kind::console>{abi::ConsoleRight::grant, abi::ConsoleRight::read,
                                                                            abi::ConsoleRight::write}>
    console{abi::container::console};
inline constexpr rt::SlicesWith<abi::SlicesRight::bind> slices{abi::container::slices};

}  // namespace own

}  // namespace exos
