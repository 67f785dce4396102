// SPDX-License-Identifier: MIT
// Running one test, of whatever kind: what it takes, and how its outcome is judged.
#pragma once

#include <string>
#include <vector>

#include "exo/locations.hpp"
#include "exo/test_case.hpp"

namespace exo {

struct Outcome {
  bool passed = false;
  std::string detail;  // why not, with the last output
  std::string log;     // what the guest wrote to the kernel's log
};

// A command that is run to its end, or for so long.
struct Captured {
  int status = 0;
  bool timed_out = false;
  std::string out, err;
};
[[nodiscard]] Result<Captured> capture(const std::vector<std::string>& command, const std::string& folder,
                                       const std::string& input, int timeout_s);

[[nodiscard]] Outcome run_guest_test(const Locations& at, const GuestTest& test);
// `qemu`: one to use instead of the usual; empty: none.
[[nodiscard]] Outcome run_end_to_end_test(const Locations& at, const EndToEndTest& test, const std::string& qemu);
// A binary of the host that is right when it returns 0.
[[nodiscard]] Outcome run_host_test(const std::vector<std::string>& command, int timeout_s);

}  // namespace exo
