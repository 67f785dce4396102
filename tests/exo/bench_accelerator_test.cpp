// SPDX-License-Identifier: MIT
// Times by KVM where it works. Probes and machines are made up here: what is decided, and what QEMU would be told.
#include <gtest/gtest.h>

#include <algorithm>

#include "exo/accelerator.hpp"
#include "exo/bench_guest.hpp"

namespace exo {
namespace {

using enum RunOptions::Acceleration;

KvmAnswer working() { return {.works = true, .is_new = true, .reason = ""}; }
KvmAnswer broken() { return {.works = false, .is_new = true, .reason = "a test guest did not run rightly"}; }
KvmAnswer not_asked() {
  ADD_FAILURE() << "the probe does not matter for emulation";
  return {};
}

TEST(Accelerator, IsKvmWhereAProbeRuns) {
  EXPECT_EQ(*choose_accelerator(automatic, working), Accelerator::kvm);
  EXPECT_EQ(*choose_accelerator(kvm, working), Accelerator::kvm);
  EXPECT_EQ(*choose_accelerator(automatic, broken), Accelerator::tcg);
  EXPECT_EQ(*choose_accelerator(tcg, not_asked), Accelerator::tcg);
}

TEST(Accelerator, ThatIsAskedForAndDoesNotWorkIsOneLineWithTheReason) {
  const auto answer = choose_accelerator(kvm, broken);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().text, "--accel kvm: a test guest did not run rightly; leave it out to run under emulation");
  EXPECT_EQ(answer.error().status, own_failure);
  EXPECT_FALSE(read_acceleration("hvf").has_value());
}

std::string words_for(const BenchPlan& plan, LinuxTuning tuning) {
  MachinePlan machine{.memory = 512u << 20};
  apply_plan(machine, plan, "rings.so");
  machine.without = features_without(tuning, plan);
  std::vector<std::string> words;
  add_board(words, machine);
  std::string line;
  for (const std::string& word : words) line += word + " ";
  return line;
}

// Under KVM the processor is the host's own: nothing is counted, and nothing is taken from it.
TEST(BenchPlan, TimesByKvmAreTakenOnTheProcessorAsItIs) {
  const std::string line = words_for({.icount = false, .timed_with = Accelerator::kvm}, LinuxTuning::fairest);
  EXPECT_NE(line.find("-accel kvm -cpu max "), std::string::npos) << line;
  EXPECT_EQ(line.find("icount"), std::string::npos);
  EXPECT_EQ(line.find("plugin"), std::string::npos);
}

TEST(BenchPlan, InstructionsAreCountedUnderEmulationWhateverTimesItself) {
  const std::string line = words_for({.icount = true, .timed_with = Accelerator::kvm}, LinuxTuning::fairest);
  EXPECT_NE(line.find("-accel tcg -cpu max,-erms,-fsrm "), std::string::npos) << line;
  EXPECT_NE(line.find("-icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01T00:00:00,clock=vm -plugin rings.so"), std::string::npos) << line;
}

TEST(BenchPlan, EmulatedTimesAreTakenOnBothSidesAlike) {
  EXPECT_NE(words_for({.icount = false}, LinuxTuning::stock).find("-accel tcg -cpu max "), std::string::npos);
  EXPECT_NE(words_for({.icount = false}, LinuxTuning::fairest).find("-accel tcg -cpu max,-pku "), std::string::npos);
}

}  // namespace
}  // namespace exo
