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

// Evaluates to the value of an expected, or returns its error from the enclosing function.
#define TRY(expression)                                                    \
  __extension__({                                                          \
    auto&& try_result_ = (expression);                                     \
    if (!try_result_.has_value()) [[unlikely]]                             \
      return ::base::Unexpected{try_result_.error()};                      \
    *std::move(try_result_);                                               \
  })

// The same for an expected<void, E>, where there is no value to take.
#define TRY_VOID(expression)                                               \
  do {                                                                     \
    if (auto&& try_result_ = (expression); !try_result_.has_value()) [[unlikely]] \
      return ::base::Unexpected{try_result_.error()};                      \
  } while (false)
