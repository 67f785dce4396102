// SPDX-License-Identifier: MIT
// Random Aegis calls over a small world. Bytes choose a call and, for each argument, a plausible value of its type or
// any number at all; time passes, exceptions come. The checker counts everything again every few calls, and at the end
// of an input. A finding aborts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "tests/unit/checker.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;

constexpr std::uint32_t check_every = 32, slots = 64;

// The table's own text says what each argument is: "(slot account, slot dst, va limits, frame where)".
constexpr std::array<std::string_view, abi::call_count> signatures = [] {
  std::array<std::string_view, abi::call_count> all{};
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) all[number] = #arguments;
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  return all;
}();
struct Argument {
  std::string_view type, name;
};
std::vector<Argument> arguments_of(std::string_view signature) {
  std::vector<Argument> all;
  const auto word = [&] {
    signature.remove_prefix(std::min(signature.find_first_not_of(" (,"), signature.size()));
    const std::string_view found = signature.substr(0, signature.find_first_of(" ,)"));
    signature.remove_prefix(found.size());
    return found;
  };
  for (std::string_view type = word(); !type.empty() && type != ")"; type = word()) all.push_back({type, word()});
  return all;
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_{data}, left_{size} {}
  [[nodiscard]] bool empty() const { return left_ == 0; }
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  std::uint64_t number(unsigned bytes) {
    std::uint64_t n = 0;
    while (bytes-- > 0) n = n << 8 | byte();
    return n;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

constexpr std::array<std::uint64_t, 10> bases{0x1000,           0x20'0000,       0x4000'0000,     0x5555'5555'4000,
                                              0x7f'ffff'f000,   0x80'0000'0000,  0x100'0000'0000, 0x7fff'ffff'e000,
                                              0x7fff'ffe0'0000, 0x4080'0000'0000};

class Fuzzer {
 public:
  explicit Fuzzer(Input& in) : in_{in} {}

  void run() {
    prepare();
    for (std::uint32_t n = 1; !in_.empty(); ++n) {
      step();
      if (n % check_every == 0) check();
    }
    check();
  }

 private:
  // Something of each kind, so that the first random calls find something to work on.
  void prepare() {
    const std::uint64_t any = abi::any_frame.raw();
    w_.fill_every = 8;
    w_.call(Call::account_create, {1, 20, w_.limits(200), any});
    w_.call(Call::space_create, {1, 21, any});
    w_.call(Call::space_create, {1, 22, any});
    w_.call(Call::space_create, {20, 23, any});
    w_.call(Call::table_create, {1, 24, any});
    w_.call(Call::table_grow, {24, 0, 1, any});
    frames_ = w_.call(Call::frame_alloc, {1, any, 16, 0, 0}).value;
    w_.call(Call::frame_cap, {1, 25, frames_, 8, abi::all_rights});
    w_.call(Call::cap_derive, {25, 26, 0x5, 0, 0});
    w_.map_new(CapSlot{21}, bases[3], 6);
    w_.call(Call::env_create, {1, 27, 3, 4, frames_ + 8, any});
    w_.call(Call::env_create, {1, 28, 21, 24, frames_ + 9, any});
    w_.call(Call::env_start, {27, 0x20'0000, 0x21'0000, 0});
    w_.call(Call::slice_bind, {7, 64, 27});
    w_.deliver_pokes();
    check();
  }

  // A slot of the caller's table that holds this kind (none: any kind), or is empty; 0 when there is no such slot.
  std::uint64_t pick(abi::Kind kind, bool empty, std::uint32_t from = 1) {
    aegis::Env* env = w_.current();
    auto& table = aegis::object_at<aegis::Table>(env->table);
    const std::uint32_t start = in_.byte() % slots;
    for (std::uint32_t i = 0; i < slots; ++i) {
      const std::uint32_t n = (start + i) % slots;
      const auto found = table.at(CapSlot{n});
      if (n < from || !found.has_value()) continue;
      const bool fits = (*found)->empty() ? empty : !empty && (kind == abi::Kind::none || (*found)->kind == kind);
      if (fits) return n;
    }
    return 0;
  }

  std::uint64_t slot_named(std::string_view name, Call call) {
    using abi::Kind;
    constexpr std::uint32_t own = 10;  // slots below hold what the first env lives on
    constexpr std::array<std::pair<std::string_view, Kind>, 9> kinds{{{"account", Kind::account},
                                                                      {"space", Kind::space},
                                                                      {"source", Kind::space},
                                                                      {"table", Kind::table},
                                                                      {"caps", Kind::table},
                                                                      {"env", Kind::env},
                                                                      {"slices", Kind::slices},
                                                                      {"console", Kind::console},
                                                                      {"machine", Kind::machine}}};
    if (name == "dst") return pick(Kind::none, true);
    if (name == "target" && (call == Call::object_destroy || call == Call::cap_drop))
      return pick(Kind::none, false, in_.byte() < 240 ? own : 1);
    if (name == "target" && call != Call::cap_revoke && call != Call::cap_read) return pick(Kind::env, false);
    for (const auto& [kind_name, kind] : kinds)
      if (name == kind_name) return in_.byte() < 20 ? 0 : pick(kind, false);
    return pick(Kind::none, false);
  }

  std::uint64_t argument(const Argument& a, Call call) {
    const std::uint8_t how = in_.byte();
    if (how >= 250) return in_.number(8);
    if (how >= 240) return in_.byte();
    if (a.type == "slot") return slot_named(a.name, call);
    if (a.type == "frame" && a.name != "where" && a.name != "first" && how < 200) return frames_ + how % 20;
    if (a.type == "frame")
      return how < 140 ? abi::any_frame.raw() : how < 220 ? frames_ + how % 20 : in_.number(2) % (frame_count + 4);
    if (a.type == "va") return how < 200 ? w_.scratch() : address(how);
    if (a.name == "rights") return how < 120 ? std::uint64_t{abi::all_rights} : how % 32;
    if (a.name == "base") return how < 180 ? 0 : frames_ + how % 16;
    if (a.name == "count" && (call == Call::cap_derive || call == Call::cap_grant)) return how < 180 ? 0 : how % 8;
    if (a.name == "limits") return w_.limits(how % 64);
    if (a.name == "deadline_ns") return how < 40 ? abi::forever.raw() : machine().now_ns + in_.number(3);
    if (a.name == "pages") return how < 100 ? std::uint64_t{1} << 34 : in_.number(2);
    if (a.type == "u32") return how < 200 ? how % 8 : in_.number(1);
    return how < 200 ? how % 9 + 1 : in_.number(1 + how % 3);
  }

  std::uint64_t address(std::uint8_t how) {
    if (how < 60) return w_.scratch();
    return bases[how % bases.size()] + (how < 200 ? std::uint64_t{in_.byte()} << 12 : in_.number(3));
  }

  void fill_scratch(Call number) {
    aegis::Env* env = w_.current();
    if (env == nullptr || env->space != frame_of_first_space_) return;
    const auto page = walk(machine().top[machine().running], w_.scratch());
    if (!page || !page->write) return;  // an earlier call took it away
    if (number == Call::space_update) {
      for (std::uint32_t i = 0; i < 4; ++i) w_.put(operation(), i * sizeof(abi::SpaceOp));
    } else if (number == Call::env_configure) {
      w_.put(abi::EnvEntries{.exception = address(in_.byte()),
                             .prologue = address(in_.byte()),
                             .epilogue = address(in_.byte()),
                             .gs_base = address(in_.byte()),
                             .monitor = CapSlot{in_.byte() % slots}});
    } else if (number == Call::env_write) {
      w_.put(abi::Registers{.rip = address(in_.byte()), .rflags = in_.number(2), .rsp = in_.number(8)});
    }
  }

  abi::SpaceOp operation() {
    const std::uint8_t chosen = in_.byte();
    const auto verb = static_cast<abi::SpaceVerb>(chosen < 240 ? chosen % 7 + 1 : chosen);
    const std::uint8_t raw = in_.byte();
    const std::uint32_t flags = (raw & 0x3fu) | ((raw & 0x40) != 0 ? abi::map_replace : 0) |
                                ((raw & 0x80) != 0 && (raw & 0x3f) < 8 ? 0 : abi::map_read) | (chosen % 4 == 0 ? abi::map_key(raw) : 0);
    abi::SpaceOp op{verb,
                    flags,
                    CapSlot{in_.byte() % slots},
                    0,
                    bases[in_.byte() % bases.size()] + (std::uint64_t{in_.byte()} << 12),
                    0,
                    0};
    if (in_.byte() < 230) {
      using abi::Kind;
      const bool by_frames = verb == abi::SpaceVerb::map && in_.byte() % 2 == 0;
      op.authority = CapSlot{static_cast<std::uint32_t>(
          pick(verb == abi::SpaceVerb::clone ? Kind::space : by_frames ? Kind::frames : Kind::account, false))};
    }
    const std::uint8_t size = in_.byte();
    op.pages = size < 200 ? size % 10 + 1u : size < 230 ? in_.number(2) : in_.number(5);
    const bool bare = verb == abi::SpaceVerb::unmap || verb == abi::SpaceVerb::protect || verb == abi::SpaceVerb::move;
    if (bare) op.authority = abi::no_slot;
    if (verb == abi::SpaceVerb::unmap || verb == abi::SpaceVerb::move) op.flags = 0;
    if (verb == abi::SpaceVerb::protect || verb == abi::SpaceVerb::copy) op.flags &= ~abi::map_replace;
    if (verb == abi::SpaceVerb::copy) op.flags &= ~abi::map_keys;
    if (verb == abi::SpaceVerb::clone) op.flags &= abi::map_read | abi::map_write;
    if (verb == abi::SpaceVerb::map) op.frame = frames_ + in_.byte() % 16;
    else if (verb == abi::SpaceVerb::map_new || verb == abi::SpaceVerb::copy)
      op.frame = in_.byte() < 200 ? abi::any_frame.raw() : frames_ + in_.byte() % 32;
    else if (verb == abi::SpaceVerb::move)
      op.frame = bases[in_.byte() % bases.size()] + (std::uint64_t{in_.byte()} << 12);
    return op;
  }

  void step() {
    const std::uint8_t what = in_.byte();
    if (what >= 240) return happen(what);
    w_.on(what % 16 == 0 ? 1 : 0);
    if (w_.current() == nullptr) w_.on(1 - machine().running);
    if (w_.current() == nullptr) return revive();
    std::uint64_t number = in_.byte();
    if (number >= 180 && number < 250) number = static_cast<std::uint64_t>(Call::space_update);
    else if (number < 180) number %= abi::call_count;
    if (number == static_cast<std::uint64_t>(Call::space_update) && in_.byte() % 3 == 0) number = static_cast<std::uint64_t>(Call::page_update);
    const auto call = static_cast<Call>(number);
    const bool ends = call == Call::env_halt || call == Call::env_space || call == Call::env_stop;
    if (ends && in_.byte() < 200) return;  // or soon nobody would be left to call
    std::array<std::uint64_t, 6> arguments{};
    if (number < abi::call_count) {
      const auto wanted = arguments_of(signatures[number]);
      for (std::size_t i = 0; i < wanted.size(); ++i) arguments[i] = argument(wanted[i], call);
      fill_scratch(call);
      if (call == Call::page_update && in_.byte() < 240) {
        const abi::SpaceOp op = operation();
        arguments = {arguments[0], std::to_underlying(op.verb) | std::uint64_t{op.flags} << 32, op.authority.raw(), op.address, op.pages, op.frame};
      }
      if (call == Call::space_update && in_.byte() < 240)
        arguments[1] = w_.scratch(), arguments[2] = arguments[2] % 4 + 1;
    }
    try {
      w_.call_raw(number, arguments);
    } catch (const PowerOff&) {
    }
  }

  void happen(std::uint8_t what) {
    if (what < 246) return w_.pass(in_.number(3));
    if (what < 250) return w_.deliver_pokes();
    if (what < 252) return aegis::traps::console_event();
    if (w_.current() != nullptr) aegis::traps::exception(w_.cpu(), in_.byte() % 32, 0, in_.number(6));
    for (std::uint32_t cpu = 0; cpu < cpu_count && what == 255; ++cpu)
      if (aegis::Env* env = machine().cpus[cpu].current)
        std::memset(aegis::arch::frame_memory(env->user_area), 0, 128);  // the library took its events
  }

  // Nobody runs: the machine would idle. Time goes on, and at last the first env is woken from outside.
  void revive() {
    w_.pass(1'000'000'000);
    for (std::uint32_t f = 0; f < frame_count; ++f) {
      auto& info = w_.kernel().frames[f];
      if (info.use != abi::FrameUse::env) continue;
      auto& env = aegis::object_at<aegis::Env>(f);
      if (env.state == abi::RunState::sleeping) env.wake(w_.kernel());
      else if (env.state == abi::RunState::halted || env.state == abi::RunState::stuck)
        static_cast<void>(env.start(w_.kernel(), 0x20'0000, 0x21'0000, 0));
    }
    w_.pass(1);
  }

  void check() {
    const std::string wrong = w_.problems();
    if (wrong.empty()) return;
    std::fprintf(stderr, "%s", wrong.c_str());
    std::abort();
  }

  Input& in_;
  World w_;
  std::uint64_t frames_ = 0;
  std::uint32_t frame_of_first_space_ = w_.current()->space;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{data, size};
  std::make_unique<Fuzzer>(in)->run();
  return 0;
}
