// SPDX-License-Identifier: MIT
// Switching the machine off (arch::power_off).
#pragma once

#include "kernel/boot/acpi.hpp"

namespace aegis::dev {

void prepare_power_off(const boot::PowerOff& how);

}  // namespace aegis::dev
