// SPDX-License-Identifier: MIT
// Stride scheduling in user space: the env that owns the slices divides its time among clients in proportion to their
// tickets, by directed yield. Each has a pass that grows by what it used, divided by its tickets; the least runs next,
// so shares are exact to within one slice. [Waldspurger and Weihl 1995] What a client does not use of a slice goes to
// the next one.
#pragma once

#include "libos/rt/kinds.hpp"

namespace parts {

template <std::size_t Max>
class StrideScheduler {
 public:
  using Client = rt::EnvWith<abi::EnvRight::donate>;
  struct Share {
    Client env;
    std::uint32_t tickets = 0;  // 0: the place is free
    std::uint64_t pass = 0;
    std::uint64_t ran_ns = 0;
    bool blocked = false;  // it could not take time when it was offered
  };

  explicit constexpr StrideScheduler(const rt::Clock& clock) : clock_{clock} {}

  // Returns the client's index. Tickets: 1 to max_tickets.
  static constexpr std::uint32_t max_tickets = 1u << 16;
  rt::Result<std::size_t> add(Client env, std::uint32_t tickets) {
    if (tickets == 0 || tickets > max_tickets) return base::Unexpected{abi::Error::bad_argument};
    for (std::size_t i = 0; i < Max; ++i) {
      if (shares_[i].tickets != 0) continue;
      shares_[i] = {.env = env, .tickets = tickets, .pass = now_, .ran_ns = 0, .blocked = false};
      return i;
    }
    return base::Unexpected{abi::Error::over_limit};
  }
  void remove(std::size_t index) { shares_[index] = {}; }
  // From its next turn on; what it used before is charged at the old price.
  rt::Status set_tickets(std::size_t index, std::uint32_t tickets) {
    if (tickets == 0 || tickets > max_tickets || shares_[index].tickets == 0)
      return base::Unexpected{abi::Error::bad_argument};
    shares_[index].tickets = tickets;
    return {};
  }
  [[nodiscard]] const Share& share(std::size_t index) const { return shares_[index]; }

  // Gives the rest of the slice to the client whose turn it is, and returns its index when the time has come back.
  // would_block: no client can run now; the caller may sleep.
  rt::Result<std::size_t> run_next() {
    std::uint64_t tried = 0;  // a bit for each client that could not
    static_assert(Max <= 64);
    for (;;) {
      Share* next = least(tried);
      if (next == nullptr) return base::Unexpected{abi::Error::would_block};
      const auto index = static_cast<std::size_t>(next - shares_.data());
      // One that was away gets no credit for it.
      if (next->blocked && before(next->pass, now_)) next->pass = now_;
      const std::uint64_t start = clock_.now().raw();
      const rt::Status given = next->env.yield_to();
      if (!given.has_value()) {
        if (given.error() != abi::Error::wrong_state && given.error() != abi::Error::busy)
          return base::Unexpected{given.error()};  // a client that is gone is the caller's to remove
        next->blocked = true;
        tried |= std::uint64_t{1} << index;
        continue;
      }
      next->blocked = false;
      charge(*next, clock_.now().raw() - start);
      return index;
    }
  }

 private:
  static constexpr std::uint64_t unit = max_tickets;
  // Passes wrap; two that are alive lie close together.
  static constexpr bool before(std::uint64_t a, std::uint64_t b) { return static_cast<std::int64_t>(a - b) < 0; }

  Share* least(std::uint64_t except) {
    Share* best = nullptr;
    for (std::size_t i = 0; i < Max; ++i) {
      Share& share = shares_[i];
      if (share.tickets == 0 || (except >> i & 1) != 0) continue;
      const std::uint64_t pass = share.blocked && before(share.pass, now_) ? now_ : share.pass;
      if (best == nullptr || before(pass, best->pass)) best = &share;
    }
    return best;
  }
  void charge(Share& share, std::uint64_t ns) {
    now_ = share.pass;
    share.ran_ns += ns;
    share.pass += ns * (unit / share.tickets);
  }

  rt::Clock clock_;
  std::array<Share, Max> shares_{};
  std::uint64_t now_ = 0;  // the pass of who ran last: where newcomers begin
};

}  // namespace parts
