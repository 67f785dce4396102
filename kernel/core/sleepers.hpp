// SPDX-License-Identifier: MIT
// Envs that sleep with a deadline: a pairing heap whose links lie in the envs, so there is no bound on their number and
// nothing to allocate. The first deadline is at hand; leaving costs O(log n) amortised.
#pragma once

#include "kernel/core/object.hpp"

namespace aegis {

struct SleepLink {
  Env* child = nullptr;
  Env* next = nullptr;   // sibling
  Env* prev = nullptr;   // elder sibling, or the parent of a first child
  bool queued = false;
};

class Sleepers {
 public:
  constexpr Sleepers() = default;
  void insert(Env& env);  // by env.deadline
  void remove(Env& env);
  [[nodiscard]] Env* first() const { return root_; }
  [[nodiscard]] Nanoseconds first_deadline() const;  // forever when there is none

 private:
  static Env* meld(Env* a, Env* b);
  static Env* meld_pairs(Env* first);
  Env* root_ = nullptr;
};

}  // namespace aegis
