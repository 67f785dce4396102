// SPDX-License-Identifier: MIT
// Every allocation inside every call fails once. Each call of the table has a case here: it is made with 0, 1, 2, ... units
// of a resource left until it succeeds. Each failure is a documented one and leaves everything as it was; and each
// documented `over_limit` and `no_frame` is brought about so. A call that documents neither takes nothing: it succeeds
// though there is nothing left of anything.
#include <gtest/gtest.h>

#include <functional>

#include "abi/documented.hpp"
#include "abi/program.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::Resource, abi::SpaceOp, abi::SpaceVerb;
constexpr std::uint64_t root = abi::boot::account.raw(), any = abi::any_frame.raw(), slices = abi::boot::slices.raw();
constexpr std::uint64_t machine_slot = abi::boot::machine.raw(), console = abi::boot::console.raw(), rights = abi::all_rights;
constexpr std::uint32_t rw = abi::map_read | abi::map_write, owned = abi::map_owned;

// What is made scarce: a limit of account 20; frames that are free at all; references to the shared frame.
enum class Scarce : std::uint8_t { frames, objects, slices, programs, memory, references };
constexpr std::array every_scarcity{Scarce::frames, Scarce::objects, Scarce::slices, Scarce::programs, Scarce::memory, Scarce::references};
constexpr std::array scarcity_names{"frames", "objects", "slices", "programs", "memory", "references"};

// How many units of each a case takes. `some`: not none; how many, others say. `untold`: it does not lend itself to this.
constexpr std::uint64_t some = 100, untold = ~0ull;
struct Needs {
  std::uint64_t frames = 0, objects = 0, slices = 0, programs = 0, memory = 0, references = 0;
  [[nodiscard]] std::uint64_t of(Scarce what) const {
    return std::array{frames, objects, slices, programs, memory, references}[static_cast<std::size_t>(what)];
  }
};
// So many frames of kernel objects.
constexpr Needs kernel_frames(std::uint64_t count) { return {.frames = count, .objects = count, .memory = count}; }

class Scene;
using S = Scene;
struct Case {
  Call call;
  const char* what;
  Needs needs;
  std::function<Error(Scene&)> make;                     // the call
  std::function<void(Scene&)> prepare = [](Scene&) {};   // before anything is scarce
};

// Account 20 has a space (21), a table (22), a capability (23) to the first of its plain frames, a child account (24), an
// env that is not started (25), a program (29) with more than a frame of native code.
class Scene {
 public:
  static constexpr std::uint64_t mapped = 0x4000'0000, elsewhere = 0x10'0000'0000;
  World w;
  std::uint64_t plain = 0;  // eight frames: shared, area, vector, and spare ones
  std::vector<std::uint64_t> held;

  Scene() {
    must(call(Call::account_create, {root, 20, limits({1200, 8, 600, 8}), any}));
    must(call(Call::space_create, {20, 21, any}));
    must(call(Call::table_create, {20, 22, any}));
    must(call(Call::table_grow, {22, 0, 20, any}));
    plain = w.call(Call::frame_alloc, {20, any, 8, 0, 0}).value;
    must(call(Call::frame_cap, {20, 23, plain, 1, rights}));
    must(call(Call::account_create, {20, 24, limits({10, 0, 10, 0}), any}));
    must(call(Call::env_create, {20, 25, 21, 22, plain + 1, any}));
    must(load(29, 1000));
  }

  static void must(Error error) { ASSERT_EQ(error, Error::none); }
  Error call(Call number, std::initializer_list<std::uint64_t> arguments) { return w.call(number, arguments).error; }
  Error done(Call number, std::initializer_list<std::uint64_t> arguments) { return w.call_done(number, arguments).error; }
  std::uint64_t limits(const std::array<std::uint64_t, abi::resource_count>& limit) {
    return w.put(abi::AccountLimits{.limit = limit, .minimum = {}}, 2048);
  }
  aegis::Account& account() { return aegis::object_at<aegis::Account>(w.slot(CapSlot{20}).object.frame); }
  abi::FrameInfo& shared() { return w.kernel().frames[FrameNumber{plain}]; }

  Error load(std::uint64_t slot, std::uint32_t length, abi::ProgramKind kind = abi::ProgramKind::function) {
    std::vector<abi::bpf::Instruction> code(length, abi::bpf::make(abi::bpf::alu64 | abi::bpf::mov, 0, 0, 0, 0));
    code.back() = abi::bpf::make(abi::bpf::jmp | abi::bpf::exit, 0, 0, 0, 0);
    w.write(w.scratch() + 4096, code.data(), code.size() * sizeof code[0]);
    const abi::ProgramHeader header{.kind = kind, .length = length, .code = w.scratch() + 4096, .steps = 1000};
    return call(Call::program_load, {20, slot, w.put(header), any});
  }

  Error update(const SpaceOp& op) { return call(Call::space_update, {21, w.put(op), 1}); }
  Error page(const SpaceOp& op) {
    return call(Call::page_update, {21, std::to_underlying(op.verb) | std::uint64_t{op.flags} << 32, op.authority.raw(), op.address, op.pages, op.frame});
  }
  // Space 21 has the shared frame and a frame of its own there.
  void map_two() {
    must(update({SpaceVerb::map, rw, CapSlot{20}, 0, mapped, 1, plain}));
    must(update({SpaceVerb::map_new, rw | owned, CapSlot{20}, 0, mapped + 4096, 1, any}));
  }
  void map_large() { must(update({SpaceVerb::map_new, rw | owned | abi::map_large, CapSlot{20}, 0, elsewhere, 512, any})); }

  // A started env of ours in slot 26, which accepts calls by entry 27 and receives capabilities in slot 40.
  void serve() {
    (void)w.make_env(CapSlot{26});
    w.env_at(CapSlot{26}).entries.receive = CapSlot{40};
    must(call(Call::env_start, {26, 0x1000, 0x2000, 0}));
    must(call(Call::pct_entry, {26, 27, 0x7000, 1}));
    must(call(Call::env_yield, {26}));
    (void)w.call(Call::pct_reply, {0, 0});
    ASSERT_EQ(w.current(), &first());
  }
  // It answers a call of ours, who receive in slot 41.
  void be_called() {
    serve();
    first().entries.receive = CapSlot{41};
    (void)w.call(Call::pct_call, {27, 0});
    ASSERT_EQ(w.current(), &w.env_at(CapSlot{26}));
  }
  void trim() { must(done(Call::space_trim, {21, 0, abi::user_end / 4096})); }
  aegis::Env& first() { return w.env_at(abi::boot::self); }
  static std::uint64_t gift() { return abi::Transfer{CapSlot{23}, abi::all_rights}.pack(); }
  // What a call answered that went on as another env, or is not over: its caller's state tells.
  Error went(bool away) { return away ? Error::none : Error::wrong_state; }

  // --- scarcity ---
  void leave(Scarce what, std::uint64_t left) {
    switch (what) {
      case Scarce::frames: return leave_room(Resource::frames, left);
      case Scarce::objects: return leave_room(Resource::objects, left);
      case Scarce::slices: return leave_room(Resource::slices, left);
      case Scarce::programs: return leave_room(Resource::programs, left);
      case Scarce::memory: return leave_free(left);
      case Scarce::references: shared().refs = static_cast<std::uint16_t>(0xffff - left); return;
    }
  }
  void leave_nothing() {
    leave_free(0);
    for (const Resource what : aegis::every_resource) {
      leave_room(what, 0);
      w.root().of(what).limit = w.root().of(what).used;
    }
  }
  // What leave() has broken on purpose.
  void mend(Scarce what, std::uint16_t references) {
    if (what == Scarce::references) shared().refs = references;
    if (what != Scarce::memory) return;
    for (const std::uint64_t frame : held) must(call(Call::frame_free, {root, frame, 1}));
    held.clear();
    w.root().of(Resource::frames).limit = std::exchange(limit_before_, 0);
  }

  // Everything that a call could change and must not when it fails.
  struct Snapshot {
    std::vector<std::byte> bytes;
    std::vector<abi::FrameInfo> frames;
    friend bool operator==(const Snapshot& a, const Snapshot& b) {
      return a.bytes == b.bytes && a.frames.size() == b.frames.size() &&
             std::memcmp(a.frames.data(), b.frames.data(), a.frames.size() * sizeof(abi::FrameInfo)) == 0;
    }
  };
  Snapshot snapshot() {
    Snapshot s;
    const auto add = [&](const void* from, std::size_t size) {
      const auto* bytes = static_cast<const std::byte*>(from);
      s.bytes.insert(s.bytes.end(), bytes, bytes + size);
    };
    add(&account(), sizeof(aegis::Account));
    add(&w.root(), sizeof(aegis::Account));
    const aegis::Space& space = w.space_at(CapSlot{21});  // without what it remembers for the next time
    add(&space.top, offsetof(aegis::Space, dying));
    add(&space.source, sizeof space.source + sizeof space.viewers);
    auto& other = aegis::object_at<aegis::Table>(w.slot(CapSlot{22}).object.frame);
    for (std::uint32_t slot = 1; slot < 64; ++slot) {
      add(&w.slot(CapSlot{slot}), sizeof(aegis::Slot));
      add(*other.at(CapSlot{slot}), sizeof(aegis::Slot));
    }
    for (std::uint32_t f = 0; f < frame_count; ++f) {
      s.frames.push_back(w.kernel().frames[f]);
      if (s.frames.back().use == abi::FrameUse::free) s.frames.back().generation = 0;  // it moves on when a table goes
    }
    return s;
  }

 private:
  void leave_room(Resource what, std::uint64_t left) { aegis::change_limit(account(), what, account().of(what).used + left); }
  // The others have all frames, though the limits would allow more.
  void leave_free(std::uint64_t left) {
    auto& limit = w.root().of(Resource::frames).limit;
    if (limit_before_ == 0) limit_before_ = limit, limit += 2 * frame_count;
    while (w.kernel().frames.free_count() > left) {
      const Reply one = w.call(Call::frame_alloc, {root, any, 1, 0, 0});
      ASSERT_EQ(one.error, Error::none);
      held.push_back(one.value);
    }
    while (w.kernel().frames.free_count() < left) {
      must(call(Call::frame_free, {root, held.back(), 1}));
      held.pop_back();
    }
  }
  std::uint64_t limit_before_ = 0;
};

std::vector<Case> creations() {
  return {
      {Call::account_create, "", {.frames = 2, .objects = 2, .memory = 1}, [](S& s) { return s.call(Call::account_create, {20, 40, s.limits({1, 0, 1, 0}), any}); }},
      {Call::account_create, "with slices and programs", {.frames = 2, .objects = 2, .slices = 3, .programs = 2, .memory = 1},
       [](S& s) { return s.call(Call::account_create, {20, 40, s.limits({1, 3, 1, 2}), any}); }},
      {Call::account_limit, "", {.frames = 3, .objects = 2, .slices = 1, .programs = 4},
       [](S& s) { return s.call(Call::account_limit, {20, 24, s.limits({13, 1, 12, 4})}); }},
      {Call::table_create, "", kernel_frames(1), [](S& s) { return s.call(Call::table_create, {20, 40, any}); }},
      {Call::table_grow, "", kernel_frames(1), [](S& s) { return s.call(Call::table_grow, {22, 1, 20, any}); }},
      {Call::table_grow, "with an index", kernel_frames(2), [](S& s) { return s.call(Call::table_grow, {22, 300, 20, any}); }},
      {Call::space_create, "", kernel_frames(2), [](S& s) { return s.call(Call::space_create, {20, 40, any}); }},
      {Call::env_create, "", kernel_frames(1), [](S& s) { return s.call(Call::env_create, {20, 40, 21, 22, s.plain + 2, any}); }},
      {Call::frame_alloc, "", {.frames = 1, .memory = 1}, [](S& s) { return s.call(Call::frame_alloc, {20, any, 1, 0, 0}); }},
      {Call::frame_alloc, "of a run", {.frames = 5, .memory = 5}, [](S& s) { return s.call(Call::frame_alloc, {20, any, 5, 0, 0}); }},
      {Call::frame_cap, "", {.references = 1}, [](S& s) { return s.call(Call::frame_cap, {20, 40, s.plain, 2, rights}); }},
      {Call::cap_derive, "", {.references = 1}, [](S& s) { return s.call(Call::cap_derive, {23, 40, rights, 0, 0}); }},
      {Call::cap_grant, "", {.references = 1}, [](S& s) { return s.call(Call::cap_grant, {23, 22, 40, rights, 0, 0}); }},
      {Call::slice_bind, "", {.slices = 1}, [](S& s) { return s.call(Call::slice_bind, {slices, 70, 25}); }},
      {Call::program_load, "", {.frames = some, .objects = some, .programs = 1, .memory = some}, [](S& s) { return s.load(40, 10); }},
      {Call::program_verify, "", kernel_frames(2), [](S& s) { return s.done(Call::program_verify, {29}); }},
      {Call::pct_call, "", {.references = 1},
       [](Scene& s) { const Error e = s.call(Call::pct_call, {27, Scene::gift()}); return s.w.current() == &s.first() ? e : Error::none; },
       [](S& s) { s.serve(); }},
      {Call::pct_send, "", {.references = 1}, [](S& s) { return s.call(Call::pct_send, {27, Scene::gift()}); }, [](S& s) { s.serve(); }},
      {Call::pct_reply, "", {.references = 1},
       [](Scene& s) { const Error e = s.call(Call::pct_reply, {0, Scene::gift()}); return s.w.current() == &s.first() ? Error::none : e; },
       [](S& s) { s.be_called(); }},
  };
}

// Each verb, as an operation of a list and in registers.
void add_spaces(std::vector<Case>& all) {
  struct Verb {
    const char* what;
    Needs needs;
    SpaceOp op;
    std::function<void(Scene&)> prepare = [](Scene&) {};
  };
  constexpr std::uint64_t shared = 0;  // frame 0 stands for the shared frame
  const CapSlot payer{20};
  const std::array verbs{
      Verb{"map", kernel_frames(3), {SpaceVerb::map, rw, payer, 0, Scene::elsewhere, 1, shared}},
      Verb{"map beside", {}, {SpaceVerb::map, rw, payer, 0, Scene::mapped + 8192, 1, shared}, [](S& s) { s.map_two(); }},
      Verb{"map_new", {.frames = 4, .objects = 3, .memory = 4}, {SpaceVerb::map_new, rw | owned, payer, 0, Scene::elsewhere, 1, any}},
      Verb{"map_new beside", {.frames = 1, .memory = 1}, {SpaceVerb::map_new, rw | owned, payer, 0, Scene::mapped + 8192, 1, any}, [](S& s) { s.map_two(); }},
      Verb{"map_new in place", {.frames = 1, .memory = 1}, {SpaceVerb::map_new, rw | owned | abi::map_replace, payer, 0, Scene::mapped + 4096, 1, any}, [](S& s) { s.map_two(); }},
      Verb{"map_new large", {.frames = 514, .objects = 2, .memory = untold},
           {SpaceVerb::map_new, rw | owned | abi::map_large, payer, 0, Scene::elsewhere, 512, any}},
      Verb{"copy", {.frames = 1, .memory = 1}, {SpaceVerb::copy, rw | owned, payer, 0, Scene::mapped, 1, any}, [](S& s) { s.map_two(); }},
      Verb{"copy of the own", {}, {SpaceVerb::copy, rw | owned, payer, 0, Scene::mapped + 4096, 1, any}, [](S& s) { s.map_two(); }},
      Verb{"clone", kernel_frames(3), {SpaceVerb::clone, abi::map_read, CapSlot{30}, 0, Scene::mapped, 1, 0},
           [](S& s) { Scene::must(s.call(Call::space_create, {20, 30, any}));
                 Scene::must(s.call(Call::space_update, {30, s.w.put(SpaceOp{SpaceVerb::map, rw, CapSlot{20}, 0, Scene::mapped, 1, s.plain}), 1})); }},
      Verb{"move", kernel_frames(2), {SpaceVerb::move, 0, abi::no_slot, 0, Scene::elsewhere, 1, Scene::mapped}, [](S& s) { s.map_two(); }},
      Verb{"split", kernel_frames(1), {SpaceVerb::split, 0, abi::no_slot, 0, Scene::elsewhere, 512, 0}, [](S& s) { s.map_large(); }},
      Verb{"protect", {}, {SpaceVerb::protect, abi::map_read, abi::no_slot, 0, Scene::mapped, 2, 0}, [](S& s) { s.map_two(); }},
      Verb{"unmap", {}, {SpaceVerb::unmap, 0, abi::no_slot, 0, Scene::mapped, 2, 0}, [](S& s) { s.map_two(); }},
  };
  for (const Verb& v : verbs) {
    const auto op_of = [op = v.op](Scene& s) {
      SpaceOp made = op;
      if (made.verb == SpaceVerb::map) made.frame = s.plain;
      return made;
    };
    all.push_back({Call::space_update, v.what, v.needs, [=](Scene& s) { return s.update(op_of(s)); }, v.prepare});
    all.push_back({Call::page_update, v.what, v.needs, [=](Scene& s) { return s.page(op_of(s)); }, v.prepare});
  }
  // Where the limit has room a single frame is free, so it documents no `no_frame`.
  all.push_back({Call::space_link, "", {.frames = 1, .objects = 1, .memory = untold}, [](S& s) { return s.call(Call::space_link, {0, 210, 21}); }});
}

// What takes nothing.
std::vector<Case> the_others() {
  return {
      {Call::nop, "", {}, [](S& s) { return s.call(Call::nop, {}); }},
      {Call::cap_drop, "", {}, [](S& s) { return s.call(Call::cap_drop, {23}); }},
      {Call::cap_revoke, "", {}, [](S& s) { return s.call(Call::cap_revoke, {20}); }},
      {Call::cap_read, "", {}, [](S& s) { return s.call(Call::cap_read, {20, s.w.scratch()}); }},
      {Call::frame_free, "", {}, [](S& s) { return s.call(Call::frame_free, {20, s.plain + 7, 1}); }},
      {Call::space_trim, "", {}, [](S& s) { return s.done(Call::space_trim, {21, 0, 1ull << 30}); }},
      {Call::space_link, "away", {}, [](S& s) { return s.call(Call::space_link, {0, 211, 0}); }, [](S& s) { Scene::must(s.call(Call::space_link, {0, 211, 21})); }},
      {Call::env_configure, "", {}, [](S& s) { return s.call(Call::env_configure, {25, s.w.put(abi::EnvEntries{.monitor = abi::boot::self})}); }},
      {Call::env_start, "", {}, [](S& s) { return s.call(Call::env_start, {25, 0x1000, 0x2000, 0}); }},
      {Call::env_stop, "", {}, [](S& s) { return s.call(Call::env_stop, {26}); }, [](S& s) { s.serve(); }},
      {Call::env_resume, "", {}, [](S& s) { return s.call(Call::env_resume, {26}); }, [](S& s) { s.serve(); Scene::must(s.call(Call::env_stop, {26})); }},
      {Call::env_read, "", {}, [](S& s) { return s.call(Call::env_read, {25, s.w.scratch()}); }},
      {Call::env_write, "", {}, [](S& s) { return s.call(Call::env_write, {25, s.w.put(abi::Registers{.rip = 0x1000, .rflags = 0x202, .rsp = 0x2000})}); }},
      {Call::env_space, "", {}, [](S& s) { return s.call(Call::env_space, {21}); }},
      {Call::env_halt, "", {}, [](S& s) { (void)s.call(Call::env_halt, {1}); return s.went(s.first().state == abi::RunState::halted); }},
      {Call::env_yield, "", {}, [](S& s) { return s.call(Call::env_yield, {0}); }},
      {Call::env_sleep, "", {}, [](S& s) { (void)s.call(Call::env_sleep, {abi::forever.raw(), 0}); return s.went(s.first().state == abi::RunState::sleeping); }},
      {Call::env_wake, "", {}, [](S& s) { return s.call(Call::env_wake, {25}); }},
      {Call::slice_bind, "to nobody", {}, [](S& s) { return s.call(Call::slice_bind, {slices, 3, 0}); }},
      {Call::object_destroy, "of an env", {}, [](S& s) { return s.call(Call::object_destroy, {25}); }},
      {Call::object_destroy, "of an account", {}, [](S& s) { return s.done(Call::object_destroy, {24}); }},
      {Call::console_write, "", {}, [](S& s) { return s.call(Call::console_write, {console, s.w.scratch(), 8}); }},
      {Call::console_read, "", {}, [](S& s) { return s.call(Call::console_read, {console, s.w.scratch(), 8}); }, [](S&) { machine().console_in = "x"; }},
      {Call::console_bind, "", {}, [](S& s) { return s.call(Call::console_bind, {console, 25}); }},
      {Call::machine_stop, "", {},
       [](Scene& s) { try { return s.call(Call::machine_stop, {machine_slot, 3}); } catch (const PowerOff&) { return Error::none; } }},
      {Call::machine_log, "", {}, [](S& s) { return s.call(Call::machine_log, {machine_slot, s.w.put('x'), 1}); }},
      {Call::account_read, "", {}, [](S& s) { return s.call(Call::account_read, {20, s.w.scratch()}); }},
      {Call::account_claim, "", {}, [](S& s) { return s.call(Call::account_claim, {20, 40, s.w.slot(CapSlot{21}).object.frame}); }},
      {Call::account_bind, "", {}, [](S& s) { return s.call(Call::account_bind, {20, 25, s.plain + 2}); }},
      {Call::account_revoke, "", {}, [](S& s) { return s.call(Call::account_revoke, {20, 0, abi::any_units, 2, 1}); }},
      {Call::account_reclaim, "", {}, [](S& s) { return s.done(Call::account_reclaim, {20}); },
       [](S& s) { Scene::must(s.call(Call::account_revoke, {20, 0, abi::any_units, 1195, 0})); }},
      {Call::env_wait, "", {},
       [](S& s) { return s.call(Call::env_wait, {s.w.put(abi::WaitWord{.address = s.w.scratch(), .mask = 0, .value = 0, .compare = abi::Compare::equal, .reserved = 0}), 1, 0, 0}); }},
      {Call::page_signal, "", {}, [](S& s) { return s.done(Call::page_signal, {s.w.scratch()}); }},
      {Call::env_watch, "", {}, [](S& s) { return s.call(Call::env_watch, {30, s.w.put(s.w.scratch()), 1, 0, 0}); },
       [](S& s) { Scene::must(s.load(30, 10, abi::ProgramKind::predicate)); Scene::must(s.done(Call::program_verify, {30})); }},
      {Call::pct_entry, "", {}, [](S& s) { return s.call(Call::pct_entry, {25, 40, 0x1000, 1}); }},
      {Call::trace_set, "", {}, [](S& s) { return s.call(Call::trace_set, {machine_slot, 1}); }},
      {Call::machine_check, "", {}, [](S& s) { return s.call(Call::machine_check, {machine_slot}); }},
      {Call::program_run, "", {}, [](S& s) { return s.call(Call::program_run, {29, s.w.scratch(), 8, 1, s.w.scratch() + 64}); },
       [](S& s) { Scene::must(s.done(Call::program_verify, {29})); }},
      {Call::program_read, "", {}, [](S& s) { return s.call(Call::program_read, {29, s.w.scratch()}); }},
  };
}

std::vector<Case> all_cases() {
  std::vector<Case> all = creations();
  add_spaces(all);
  for (Case& c : the_others()) all.push_back(std::move(c));
  return all;
}

std::string name_of(const Case& c) { return std::string{abi::call_names[static_cast<std::size_t>(c.call)]} + " " + c.what; }
constexpr abi::ErrorSet of_scarcity = abi::error_bit(Error::over_limit) | abi::error_bit(Error::no_frame);
abi::ErrorSet documented_scarcity(Call call) { return abi::documented[static_cast<std::size_t>(call)] & of_scarcity; }

// The call with so much left until it succeeds; how much that was, or `some`. Large needs are not counted up one by one from 0.
std::uint64_t failing(const Case& c, Scarce what) {
  const std::uint64_t wanted = c.needs.of(what), most = wanted + 3;
  if (wanted == untold) return untold;
  const std::string name = name_of(c) + " without " + scarcity_names[static_cast<std::size_t>(what)];
  Scene s;
  c.prepare(s);
  for (std::uint64_t left = 0; left <= most; left = left == 2 && wanted > some ? wanted - 2 : left + 1) {
    const std::uint16_t references = s.shared().refs;
    s.trim();
    s.leave(what, left);
    const Scene::Snapshot before = s.snapshot();
    const Error error = c.make(s);
    if (error == Error::none) {
      s.w.on(0);
      return wanted == some && left != 0 ? some : left;
    }
    EXPECT_EQ(abi::name(error), abi::name(what == Scarce::memory ? Error::no_frame : Error::over_limit)) << name << ", " << left << " left";
    EXPECT_NE(documented_scarcity(c.call) & abi::error_bit(error), 0u) << name << ": not documented";
    s.trim();  // page tables that were made for it stay until then
    EXPECT_TRUE(before == s.snapshot()) << name << ", " << left << " left: something has changed";
    s.mend(what, references);
    EXPECT_EQ(s.w.problems(), "") << name << ", " << left << " left";
  }
  ADD_FAILURE() << name << " never succeeded";
  return most;
}

TEST(Faults, EveryCallHasACase) {
  std::array<bool, abi::call_count> there{};
  for (const Case& c : all_cases()) there[static_cast<std::size_t>(c.call)] = true;
  for (std::size_t i = 0; i < abi::call_count; ++i) EXPECT_TRUE(there[i] || abi::call_names[i].empty()) << abi::call_names[i];
}

TEST(Faults, EveryAllocationFailsOnce) {
  std::array<abi::ErrorSet, abi::call_count> seen{};
  for (const Case& c : all_cases())
    for (const Scarce what : every_scarcity) {
      const std::uint64_t count = failing(c, what);
      EXPECT_EQ(count, c.needs.of(what)) << name_of(c) << " of " << scarcity_names[static_cast<std::size_t>(what)];
      if (count != 0 && count != untold) seen[static_cast<std::size_t>(c.call)] |= abi::error_bit(what == Scarce::memory ? Error::no_frame : Error::over_limit);
    }
  for (std::size_t i = 0; i < abi::call_count; ++i)
    EXPECT_EQ(documented_scarcity(static_cast<Call>(i)) & ~seen[i], 0u) << abi::call_names[i] << ": documented, and nothing brought it about";
}

TEST(Faults, WhatAllocatesNothingNeedsNothing) {
  for (const Case& c : the_others()) {
    Scene s;
    c.prepare(s);
    s.leave_nothing();
    EXPECT_EQ(c.make(s), Error::none) << name_of(c);
  }
}

}  // namespace
