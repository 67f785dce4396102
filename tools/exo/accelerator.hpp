// SPDX-License-Identifier: MIT
// Emulation or KVM: what was asked for, and what works here.
#pragma once

#include <functional>

#include "exo/kvm_probe.hpp"
#include "exo/options.hpp"

namespace exo {

// A failure with the reason when KVM is asked for and does not work. `probe` is asked unless the answer does not matter.
[[nodiscard]] Result<Accelerator> choose_accelerator(RunOptions::Acceleration asked, const std::function<KvmAnswer()>& probe);
// "auto", "tcg" or "kvm".
[[nodiscard]] Result<RunOptions::Acceleration> read_acceleration(const std::string& word);

}  // namespace exo
