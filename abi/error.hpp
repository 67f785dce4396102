// SPDX-License-Identifier: MIT
// What a call can answer. Append only: numbers are never reused.
#pragma once

#include "base/result.hpp"

namespace abi {

enum class Error : std::uint32_t {
  none = 0,
  bad_call = 1,        // no such Aegis call
  bad_argument = 2,    // a reserved bit is set, an enumerator is unknown, or a number is out of its range
  bad_address = 3,     // the address is not the caller's to read or write, is not canonical, or is misaligned
  bad_slot = 4,        // the slot is outside the capability table
  empty_slot = 5,      // the slot holds no capability
  stale = 6,           // the capability's object is gone (its generation passed)
  wrong_kind = 7,      // the capability is for another kind of object
  missing_right = 8,   // the capability lacks a right that the call needs
  occupied = 9,        // the destination already holds something
  out_of_range = 10,   // the object or capability does not reach that far
  over_limit = 11,     // the account's limit would be passed
  no_frame = 12,       // no free frame fits, or the named frame is not free
  busy = 13,           // the object is in use in a way that forbids the change
  not_mapped = 14,     // nothing is mapped there, or its page table does not exist
  again = 15,          // a bounded step is done and more is left: repeat the same call
  would_block = 16,    // nothing could be done now; the env is woken when that changes
  wrong_state = 17,    // the object is not in the state that the call needs (an env still running, a link still there)
  unsupported = 18,    // this machine lacks what the call needs
};

template <typename T>
using Result = base::Expected<T, Error>;
using Status = base::Expected<void, Error>;

[[nodiscard]] constexpr std::string_view name(Error error) {
  constexpr std::array<std::string_view, 19> names{
      "none", "bad_call", "bad_argument", "bad_address", "bad_slot", "empty_slot", "stale", "wrong_kind",
      "missing_right", "occupied", "out_of_range", "over_limit", "no_frame", "busy", "not_mapped", "again",
      "would_block", "wrong_state", "unsupported"};
  const auto index = static_cast<std::size_t>(error);
  return index < names.size() ? names[index] : "unknown";
}

}  // namespace abi
