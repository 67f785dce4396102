// SPDX-License-Identifier: MIT
// What the processor can do, found once, and the control registers that follow from it, the same on every processor.
#pragma once

#include "base/std.hpp"

namespace aegis::arch {

struct Features {
  bool smep = false, smap = false, umip = false, pku = false, avx = false, rdrand = false;
  bool pcid = false, invpcid = false, x2apic = false, tsc_deadline = false, hypervisor = false;
  std::uint32_t xcr0 = 0;
  std::uint32_t xsave_size = 0;
};
extern "C" Features found_features;  // written once
[[nodiscard]] inline const Features& features() { return found_features; }

void find_features();     // once, on the first processor; stops the machine when it lacks what the kernel needs
void enable_features();   // on every processor: control registers, system-call entry, vector state
void patch_smap_sites();  // before the image is write-protected

}  // namespace aegis::arch
