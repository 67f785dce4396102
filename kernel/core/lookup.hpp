// SPDX-License-Identifier: MIT
// The one door from a slot number to an object. The order of the checks is part of the ABI: bad_slot, empty_slot,
// stale, wrong_kind, missing_right.
#pragma once

#include "kernel/core/env.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"

namespace aegis {

[[nodiscard]] inline Result<Slot*> filled_slot(Table& table, abi::CapSlot number) {
  Slot* slot = TRY(table.at(number));
  if (slot->empty()) return fail(Error::empty_slot);
  return slot;
}

[[nodiscard]] inline Result<Slot*> live_slot(Kernel& k, Table& table, abi::CapSlot number) {
  Slot& slot = *TRY(filled_slot(table, number));
  if (!is_live(k, slot)) return fail(Error::stale);
  return &slot;
}

template <typename Right>
  requires std::is_enum_v<Right>
[[nodiscard]] Status require(const Slot& slot, Right right) {
  const auto bits = static_cast<std::uint16_t>(right);
  return (slot.rights & bits) == bits ? Status{} : fail(Error::missing_right);
}

// Of a live slot. An object that is being destroyed can do nothing but go on with that.
template <typename T>
[[nodiscard]] Result<T*> object_of(Kernel&, const Slot& slot) {
  if (slot.kind != ObjectTraits<T>::kind) return fail(Error::wrong_kind);
  T& object = object_at<T>(slot.object.frame);
  if constexpr (requires { object.dying; })
    if (object.dying) return fail(Error::stale);
  return &object;
}

template <typename T, typename... Rights>
[[nodiscard]] Result<T*> find(Kernel& k, Table& table, abi::CapSlot number, Rights... rights) {
  static_assert((std::is_same_v<Rights, typename ObjectTraits<T>::Right> && ...), "a right of another kind");
  Slot& slot = *TRY(live_slot(k, table, number));
  T* object = TRY(object_of<T>(k, slot));
  const std::uint32_t wanted = (0u | ... | static_cast<std::uint32_t>(rights));
  if ((slot.rights & wanted) != wanted) return fail(Error::missing_right);
  return object;
}

// Capabilities that lead to no frame object (frames, slices, console, machine), or of which the slot is wanted.
template <typename... Rights>
[[nodiscard]] Result<Slot*> find_kind(Kernel& k, Table& table, abi::CapSlot number, Kind kind, Rights... rights) {
  Slot& slot = *TRY(live_slot(k, table, number));
  if (slot.kind != kind) return fail(Error::wrong_kind);
  const std::uint32_t wanted = (0u | ... | static_cast<std::uint32_t>(rights));
  if ((slot.rights & wanted) != wanted) return fail(Error::missing_right);
  return &slot;
}

// An empty slot to put something into.
[[nodiscard]] inline Result<Slot*> find_empty(Table& table, abi::CapSlot number) {
  Slot* slot = TRY(table.at(number));
  if (!slot->empty()) return fail(Error::occupied);
  return slot;
}

}  // namespace aegis
