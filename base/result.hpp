// SPDX-License-Identifier: MIT
// The one way errors travel: an expected value, and TRY to pass a failure on.
#pragma once

#include "base/std.hpp"

namespace base {

// One alias, so that another implementation of the same shape could stand in.
template <typename T, typename E>
using Expected = std::expected<T, E>;
template <typename E>
using Unexpected = std::unexpected<E>;

}  // namespace base

// Each use names its temporary anew, so that one may stand in another's argument.
#define BASE_JOIN_NOW(a, b) a##b
#define BASE_JOIN(a, b) BASE_JOIN_NOW(a, b)

// Evaluates to the value of an expected, or returns its error from the enclosing function.
#define TRY(expression) BASE_TRY(BASE_JOIN(try_result_, __COUNTER__), expression)
#define BASE_TRY(result, expression)             \
  __extension__({                                \
    auto&& result = (expression);                \
    if (!result.has_value()) [[unlikely]]        \
      return ::base::Unexpected{result.error()}; \
    *std::move(result);                          \
  })

// The same for an expected<void, E>, where there is no value to take.
#define TRY_VOID(expression) BASE_TRY_VOID(BASE_JOIN(try_result_, __COUNTER__), expression)
#define BASE_TRY_VOID(result, expression)                              \
  do {                                                                 \
    if (auto&& result = (expression); !result.has_value()) [[unlikely]] \
      return ::base::Unexpected{result.error()};                       \
  } while (false)
