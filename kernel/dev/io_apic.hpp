// SPDX-License-Identifier: MIT
// Interrupt lines to the first processor. Only what has no message-signalled interrupt needs this.
#pragma once

#include "kernel/boot/acpi.hpp"

namespace aegis::dev {

// The 8259s, which nobody uses. Before the local APIC stops listening to them: a request that firmware left pending must
// be withdrawn by its source, or the processor takes it the first time it allows interrupts.
void silence_legacy_controllers();
void find_io_apics(std::span<const boot::IoApicPlace> places);  // masks every line
// Sends a line (edge-triggered, active high) to the first processor as `vector`. False: no controller has that line.
[[nodiscard]] bool route_interrupt(std::uint32_t line, std::uint8_t vector);

}  // namespace aegis::dev
