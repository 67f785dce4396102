// SPDX-License-Identifier: MIT
// What `exo ps` and `exo top` show: who runs in the container and what they use, sent to the host when it asks.
#pragma once

namespace exos {

void want_process_report();      // the host has asked
void service_process_report();   // of the root env's loop: sends what has been asked for, as far as there is room

}  // namespace exos
