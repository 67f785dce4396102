// SPDX-License-Identifier: MIT
#include "kernel/core/kernel.hpp"

namespace aegis::detail {

constinit ShortLock kernel_lock{};
constinit Kernel kernel_state{};

}  // namespace aegis::detail
