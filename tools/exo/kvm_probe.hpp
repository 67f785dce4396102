// SPDX-License-Identifier: MIT
// Does KVM run a guest here? A /dev/kvm that opens is no proof: a tiny guest is tried, and must finish in time.
#pragma once

#include <string>

namespace exo {

struct KvmAnswer {
  bool works = false;
  bool is_new = false;   // found out just now, not remembered from earlier in this boot of the host
  std::string reason;    // why not
};

[[nodiscard]] KvmAnswer probe_kvm();

}  // namespace exo
