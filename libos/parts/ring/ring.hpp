// SPDX-License-Identifier: MIT
// Messages from one env to another through frames that both map, on any two processors: one writer, one reader. Full
// and empty are waited for with env_wait; the other side makes a call only when somebody sleeps. Neither side trusts
// the other: counts are checked, messages are copied out before they are looked at, and a peer that writes nonsense is
// `wrong_state`.
#pragma once

#include "libos/rt/kinds.hpp"
#include "libos/rt/wait.hpp"

namespace parts {

// What lies in the shared memory; zeroed memory is an empty ring. The two halves are on cache lines of their own.
template <typename T, std::size_t Capacity>
  requires std::is_trivially_copyable_v<T>
struct RingMemory {
  static_assert(std::has_single_bit(Capacity));
  alignas(64) std::uint64_t written;  // messages ever; the writer's
  std::uint64_t writer_sleeps;        // the writer's: wake it when there is room
  alignas(64) std::uint64_t taken;    // messages ever; the reader's
  std::uint64_t reader_sleeps;        // the reader's: wake it when there is something
  alignas(64) T messages[Capacity];
};

namespace detail {

using Peer = rt::EnvWith<abi::EnvRight::wake>;

// Sleeps until `word` is no longer `seen`. The flag is set before the kernel looks at the word; the other side changes
// the word before it looks at the flag (both sequentially consistent): one of the two sees the other's. A wake that
// comes between the look and the sleep is kept by the kernel.
inline rt::Status sleep_on(std::uint64_t& flag, const std::uint64_t& word, std::uint64_t seen) {
  std::atomic_ref<std::uint64_t> sleeping{flag};
  sleeping.store(1, std::memory_order::seq_cst);
  const auto awake = rt::wait(rt::is_not(word, seen));
  sleeping.store(0, std::memory_order::relaxed);
  if (!awake.has_value()) return base::Unexpected{awake.error()};
  return {};
}
// Partner: sleep_on.
inline rt::Status publish(std::uint64_t& word, std::uint64_t value, std::uint64_t& flag, Peer peer) {
  std::atomic_ref{word}.store(value, std::memory_order::seq_cst);
  if (std::atomic_ref{flag}.load(std::memory_order::seq_cst) == 0) return {};
  std::atomic_ref{flag}.store(0, std::memory_order::relaxed);  // one wake is enough
  return peer.wake();
}

}  // namespace detail

template <typename T, std::size_t Capacity>
class RingWriter {
 public:
  RingWriter(RingMemory<T, Capacity>& memory, detail::Peer reader)
      : ring_{memory}, reader_{reader}, written_{memory.written} {}

  // would_block: it is full.
  rt::Status try_put(const T& message) {
    if (written_ - taken_ == Capacity) {
      const std::uint64_t taken = std::atomic_ref{ring_.taken}.load(std::memory_order::acquire);
      if (written_ - taken > Capacity) return base::Unexpected{abi::Error::wrong_state};
      taken_ = taken;
      if (written_ - taken_ == Capacity) return base::Unexpected{abi::Error::would_block};
    }
    std::memcpy(&ring_.messages[written_ % Capacity], &message, sizeof message);
    return detail::publish(ring_.written, ++written_, ring_.reader_sleeps, reader_);
  }
  rt::Status put(const T& message) {
    for (;;) {
      const rt::Status done = try_put(message);
      if (done.has_value() || done.error() != abi::Error::would_block) return done;
      TRY_VOID(detail::sleep_on(ring_.writer_sleeps, ring_.taken, taken_));
    }
  }

 private:
  RingMemory<T, Capacity>& ring_;
  detail::Peer reader_;
  std::uint64_t written_;
  std::uint64_t taken_ = 0;  // as last seen
};

template <typename T, std::size_t Capacity>
class RingReader {
 public:
  RingReader(RingMemory<T, Capacity>& memory, detail::Peer writer)
      : ring_{memory}, writer_{writer}, taken_{memory.taken}, written_{memory.taken} {}

  // would_block: it is empty.
  rt::Result<T> try_take() {
    if (written_ == taken_) {
      const std::uint64_t written = std::atomic_ref{ring_.written}.load(std::memory_order::acquire);
      if (written - taken_ > Capacity) return base::Unexpected{abi::Error::wrong_state};
      written_ = written;
      if (written_ == taken_) return base::Unexpected{abi::Error::would_block};
    }
    T message;
    std::memcpy(&message, &ring_.messages[taken_ % Capacity], sizeof message);
    TRY_VOID(detail::publish(ring_.taken, ++taken_, ring_.writer_sleeps, writer_));
    return message;
  }
  rt::Result<T> take() {
    for (;;) {
      auto message = try_take();
      if (message.has_value() || message.error() != abi::Error::would_block) return message;
      TRY_VOID(detail::sleep_on(ring_.reader_sleeps, ring_.written, written_));
    }
  }

 private:
  RingMemory<T, Capacity>& ring_;
  detail::Peer writer_;
  std::uint64_t taken_;
  std::uint64_t written_;  // as last seen
};

}  // namespace parts
