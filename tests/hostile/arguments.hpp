// SPDX-License-Identifier: MIT
// What the parts of the test `arguments` share: a world with one capability of each kind, and call stubs that note what
// they answer.
#pragma once

#include "abi/program.hpp"
#include "tests/hostile/recorded.hpp"

namespace arguments {

using namespace attack;
namespace call = attack::recorded;

using abi::Kind;

// One capability of each kind, and spoilt ones.
struct World {
  CapSlot account = new_slot(), env = new_slot(), space = new_slot(), table = new_slot(), frames = new_slot();
  CapSlot empty = new_slot(), weak = new_slot(), entry = new_slot(), program = new_slot();
  CapSlot gone;  // what it led to has ended
  FrameNumber frame, area;
  Page memory = new_page();

  World() {
    must(rt::create_account(boot::account, account, rt::frames_only(64)));
    must(call::space_create(account, space, abi::any_frame));
    must(call::table_create(account, table, abi::any_frame));
    must(call::table_grow(table, 0, account, abi::any_frame));
    area = must_frame(call::frame_alloc(account, abi::any_frame, 1, 0, 0));
    frame = must_frame(call::frame_alloc(account, abi::any_frame, 1, 0, 0));
    must(call::env_create(account, env, space, table, area, abi::any_frame));
    must(call::frame_cap(account, frames, frame, 1, abi::all_rights));
    must(call::pct_entry(env, entry, Va{std::uint64_t{0x1000}}, 7));
    load(program);
    gone = make_stale(Kind::env);
  }

  static void load(CapSlot slot) {
    static constexpr std::array nothing{abi::bpf::make(abi::bpf::alu64 | abi::bpf::mov, 0, 0, 0, 0),
                                        abi::bpf::make(abi::bpf::jmp | abi::bpf::exit, 0, 0, 0, 0)};
    const abi::ProgramHeader header{.kind = abi::ProgramKind::function, .length = nothing.size(),
                                    .code = reinterpret_cast<std::uint64_t>(nothing.data()), .steps = 10};
    must(call::program_load(boot::account, slot, &header, abi::any_frame));
    while (!call::program_verify(slot).has_value()) {}
  }

  // A capability to an object of this kind that is gone.
  [[nodiscard]] CapSlot make_stale(Kind kind) const {
    const CapSlot slot = new_slot(), home = new_slot();
    if (kind == Kind::account) must(rt::create_account(boot::account, slot, rt::frames_only(8)));
    if (kind == Kind::table) must(call::table_create(boot::account, slot, abi::any_frame));
    if (kind == Kind::program) load(slot);
    if (kind == Kind::space) must(call::space_create(boot::account, slot, abi::any_frame));
    if (kind != Kind::env) {
      must(rt::destroy(slot));
      return slot;
    }
    must(call::space_create(boot::account, home, abi::any_frame));
    const FrameNumber user_area = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
    must(call::env_create(boot::account, slot, home, table, user_area, abi::any_frame));
    must(rt::destroy(slot));
    must(rt::destroy_and_drop(home));
    must(call::frame_free(boot::account, user_area, 1));
    return slot;
  }
};

// Each provokes the errors that a state of things brings, of the calls of one family.
void memory_states(World& w);
void authority_states(World& w);
void revocation_states(World& w);
void control_states(World& w);
void transfer_states(World& w);
void program_states(World& w);

}  // namespace arguments
