// SPDX-License-Identifier: MIT
// Requests for memory: the kernel writes one into the account's page and wakes the root env, which answers it here.
#include "base/format.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/timer.hpp"
#include "libos/rt/objects.hpp"

namespace exos::pager {

namespace {

constexpr std::uint64_t spare_room = 64;              // frames beyond what was asked, so that the programs can go on at once

constinit volatile abi::RevocationPage* page = nullptr;
constinit std::uint64_t answered = 0;                 // RevocationRequest::sequence

// Still to be given of the request for frames that is open; 0: none is.
std::uint64_t frames_wanted() {
  const auto info = rt::read_account(abi::container::account);
  if (!info || info->request_resource != 1 + static_cast<std::uint64_t>(abi::Resource::frames)) return 0;
  return info->request_left;
}

void answer() {
  const abi::RevocationRequest request{page->request.sequence, page->request.resource, page->request.first,
                                       page->request.count, page->request.deadline_ns};
  answered = request.sequence;
  if (request.resource != static_cast<std::uint64_t>(abi::Resource::frames)) return;
  std::uint64_t wanted = frames_wanted();
  if (wanted != 0) shrink_for_request();
  while ((wanted = frames_wanted()) != 0) {
    if (evict_for_request(request, wanted + spare_room) == 0) break;
  }
}

}  // namespace

void start(const abi::container::StartInfo& info) {
  swap::start(info.swap_va, info.swap_pages);
  auto* fresh = static_cast<abi::RevocationPage*>(allocate_pages(1));
  if (fresh == nullptr) return;
  const auto bound = rt::call::account_bind(abi::container::account, abi::container::self, frame_of_page(fresh));
  if (bound) page = fresh;
  else release_pages(fresh, 1);
}

void service() {
  if (page == nullptr || page->request.sequence == answered) return;
  answer();
}

}  // namespace exos::pager
