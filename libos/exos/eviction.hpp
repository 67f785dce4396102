// SPDX-License-Identifier: MIT
// Which pages go. The pager's hand goes round over all pages that can leave memory, processes first, then files, and asks
// the policy at each; a policy sees facts about the page and keeps none of its own about any. Another one is another
// implementation of EvictionPolicy, named in pager.cpp. Also built for the host's unit tests.
#pragma once

#include "base/std.hpp"

namespace exos {

struct PageFacts {
  bool accessed = false;      // touched since the hand last passed: the processor's own bit for pages of programs
  bool dirty = false;         // has to be written to the swap object (files: the page is their only copy)
  bool parked = false;        // under PROT_NONE: nobody can touch it
  bool locked = false;        // under mlock, by some process
  std::uint32_t round = 0;    // how often the hand has gone round for the present want
  std::uint64_t frame = 0;
};

enum class Verdict : std::uint8_t { take, spare, keep };   // spare: forget that it was touched; keep: leave it as it is

class EvictionPolicy {
 public:
  [[nodiscard]] virtual Verdict judge(const PageFacts& page) const = 0;

 protected:
  ~EvictionPolicy() = default;
};

// Second chance: who was touched since the last time is spared once. What is locked goes, if at all, when nothing else can.
class ClockPolicy final : public EvictionPolicy {
 public:
  explicit constexpr ClockPolicy(bool takes_locked = false) : takes_locked_{takes_locked} {}
  [[nodiscard]] Verdict judge(const PageFacts& page) const override {
    if (page.locked && !takes_locked_) return Verdict::keep;
    return page.accessed && !page.parked && page.round < 2 ? Verdict::spare : Verdict::take;
  }

 private:
  bool takes_locked_;
};

}  // namespace exos
