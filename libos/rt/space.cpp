// SPDX-License-Identifier: MIT
// The loop around space_update: what one call leaves undone is sent again, from where it stopped.
#include "libos/rt/space.hpp"

#include "libos/rt/objects.hpp"

namespace rt {

SpaceOp without_first(SpaceOp op, std::uint64_t pages) {
  op.address += pages * page_size;
  op.pages -= pages;
  const bool names_frames = op.verb == SpaceVerb::map || op.verb == SpaceVerb::map_new || op.verb == SpaceVerb::copy;
  if (op.verb == SpaceVerb::move) op.frame += pages * page_size;
  else if (names_frames && op.frame != abi::any_frame.raw()) op.frame += pages;
  return op;
}

Status update(CapSlot space, std::span<const SpaceOp> ops, std::size_t* done) {
  std::size_t at = 0;       // operations wholly done
  std::uint64_t pages = 0;  // pages done of ops[at]
  Status outcome{};
  while (at < ops.size()) {
    // One that is half done goes alone, from a changed copy; the rest is sent as it stands.
    SpaceOp rest = ops[at];
    std::span<const SpaceOp> send =
        ops.subspan(at).first(std::min<std::size_t>(ops.size() - at, abi::space_update_max_ops));
    if (pages != 0) {
      rest = without_first(ops[at], pages);
      send = {&rest, 1};
    }
    const bool alone = send.size() == 1;
    const RawAnswer answer = alone ? update_one(space, send[0]) : call::space_update.raw(space, send.data(), send.size());
    if (answer.error == 0) {
      at += send.size();
      pages = 0;
      continue;
    }
    const auto progress = alone ? abi::SpaceProgress{0, static_cast<std::uint32_t>(answer.value)}
                                : abi::SpaceProgress::unpack(answer.value);
    if (progress.ops != 0) pages = 0;
    at += progress.ops;
    pages += progress.pages;
    if (answer.code() == Error::again) continue;
    outcome = base::Unexpected{answer.code()};
    break;
  }
  if (done != nullptr) *done = at;
  return outcome;
}

Status trim(CapSlot space, std::uint64_t va, std::uint64_t pages) {
  return until_done([=] { return call::space_trim(space, Va{va}, pages); });
}

std::uint64_t own_entry(std::uint64_t va) {
  // From the top: the window over an absent table faults.
  for (const std::uint64_t at : {abi::pml4e_window(va), abi::pdpte_window(va), abi::pde_window(va)})
    if ((*reinterpret_cast<const volatile std::uint64_t*>(at) & abi::pte_present) == 0) return 0;
  return *reinterpret_cast<const volatile std::uint64_t*>(abi::pte_window(va));
}

}  // namespace rt
