// SPDX-License-Identifier: MIT
// Random Aegis calls over a small world. Bytes choose a call and, for each argument, a plausible value of its type or
// any number at all; time passes, exceptions come. The checker counts everything again every few calls, and at the end
// of an input. A finding aborts.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "tests/unit/checker.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;

constexpr std::uint32_t check_every = 32, slots = 64;
enum class Type : std::uint8_t { slot, frame, va, u64, u32 };

struct Signature {
  std::array<Type, 6> types{};
  std::size_t count = 0;
};
struct slot { static constexpr Type type = Type::slot; };
struct frame { static constexpr Type type = Type::frame; };
struct va { static constexpr Type type = Type::va; };
struct u64 { static constexpr Type type = Type::u64; };
struct u32 { static constexpr Type type = Type::u32; };

template <typename> struct SignatureOf;
template <typename... Arguments>
struct SignatureOf<void(Arguments...)> {
  static constexpr Signature signature{{Arguments::type...}, sizeof...(Arguments)};
};
constexpr std::array signatures{
#define AEGIS_CALL(number, name, arguments, result, meaning) SignatureOf<void arguments>::signature,
    AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
};

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
    w_.call(Call::account_create, {1, 20, 200, any});
    w_.call(Call::space_create, {1, 21, any});
    w_.call(Call::space_create, {1, 22, any});
    w_.call(Call::space_create, {20, 23, any});
    w_.call(Call::table_create, {1, 24, any});
    w_.call(Call::table_grow, {24, 0, 1, any});
    frames_ = w_.call(Call::frame_alloc, {1, any, 16, 0}).value;
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

  std::uint64_t argument(Type type) {
    const std::uint8_t how = in_.byte();
    if (how >= 250) return in_.number(8);
    switch (type) {
      case Type::slot: return how % slots;
      case Type::frame:
        if (how < 120) return abi::any_frame.raw();
        return how < 200 ? frames_ + how % 20 : in_.number(2) % (frame_count + 4);
      case Type::va: return address(how);
      case Type::u32: return how < 60 ? std::uint64_t{abi::all_rights} : how < 160 ? how % 8 : in_.number(2);
      case Type::u64:
        if (how < 100) return how % 9;
        if (how < 140) return frames_ + how % 16;
        return how < 180 ? machine().now_ns + in_.number(3) : in_.number(1 + how % 4);
    }
    return 0;
  }

  std::uint64_t address(std::uint8_t how) {
    if (how < 60) return w_.scratch();
    return bases[how % bases.size()] + (how < 200 ? std::uint64_t{in_.byte()} << 12 : in_.number(3));
  }

  void fill_scratch(Call number) {
    aegis::Env* env = w_.current();
    if (env == nullptr || env->space != frame_of_first_space_) return;
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
    const auto verb = static_cast<abi::SpaceVerb>(in_.byte() % 9);
    const std::uint8_t raw = in_.byte();
    const std::uint32_t flags =
        (raw & 0x3fu) | ((raw & 0x40) != 0 ? abi::map_replace : 0) | ((raw & 0x80) != 0 ? 0 : abi::map_read);
    abi::SpaceOp op{verb,
                    flags,
                    CapSlot{in_.byte() % slots},
                    0,
                    bases[in_.byte() % bases.size()] + (std::uint64_t{in_.byte()} << 12),
                    0,
                    0};
    const std::uint8_t size = in_.byte();
    op.pages = size < 200 ? size % 10 + 1u : size < 230 ? in_.number(2) : in_.number(5);
    const bool bare = verb == abi::SpaceVerb::unmap || verb == abi::SpaceVerb::protect || verb == abi::SpaceVerb::move;
    if (bare) op.authority = abi::no_slot;
    if (verb == abi::SpaceVerb::unmap || verb == abi::SpaceVerb::move) op.flags = 0;
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
    if (number < 250) number %= abi::call_count;
    std::array<std::uint64_t, 6> arguments{};
    if (number < abi::call_count) {
      const Signature& s = signatures[number];
      for (std::size_t i = 0; i < s.count; ++i) arguments[i] = argument(s.types[i]);
      fill_scratch(static_cast<Call>(number));
      if (static_cast<Call>(number) == Call::space_update && in_.byte() < 240)
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
