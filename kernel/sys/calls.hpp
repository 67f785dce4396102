// SPDX-License-Identifier: MIT
// The Aegis calls as functions of one caller. Prototypes come from the table in abi/; each family has its file here. A
// call decodes, checks, and behind the line "point of no return" only does what cannot fail.
#pragma once

#include "kernel/core/lookup.hpp"
#include "kernel/core/scheduler.hpp"

namespace aegis::sys {

// The table's argument types.
using slot = abi::CapSlot;
using frame = abi::FrameNumber;
using u64 = std::uint64_t;
using u32 = std::uint32_t;
struct va {  // at most user_end
  std::uint64_t raw;
};

// What goes back in rax and rdx.
struct Answer {
  Error error = Error::none;
  std::uint64_t value = 0;
  constexpr Answer() = default;
  constexpr Answer(base::Unexpected<Error> failure) : error{failure.error()} {}
  constexpr Answer(const Status& status) : error{status.has_value() ? Error::none : status.error()} {}
  constexpr Answer(Error failure, std::uint64_t result) : error{failure}, value{result} {}
};
[[nodiscard]] constexpr Answer answer(std::uint64_t value) { return {Error::none, value}; }

struct Calls {
  Kernel& k;
  Cpu& cpu;
  Env& env;

  [[nodiscard]] Table& table() const { return object_at<Table>(env.table); }

#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) Answer name arguments;
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL

  template <typename T, typename... Rights>
  [[nodiscard]] Result<T*> find(slot number, Rights... rights) const {
    return aegis::find<T>(k, table(), number, rights...);
  }
  template <typename... Rights>
  [[nodiscard]] Result<Slot*> find_kind(slot number, Kind kind, Rights... rights) const {
    return aegis::find_kind(k, table(), number, kind, rights...);
  }
  [[nodiscard]] Result<Slot*> find_empty(slot number) const { return aegis::find_empty(table(), number); }
  // The object that `number` names, or the caller's own one for slot 0.
  [[nodiscard]] Result<Env*> find_self_or(slot number, abi::EnvRight right) const {
    if (number == abi::no_slot) return &env;
    return find<Env>(number, right);
  }
  [[nodiscard]] Result<Space*> find_own_or(slot number) const {  // to change it
    Space& own = object_at<Space>(env.space);
    // Its end goes over the tables once: nobody adds to them, nor moves the walk that a trim would share with it.
    if (number == abi::no_slot && own.dying) return fail(Error::stale);
    if (number == abi::no_slot) return &own;
    return find<Space>(number, abi::SpaceRight::change);
  }
  // An account that shall pay for something, and its slot.
  struct Payer {
    Slot& slot;
    Account& account;
  };
  template <typename... Rights>
  [[nodiscard]] Result<Payer> find_payer(slot number, Rights... rights) const {
    Account* account = TRY(find<Account>(number, rights...));
    return Payer{**table().at(number), *account};
  }
  // A new object's first capability.
  template <typename T>
  void publish(const Payer& payer, Slot& target, const T& object) const {
    install_below(payer.slot, target, ObjectTraits<T>::kind, k.frames.ref_of(&object));
  }
};

// User memory, in the caller's space. bad_address where it is not accessible.
[[nodiscard]] inline Status copy_bytes_in(void* to, va from, std::size_t size) {
  if (!base::range_within(from.raw, size, abi::user_end)) return fail(Error::bad_address);
  return arch::copy_from_user(to, from.raw, size) ? Status{} : fail(Error::bad_address);
}
[[nodiscard]] inline Status copy_bytes_out(va to, const void* from, std::size_t size) {
  if (!base::range_within(to.raw, size, abi::user_end)) return fail(Error::bad_address);
  return arch::copy_to_user(to.raw, from, size) ? Status{} : fail(Error::bad_address);
}
template <typename T>
[[nodiscard]] Result<T> copy_in(va from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  TRY_VOID(copy_bytes_in(&value, from, sizeof value));
  return value;
}
template <typename T>
[[nodiscard]] Status copy_out(va to, const T& value) {
  static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>, "padding would leak");
  return copy_bytes_out(to, &value, sizeof value);
}

}  // namespace aegis::sys
