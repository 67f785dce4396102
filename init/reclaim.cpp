// SPDX-License-Identifier: MIT
#include "init/reclaim.hpp"

#include "init/slots.hpp"
#include "libos/rt/log.hpp"

namespace init {

namespace {

constexpr auto frames = abi::Resource::frames;
constexpr std::uint64_t ns_per_ms = 1'000'000;

}  // namespace

std::uint64_t Reclaimer::next_ns() const {
  if (open_) return deadline_ns_;
  return next_ < plan_.reclaim_count ? start_ns_ + plan_.reclaims[next_].at_ns : ~std::uint64_t{0};
}

void Reclaimer::step(std::uint64_t now_ns) {
  if (open_) conclude(now_ns);
  if (!open_ && next_ < plan_.reclaim_count && now_ns >= next_ns()) ask(plan_.reclaims[next_++], now_ns);
}

void Reclaimer::ask(const Reclaim& reclaim, std::uint64_t now_ns) {
  const auto info = slots::account.usage();
  if (!info) return;
  const std::uint64_t limit = rt::limit_of(*info, frames);
  asked_ = reclaim.percent == 0 ? reclaim.frames : limit / 100 * reclaim.percent;
  asked_ns_ = now_ns;
  deadline_ns_ = now_ns + reclaim.grace_ns;
  const auto revoked = slots::account.ask_back(frames, asked_, abi::Nanoseconds{deadline_ns_});
  if (!revoked) return rt::log("init: reclaim: cannot ask back {} of {} pages: {}", asked_, limit, revoked.error());
  open_ = true;
}

// Over when all has been given, or at the deadline by force.
void Reclaimer::conclude(std::uint64_t now_ns) {
  const auto info = slots::account.usage();
  if (!info) return;
  const bool given = info->request_left == 0;
  if (!given && now_ns < deadline_ns_) return;
  const rt::Result<std::uint64_t> taken = slots::account.take_back();
  if (!taken && taken.error() == abi::Error::would_block) return;
  open_ = false;
  // wrong_state: the account had given everything, and the request was closed by that.
  const std::uint64_t forced = taken.value_or(0);
  rt::log("init: reclaim: asked back {} pages: {} given in {} ms, {} taken by force", asked_, asked_ - forced,
          (now_ns - asked_ns_) / ns_per_ms, forced);
}

}  // namespace init
