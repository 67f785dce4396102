// SPDX-License-Identifier: MIT
// The library's side of visible revocation: the page that account_bind names, which the kernel writes. The upcalls say
// that something is there; this tells what, once for each.
#pragma once

#include "libos/rt/calls.hpp"

namespace rt {

class RevocationInbox {
 public:
  constexpr RevocationInbox() = default;
  explicit constexpr RevocationInbox(abi::RevocationPage& page) : page_{&page}, seen_{page.request.sequence} {}

  // A request that has not been looked at yet. How much of it is still open tells account_read (request_left).
  [[nodiscard]] std::optional<abi::RevocationRequest> next_request() {
    const volatile abi::RevocationRequest& request = page_->request;
    if (request.sequence == seen_) return std::nullopt;
    seen_ = request.sequence;
    return abi::RevocationRequest{.sequence = seen_,
                                  .resource = request.resource,
                                  .first = request.first,
                                  .count = request.count,
                                  .deadline_ns = request.deadline_ns};
  }
  // Calls `lost(resource, first, count)` for each listed loss and empties the list. Taking by force may go on
  // meanwhile: what is appended is found, and a loss may be told twice. Returns how many units were lost unlisted since
  // the last time.
  template <typename F>
  std::uint64_t take_losses(F lost) {
    std::atomic_ref<std::uint64_t> listed{page_->loss_count};
    std::uint64_t told = 0;
    for (std::uint64_t count = listed.load(); told != 0 || count != 0;) {
      for (; told < std::min<std::uint64_t>(count, abi::max_losses); ++told) {
        const volatile abi::Loss& loss = page_->losses[told];
        lost(static_cast<abi::Resource>(loss.resource), std::uint64_t{loss.first}, std::uint64_t{loss.count});
      }
      if (listed.compare_exchange_strong(count, 0)) break;
    }
    const std::uint64_t unlisted = static_cast<const volatile abi::RevocationPage*>(page_)->unlisted;
    return unlisted - std::exchange(unlisted_, unlisted);
  }
  [[nodiscard]] std::uint64_t lost_units() const {
    return static_cast<const volatile abi::RevocationPage*>(page_)->lost_units;
  }

 private:
  abi::RevocationPage* page_ = nullptr;
  std::uint64_t seen_ = 0, unlisted_ = 0;
};

}  // namespace rt
