// SPDX-License-Identifier: MIT
// Console and log on a machine without a console.
#include "tests/kernel/guest.hpp"

using namespace guest;

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  std::array<char, 64> bytes{};
  expect_error(call::console_read(boot::console, bytes.data(), bytes.size()), Error::would_block, "nothing comes");
  expect_error(call::console_write(boot::console, bytes.data(), bytes.size()), Error::would_block, "nothing goes");
  expect_ok(call::console_bind(boot::console, boot::self));
  expect_ok(call::console_bind(boot::console, abi::no_slot));
  expect_ok(call::machine_log(boot::machine, "a line from ring 3\n", 19));
  expect_ok(call::machine_log(boot::machine, bytes.data(), 0), "an empty line");
  finish();
}
