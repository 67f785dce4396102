// SPDX-License-Identifier: MIT
// The kernel lock: one, short, first come first served. Waiting answers other processors' flush requests (arch::relax).
#pragma once

#include "kernel/arch/api.hpp"

namespace aegis {

class TicketLock {
 public:
  constexpr TicketLock() = default;
  TicketLock(const TicketLock&) = delete;
  TicketLock& operator=(const TicketLock&) = delete;

  void acquire() {
    const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    if (serving_.load(std::memory_order_acquire) != ticket) [[unlikely]] wait(ticket);  // pairs with the release below
  }
  void release() {
    serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  // Keeps all registers, so that nobody saves any for a wait that hardly ever comes.
  [[gnu::noinline, gnu::cold, clang::preserve_most]] void wait(std::uint32_t ticket) {
    while (serving_.load(std::memory_order_acquire) != ticket) arch::relax();
  }

  std::atomic<std::uint32_t> next_{0};
  std::atomic<std::uint32_t> serving_{0};
};

}  // namespace aegis
