// SPDX-License-Identifier: MIT
// What capabilities of all kinds have in common. A `Cap` is a slot whose kind and rights the type knows; it is copied
// freely and ends nothing. `Owned` drops its capability; who made an object with `create_...` decides when it ends.
#pragma once

#include "libos/rt/objects.hpp"
#include "libos/rt/rights.hpp"

namespace rt {

template <abi::Kind K, Rights<K> Have = Rights<K>{}>
class Cap;

using Account = Cap<abi::Kind::account>;
using Env = Cap<abi::Kind::env>;
using Space = Cap<abi::Kind::space>;
using Table = Cap<abi::Kind::table>;
using Frames = Cap<abi::Kind::frames>;
using Slices = Cap<abi::Kind::slices>;
using Console = Cap<abi::Kind::console>;
using Machine = Cap<abi::Kind::machine>;
using Entry = Cap<abi::Kind::entry>;

// The same with some rights only, as what a function asks for: any capability with more converts to it.
template <abi::AccountRight... R>
using AccountWith = Cap<abi::Kind::account, Rights<abi::Kind::account>{R...}>;
template <abi::EnvRight... R>
using EnvWith = Cap<abi::Kind::env, Rights<abi::Kind::env>{R...}>;
template <abi::SpaceRight... R>
using SpaceWith = Cap<abi::Kind::space, Rights<abi::Kind::space>{R...}>;
template <abi::TableRight... R>
using TableWith = Cap<abi::Kind::table, Rights<abi::Kind::table>{R...}>;
template <abi::FramesRight... R>
using FramesWith = Cap<abi::Kind::frames, Rights<abi::Kind::frames>{R...}>;
template <abi::SlicesRight... R>
using SlicesWith = Cap<abi::Kind::slices, Rights<abi::Kind::slices>{R...}>;
template <abi::EntryRight... R>
using EntryWith = Cap<abi::Kind::entry, Rights<abi::Kind::entry>{R...}>;

// Of the range of frames or slices: all of it (count 0), or [base, base + count).
struct Part {
  std::uint64_t base = 0, count = 0;
};

template <abi::Kind K, Rights<K> Have>
class Common {
 public:
  static constexpr abi::Kind kind = K;
  static constexpr Rights<K> rights = Have;
  static constexpr bool ranged = K == abi::Kind::frames || K == abi::Kind::slices;

  constexpr Common() = default;  // no_slot, which calls on spaces and tables take for the own one
  explicit constexpr Common(CapSlot slot) : slot_{slot} {}
  // From one that has these rights and more.
  template <Rights<K> More>
    requires(More.has(Have) && More != Have)
  explicit(false) constexpr Common(const Common<K, More>& other) : slot_{other.slot()} {}

  [[nodiscard]] constexpr CapSlot slot() const { return slot_; }
  [[nodiscard]] constexpr bool named() const { return slot_ != abi::no_slot; }

  // Into another slot of the own table, with fewer rights: `env.derive<EnvRight::wake>(slot)`.
  template <Right<K>... R>
    requires(sizeof...(R) > 0 && Have.has(Rights<K>{R...}))
  Result<Cap<K, Rights<K>{R...}>> derive(CapSlot to, Part part = {}) const {
    TRY_VOID(call::cap_derive(slot_, to, Rights<K>{R...}.raw, part.base, part.count));
    return Cap<K, Rights<K>{R...}>{to};
  }
  Result<Cap<K, Have>> duplicate(CapSlot to, Part part = {}) const {
    TRY_VOID(call::cap_derive(slot_, to, Have.raw, part.base, part.count));
    return Cap<K, Have>{to};
  }
  // Into another table. The rights must be among those that the type has.
  template <Right<K>... R, Rights<abi::Kind::table> T>
    requires(T.has(abi::TableRight::insert) && Have.has(Right<K>::grant) &&
             (sizeof...(R) == 0 || Have.has(Rights<K>{R...})))
  Status grant(Cap<abi::Kind::table, T> table, CapSlot to, Part part = {}) const {
    constexpr std::uint32_t granted = sizeof...(R) == 0 ? Have.raw : (0u | ... | static_cast<std::uint32_t>(R));
    return call::cap_grant(slot_, table.slot(), to, granted, part.base, part.count);
  }
  [[nodiscard]] Status drop() const { return rt::drop(slot_); }
  // Takes away all that was derived from it.
  [[nodiscard]] Status revoke() const { return rt::revoke(slot_); }
  [[nodiscard]] Result<abi::CapInfo> read() const { return read_cap(slot_); }
  // Ends the object, and empties the slot.
  [[nodiscard]] Status destroy() const
    requires(K == abi::Kind::account || K == abi::Kind::env || K == abi::Kind::space || K == abi::Kind::table)
  {
    return destroy_and_drop(slot_);
  }

 private:
  CapSlot slot_{abi::no_slot};
};

// Drops its capability at the end of its life; with Ending::destroy the object goes too. A destructor cannot tell of a
// failure (a space in which envs still sit is `busy`): where that can be, call end().
enum class Ending { drop, destroy };
template <typename C, Ending How = Ending::drop>
class [[nodiscard]] Owned {
 public:
  explicit constexpr Owned(C cap) : cap_{cap} {}
  Owned(Owned&& other) noexcept : cap_{other.release()} {}
  Owned& operator=(Owned&& other) noexcept {
    if (this == &other) return *this;
    static_cast<void>(end());
    cap_ = other.release();
    return *this;
  }
  ~Owned() { static_cast<void>(end()); }

  [[nodiscard]] const C& operator*() const { return cap_; }
  [[nodiscard]] const C* operator->() const { return &cap_; }
  [[nodiscard]] C release() { return std::exchange(cap_, C{}); }
  Status end() {
    if (!cap_.named()) return {};
    if constexpr (How == Ending::destroy)
      TRY_VOID(cap_.destroy());
    else
      TRY_VOID(cap_.drop());
    cap_ = C{};
    return {};
  }

 private:
  C cap_;
};

}  // namespace rt
