// SPDX-License-Identifier: MIT
#include "tests/unit/checker.hpp"

#include <cstdio>

#include "kernel/core/check.hpp"
#include "kernel/core/space.hpp"
#include "tests/unit/fake_arch.hpp"

namespace fake {
namespace {

void keep(void* lines, std::string_view what, std::uint64_t where) {
  static_cast<std::vector<std::string>*>(lines)->push_back(std::string{what} + " (" + std::to_string(where) + ")");
}

}  // namespace

std::vector<std::string> check(aegis::Kernel& k) {
  std::vector<std::string> wrong;
  const auto counted = aegis::check_tables(k, {keep, &wrong});
  if (!counted.has_value() || *counted != wrong.size()) wrong.emplace_back("the checker's own count");
  for (const aegis::Cpu& cpu : machine().cpus)
    if (cpu.space != 0 && machine().top[cpu.id.raw()] != aegis::object_at<aegis::Space>(cpu.space).top)
      keep(&wrong, "tables in use", cpu.id.raw());
  std::string why;
  if (!translations_agree(why)) wrong.push_back(why);
  return wrong;
}

}  // namespace fake
