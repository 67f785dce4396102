// SPDX-License-Identifier: MIT
// Rights as sets that know their kind: a right of another kind, or one that a capability's type lacks, does not
// compile.
#pragma once

#include "abi/rights.hpp"

namespace rt {

namespace detail {
template <abi::Kind K>
struct RightOf;
template <>
struct RightOf<abi::Kind::account> {
  using type = abi::AccountRight;
};
template <>
struct RightOf<abi::Kind::env> {
  using type = abi::EnvRight;
};
template <>
struct RightOf<abi::Kind::space> {
  using type = abi::SpaceRight;
};
template <>
struct RightOf<abi::Kind::table> {
  using type = abi::TableRight;
};
template <>
struct RightOf<abi::Kind::frames> {
  using type = abi::FramesRight;
};
template <>
struct RightOf<abi::Kind::slices> {
  using type = abi::SlicesRight;
};
template <>
struct RightOf<abi::Kind::console> {
  using type = abi::ConsoleRight;
};
template <>
struct RightOf<abi::Kind::machine> {
  using type = abi::MachineRight;
};
template <>
struct RightOf<abi::Kind::entry> {
  using type = abi::EntryRight;
};
template <>
struct RightOf<abi::Kind::program> {
  using type = abi::ProgramRight;
};
}  // namespace detail

template <abi::Kind K>
using Right = typename detail::RightOf<K>::type;

// Public member, so that a set can be a template's argument.
template <abi::Kind K>
struct Rights {
  std::uint16_t raw = abi::all_rights;

  constexpr Rights() = default;  // all that the source has
  template <std::same_as<Right<K>>... More>
  explicit(false) constexpr Rights(Right<K> first, More... more)
      : raw{static_cast<std::uint16_t>((static_cast<unsigned>(first) | ... | static_cast<unsigned>(more)))} {}

  [[nodiscard]] constexpr bool has(Rights other) const { return (raw & other.raw) == other.raw; }
  friend constexpr bool operator==(Rights, Rights) = default;
};

}  // namespace rt
