// SPDX-License-Identifier: MIT
#include "kernel/core/sleepers.hpp"

#include "kernel/core/env.hpp"

namespace aegis {

// Both are roots; the later one becomes the first child of the earlier.
Env* Sleepers::meld(Env* a, Env* b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->deadline < a->deadline) std::swap(a, b);
  b->sleep.prev = a;
  b->sleep.next = a->sleep.child;
  if (b->sleep.next != nullptr) b->sleep.next->sleep.prev = b;
  a->sleep.child = b;
  a->sleep.next = a->sleep.prev = nullptr;
  return a;
}

// Melds a list of siblings into one heap: pairs from the left, kept on a stack through `next`, then that from the
// right.
Env* Sleepers::meld_pairs(Env* first) {
  Env* stack = nullptr;
  while (first != nullptr) {
    Env* a = first;
    Env* b = a->sleep.next;
    first = b != nullptr ? b->sleep.next : nullptr;
    a->sleep.next = a->sleep.prev = nullptr;
    if (b != nullptr) b->sleep.next = b->sleep.prev = nullptr;
    Env* pair = meld(a, b);
    pair->sleep.next = stack;
    stack = pair;
  }
  Env* heap = nullptr;
  while (stack != nullptr) {
    Env* pair = stack;
    stack = pair->sleep.next;
    pair->sleep.next = nullptr;
    heap = meld(heap, pair);
  }
  return heap;
}

void Sleepers::insert(Env& env) {
  AEGIS_ASSERT(!env.sleep.queued);
  env.sleep = {.queued = true};
  root_ = meld(root_, &env);
}

void Sleepers::remove(Env& env) {
  if (!env.sleep.queued) return;
  Env* rest = meld_pairs(env.sleep.child);
  if (&env == root_) {
    root_ = rest;
  } else {
    Env* prev = env.sleep.prev;
    if (prev->sleep.child == &env) prev->sleep.child = env.sleep.next;
    else prev->sleep.next = env.sleep.next;
    if (env.sleep.next != nullptr) env.sleep.next->sleep.prev = prev;
    root_ = meld(root_, rest);
  }
  env.sleep = {};
}

Nanoseconds Sleepers::first_deadline() const { return root_ != nullptr ? root_->deadline : abi::forever; }

}  // namespace aegis
