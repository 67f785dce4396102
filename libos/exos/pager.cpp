// SPDX-License-Identifier: MIT
// The hand's way round, and how a request for memory is answered.
#include "libos/exos/pager.hpp"

#include "abi/account.hpp"
#include "base/format.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/task.hpp"
#include "libos/rt/kinds.hpp"

namespace exos::pager {

namespace {

constexpr std::uint64_t smallest_batch = 32;
constexpr std::uint32_t most_rounds = 3;    // the first begins in the middle; then once to forget uses and once to take

constinit Hand hand;
constinit Counters counted{};
constinit ClockPolicy clock, without_locks{true};

// Locked pages stay as long as they leave half of the memory to all the others; those need some to make any progress.
const EvictionPolicy& chosen() {
  std::uint64_t locked = 0;
  for (const Memory& memory : all_memories()) locked += area_pages(memory).locked;
  return locked <= memory_use().limit / 2 ? clock : without_locks;
}

// Frames of a request that names them: these and no others.
class NamedPolicy final : public EvictionPolicy {
 public:
  NamedPolicy(std::uint64_t first, std::uint64_t count) : first_{first}, count_{count} {}
  [[nodiscard]] Verdict judge(const PageFacts& page) const override {
    return page.frame >= first_ && page.frame - first_ < count_ ? Verdict::take : Verdict::keep;
  }

 private:
  std::uint64_t first_, count_;
};

template <typename List, typename T>
T* next_in(List& list, const T* at) {
  bool found = false;
  for (T& each : list) {
    if (found) return &each;
    found = &each == at;
  }
  return nullptr;
}

// True: the hand has come to the end of the programs.
bool go_through_programs(Sweep& sweep) {
  Visitor visitor;
  if (hand.memory == nullptr) {
    hand.memory = all_memories().front();
    hand.address = 0;
  }
  while (hand.memory != nullptr && !sweep.done()) {
    if (!sweep_memory(*hand.memory, hand, sweep, visitor)) continue;
    hand.memory = next_in(all_memories(), hand.memory);
    hand.address = 0;
  }
  return hand.memory == nullptr;
}

bool go_through_files(Sweep& sweep) {
  if (hand.file == nullptr) {
    hand.file = files_with_pages().front();
    hand.index = 0;
  }
  while (hand.file != nullptr && !sweep.done()) {
    if (!sweep_file(*hand.file, hand, sweep)) continue;
    hand.file = next_in(files_with_pages(), hand.file);
    hand.index = 0;
  }
  return hand.file == nullptr;
}

// How many frames were freed, as far as that can be told without the account.
std::uint64_t evict(const EvictionPolicy& policy, std::uint64_t wanted) {
  Sweep sweep{.policy = policy, .wanted = wanted};
  while (!sweep.done() && sweep.round < most_rounds) {
    if (hand.stage == Hand::Stage::programs) {
      if (go_through_programs(sweep)) hand.stage = Hand::Stage::files;
    } else if (go_through_files(sweep)) {
      hand.stage = Hand::Stage::programs;
      ++sweep.round;
    }
  }
  return sweep.freed;
}

std::uint64_t shrink_caches() { return shrink_tasks() + shrink_heap(); }

}  // namespace

const Counters& counters() { return counted; }
Counters& counters_to_change() { return counted; }

void forget(const Memory& memory) {
  if (hand.memory != &memory) return;
  hand.memory = next_in(all_memories(), &memory);
  hand.address = 0;
  if (hand.memory == nullptr) hand.stage = Hand::Stage::files;
}

void forget(const MemoryFile& file) {
  if (hand.file != &file) return;
  hand.file = next_in(files_with_pages(), &file);
  hand.index = 0;
  if (hand.file == nullptr) hand.stage = Hand::Stage::programs;
}

bool make_room(std::uint64_t frames) {
  bool any = false;
  for (;;) {
    const MemoryUse use = memory_use();
    if (use.used + frames <= use.limit) return true;
    if (evict(chosen(), std::max(use.used + frames - use.limit, smallest_batch)) == 0 && shrink_caches() == 0) return any;
    any = true;
  }
}

std::uint64_t evict_for_request(const abi::RevocationRequest& request, std::uint64_t wanted) {
  if (request.first == abi::any_units) {
    const std::uint64_t freed = evict(chosen(), std::max(wanted, smallest_batch));
    return freed != 0 ? freed : evict(without_locks, wanted);
  }
  return evict(NamedPolicy{request.first, request.count}, ~std::uint64_t{0});
}

std::uint64_t shrink_for_request() { return shrink_caches(); }

}  // namespace exos::pager
