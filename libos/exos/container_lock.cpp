// SPDX-License-Identifier: MIT
#include "libos/exos/container_lock.hpp"

#include "base/format.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/wait.hpp"

namespace exos::container_lock {

constinit std::atomic<std::uint32_t> owner{0};
constinit std::atomic<std::uint64_t> waiting{0};

namespace {

constexpr std::uint32_t spins = 200;                // a short call's length
constexpr std::uint64_t look_again_ns = 20'000'000; // who waits looks whether the owner is still alive

bool try_acquire(std::uint32_t self) {
  std::uint32_t nobody = 0;
  return owner.compare_exchange_strong(nobody, self, std::memory_order_seq_cst);
}

// An env that the kernel has set aside for overruns, which are the machine's load and not the library's fault, goes on; one
// that has died with the lock leaves nothing that could be trusted.
void look_at_owner() {
  const std::uint32_t holder = owner.load(std::memory_order_relaxed);
  if (holder == 0) return;
  const OwnEnv env{abi::CapSlot{holder}};
  const auto state = env.state();
  if (!state || (state->state != abi::RunState::stuck && state->state != abi::RunState::halted)) return;
  if (state->state == abi::RunState::stuck && state->code == abi::overrun_code) {
    static_cast<void>(env.resume());
    return;
  }
  if (owner.load(std::memory_order_relaxed) != holder) return;
  const base::Text<96> line{"the container lock's owner died (vector {} at {:x})", state->code, state->registers.rip};
  library_crash(line.view());
}

void wait_for_turn(const TaskArea& area) {
  if (area.task == nullptr) return sleep_until_free();
  area.processor->wants_lock.store(true, std::memory_order_seq_cst);
  static_cast<void>(rt::yield());
}

}  // namespace

void acquire_contended() {
  const TaskArea& area = current_area();
  for (;;) {
    for (std::uint32_t i = 0; i < spins; ++i) {
      asm volatile("pause");
      if (owner.load(std::memory_order_relaxed) == 0 && try_acquire(area.env)) return;
    }
    waiting.fetch_or(std::uint64_t{1} << area.processor->index, std::memory_order_seq_cst);
    if (try_acquire(area.env)) return;
    wait_for_turn(area);
  }
}

void wake_waiting() {
  std::uint64_t sleepers = waiting.exchange(0, std::memory_order_seq_cst);
  for (; sleepers != 0; sleepers &= sleepers - 1)
    static_cast<void>(processors()[static_cast<std::size_t>(std::countr_zero(sleepers))].env.wake());
}

// The end of the slice has waited for the lock to be let go.
void take_deferred_end() {
  TaskArea& area = current_area();
  area.self->deferred = 0;
  ++area.library_ends;
  std::atomic_ref{area.attention}.fetch_or(attention_resched, std::memory_order_relaxed);
}

void sleep_until_free() {
  if (owner.load(std::memory_order_seq_cst) == 0) return;
  static_cast<void>(rt::sleep(abi::Nanoseconds{now().raw() + look_again_ns}));
  sched::halt_if_ended();
  look_at_owner();
}

}  // namespace exos::container_lock
