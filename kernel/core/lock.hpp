// SPDX-License-Identifier: MIT
// The kernel lock: one, short. Waiting answers other processors' flush requests (arch::relax). Who comes while others wait lets
// them go first, but not for ever: a processor of a virtual machine may be away for long while it waits, and in a strict order all
// others would wait for it although nobody holds the lock.
#pragma once

#include "kernel/arch/api.hpp"

namespace aegis {

class ShortLock {
 public:
  constexpr ShortLock() = default;
  ShortLock(const ShortLock&) = delete;
  ShortLock& operator=(const ShortLock&) = delete;

  void acquire() {
    if (acquire_at_once()) [[likely]] return;
    wait();
  }
  [[nodiscard]] bool acquire_at_once() { return waiting_.load(std::memory_order_relaxed) == 0 && try_acquire(); }
  void release() { held_.store(false, std::memory_order_release); }

 private:
  static constexpr int courtesy = 64;   // times that a newcomer lets others try

  bool try_acquire() { return !held_.exchange(true, std::memory_order_acquire); }  // pairs with the release above

  // Keeps all registers, so that nobody saves any for a wait that hardly ever comes.
  [[gnu::noinline, gnu::cold, clang::preserve_most]] void wait() {
    if (waiting_.fetch_add(1, std::memory_order_relaxed) != 0)
      for (int i = 0; i < courtesy; ++i) arch::relax();
    do {
      while (held_.load(std::memory_order_relaxed)) arch::relax();
    } while (!try_acquire());
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }

  std::atomic<bool> held_{false};  // the first byte: entry.S gives back what a quick transfer took
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace aegis
