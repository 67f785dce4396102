// SPDX-License-Identifier: MIT
// Where the C++ library's hardened checks end (a position behind the end of a string, say): the library's own error, which
// the exception entry reports.
#include "base/std.hpp"

_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }
_LIBCPP_END_NAMESPACE_STD
