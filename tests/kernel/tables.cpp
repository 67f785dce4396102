// SPDX-License-Identifier: MIT
// The kernel's own tables, recounted by the checking kernel (machine_check) at each stage of a world's life: domains that
// come, run, share, sleep and go.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

void recount(std::string_view stage, Where at = here()) {
  const auto wrong = call::machine_check(boot::machine);
  if (!expect_ok(wrong, stage, at)) return;
  expect_equal(*wrong, std::uint64_t{0}, stage, at);
}

void maps_and_sleeps(std::uint64_t) {
  const std::uint64_t va = new_va(40);
  must(rt::map_new(abi::no_slot, va, 40, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  store(va, 1);
  static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
  must(rt::unmap(abi::no_slot, va, 20));
  rt::halt(0);
}

void domains() {
  std::array<Domain, 3> all{make_domain(), make_domain(), make_domain()};
  recount("three domains");
  for (Domain& d : all) start(d, maps_and_sleeps);
  for (Domain& d : all) expect_equal(run(d).state, abi::RunState::sleeping, "it sleeps");
  recount("they sleep");
  must(call::env_wake(all[1].env));
  expect_equal(run(all[1]).state, abi::RunState::halted, "it is done");
  recount("one is done");
  for (Domain& d : all) {
    destroy(d);
    recount("one is gone");
  }
}

void shared_frames() {
  const CapSlot space = new_slot(), frames = new_slot(), less = new_slot();
  must(call::space_create(boot::account, space, abi::any_frame));
  const Page page = new_page();
  must(call::frame_cap(boot::account, frames, page.frame, 1, abi::all_rights));
  must(call::cap_derive(frames, less, bits(abi::FramesRight::read), 0, 0));
  const std::uint64_t va = 100 * abi::slot_size;
  must(rt::map(space, va, page.frame, 1, abi::map_read, less));
  must(call::space_link(abi::no_slot, 100, space));
  recount("a frame by two ways");
  must(rt::revoke(frames));
  recount("revoked");
  must(call::space_link(abi::no_slot, 100, abi::no_slot));
  must(rt::destroy_and_drop(space));
  must(rt::drop(frames));
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
  recount("gone");
}

void only_with_the_right() {
  const CapSlot weak = new_slot();
  must(call::cap_derive(boot::machine, weak, bits(abi::MachineRight::log), 0, 0));
  expect_error(call::machine_check(weak), Error::missing_right, "checking takes the right");
  must(rt::drop(weak));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  recount("at the start");
  only_with_the_right();
  shared_frames();
  domains();
  finish();
}
