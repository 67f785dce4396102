// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "kernel/core/env.hpp"

namespace {

TEST(Sleepers, AgreesWithASortedList) {
  std::vector<std::unique_ptr<aegis::Env>> envs;
  for (int i = 0; i < 200; ++i) envs.push_back(std::make_unique<aegis::Env>());
  aegis::Sleepers sleepers;
  std::vector<aegis::Env*> in;
  std::mt19937 random{3};
  const auto earlier = [](const aegis::Env* a, const aegis::Env* b) { return a->deadline < b->deadline; };
  for (int round = 0; round < 20'000; ++round) {
    aegis::Env* env = envs[random() % envs.size()].get();
    if (random() % 3 == 0 && sleepers.first() != nullptr) env = sleepers.first();
    if (env->sleep.queued) {
      sleepers.remove(*env);
      std::erase(in, env);
    } else {
      env->deadline = abi::Nanoseconds{random() % 1000};
      sleepers.insert(*env);
      in.push_back(env);
    }
    const auto least = std::min_element(in.begin(), in.end(), earlier);
    ASSERT_EQ(sleepers.first_deadline(), in.empty() ? abi::forever : (*least)->deadline);
  }
}

}  // namespace
