// SPDX-License-Identifier: MIT
// One container: account, table, first space and root env, as abi/container.hpp promises them to the library OS.
#pragma once

#include "init/image.hpp"
#include "init/plan.hpp"

namespace init {

// Builds the container in slots::account ... slots::env, ready to be started at the image's entry.
[[nodiscard]] rt::Status build_container(const Archive& archive, const Image& image, const Plan& plan);

// Gives it its time and sets it going.
[[nodiscard]] rt::Status start_container(const Image& image);

}  // namespace init
