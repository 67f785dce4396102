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
  [[nodiscard]] bool acquire_at_once() {  // as entry.S does, too
    std::uint64_t idle = 0;
    return word_.compare_exchange_strong(idle, held, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void release() { __atomic_store_n(low_byte(), std::uint8_t{0}, __ATOMIC_RELEASE); }

 private:
  static constexpr int courtesy = 64;   // times that a newcomer lets others try

  // The low byte says whether somebody has it, the upper half counts who waits: one compare-and-exchange takes a lock that is
  // idle, one store to the byte gives it back, whoever waits.
  static constexpr std::uint64_t held = 1, waiter = std::uint64_t{1} << 32;
  std::uint8_t* low_byte() { return reinterpret_cast<std::uint8_t*>(&word_); }

  bool try_acquire() { return __atomic_exchange_n(low_byte(), std::uint8_t{held}, __ATOMIC_ACQUIRE) == 0; }  // pairs with the release above

  // Keeps all registers, so that nobody saves any for a wait that hardly ever comes.
  [[gnu::noinline, gnu::cold, clang::preserve_most]] void wait() {
    if (word_.fetch_add(waiter, std::memory_order_relaxed) >= waiter)
      for (int i = 0; i < courtesy; ++i) arch::relax();
    do {
      while ((word_.load(std::memory_order_relaxed) & held) != 0) arch::relax();
    } while (!try_acquire());
    word_.fetch_sub(waiter, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> word_{0};
};

}  // namespace aegis
