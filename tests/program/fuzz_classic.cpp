// SPDX-License-Identifier: MIT
// Random classic BPF, translated, beside libpcap's own interpreter on packets of several lengths.
#include <cstdio>
#include <cstdlib>

#include "tests/program/classic_case.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace program_test;
  constexpr std::size_t packet_size = 64;
  if (size < packet_size + 6) return -1;
  const ClassicCode classic = classic_of({data + packet_size, size - packet_size});
  const ClassicCase both{classic};
  if (both.failure || !both.program->accepted()) {
    std::fprintf(stderr, "a valid program is not taken: %s\n",
                 std::string{both.failure ? describe(both.failure->fault) : describe(both.program->refusal())}.c_str());
    std::abort();
  }
  const auto* packet = reinterpret_cast<const std::byte*>(data);
  for (const std::size_t length : {packet_size, std::size_t{33}, std::size_t{14}, std::size_t{0}})
    if (const std::string difference = both.compare({packet, length}); !difference.empty()) {
      std::fprintf(stderr, "length %zu: %s\n", length, difference.c_str());
      std::abort();
    }
  return 0;
}
