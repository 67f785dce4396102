// SPDX-License-Identifier: MIT
// How the tool fails: one line for the person and an exit status, as Docker numbers them.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "base/result.hpp"

namespace exo {

inline constexpr int own_failure = 125;      // exo itself could not do it
inline constexpr int cannot_execute = 126;   // found, but not something that runs
inline constexpr int not_found = 127;        // no such program

struct Failure {
  int status;
  std::string text;  // what is wrong and what to do, without "exo: " and newline
};

template <typename T>
using Result = base::Expected<T, Failure>;
using Status = Result<void>;

[[nodiscard]] inline base::Unexpected<Failure> fail(int status, std::string text) {
  return base::Unexpected{Failure{status, std::move(text)}};
}
// With errno's meaning behind it.
[[nodiscard]] inline base::Unexpected<Failure> fail_errno(std::string what) {
  return fail(own_failure, std::move(what) + ": " + std::strerror(errno));
}

}  // namespace exo
