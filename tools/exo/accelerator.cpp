// SPDX-License-Identifier: MIT
#include "exo/accelerator.hpp"

namespace exo {

Result<Accelerator> choose_accelerator(RunOptions::Acceleration asked, const std::function<KvmAnswer()>& probe) {
  if (asked == RunOptions::Acceleration::tcg) return Accelerator::tcg;
  const KvmAnswer answer = probe();
  if (answer.works) return Accelerator::kvm;
  if (asked == RunOptions::Acceleration::kvm) return fail(own_failure, "--accel kvm: " + answer.reason + "; leave it out to run under emulation");
  return Accelerator::tcg;
}

Result<RunOptions::Acceleration> read_acceleration(const std::string& word) {
  using enum RunOptions::Acceleration;
  if (word == "auto") return automatic;
  if (word == "tcg") return tcg;
  if (word == "kvm") return kvm;
  return fail(own_failure, "--accel " + word + ": wants auto, tcg or kvm");
}

}  // namespace exo
