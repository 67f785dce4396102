// SPDX-License-Identifier: MIT
// Integers with a meaning: no implicit conversion in or out, operators opted in one by one.
#pragma once

#include "base/std.hpp"

namespace base {

struct Ordered {};   // <, <=, ... (== is always there)
struct Offsets {};   // strong + rep, strong - rep, ++, and strong - strong -> rep

template <typename Tag, std::integral Rep, typename... Ops>
class Strong {
 public:
  using rep = Rep;
  static constexpr bool ordered = (std::is_same_v<Ops, Ordered> || ...);
  static constexpr bool offsets = (std::is_same_v<Ops, Offsets> || ...);

  constexpr Strong() = default;
  explicit constexpr Strong(Rep raw) : raw_{raw} {}
  [[nodiscard]] constexpr Rep raw() const { return raw_; }

  friend constexpr bool operator==(Strong, Strong) = default;
  friend constexpr auto operator<=>(Strong a, Strong b) requires ordered { return a.raw_ <=> b.raw_; }
  friend constexpr Strong operator+(Strong a, Rep n) requires offsets { return Strong{static_cast<Rep>(a.raw_ + n)}; }
  friend constexpr Strong operator-(Strong a, Rep n) requires offsets { return Strong{static_cast<Rep>(a.raw_ - n)}; }
  friend constexpr Rep operator-(Strong a, Strong b) requires offsets { return static_cast<Rep>(a.raw_ - b.raw_); }
  constexpr Strong& operator++() requires offsets { ++raw_; return *this; }

 private:
  Rep raw_{};
};

}  // namespace base
