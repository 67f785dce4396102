// SPDX-License-Identifier: MIT
// An actor: draws a call and its arguments, issues it, notes what came of it, for ever. Every draw comes from the
// Control's generator, so one processor and one seed give one run. Writes no variable of the program.
#include "abi/program.hpp"
#include "tests/hostile/fuzz.hpp"

namespace fuzz {
namespace {

using abi::Call;
using abi::Kind;
using abi::SpaceVerb;

// How often each call is drawn.
constexpr std::array<std::uint8_t, abi::call_count> weights = [] {
  std::array<std::uint8_t, abi::call_count> w;
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = abi::call_names[i].empty() ? 0 : 8;
  const auto set = [&](Call call, std::uint8_t weight) { w[static_cast<std::size_t>(call)] = weight; };
  set(Call::cap_derive, 28), set(Call::cap_grant, 20), set(Call::cap_drop, 40), set(Call::cap_read, 30);
  set(Call::frame_alloc, 30), set(Call::frame_free, 20), set(Call::frame_cap, 20);
  set(Call::space_update, 50), set(Call::page_update, 40), set(Call::space_link, 16), set(Call::space_trim, 12);
  set(Call::object_destroy, 20), set(Call::env_yield, 12), set(Call::account_reclaim, 12);
  set(Call::program_load, 16), set(Call::program_verify, 30), set(Call::page_signal, 12), set(Call::env_watch, 12);
  set(Call::pct_call, 12), set(Call::pct_reply, 12), set(Call::env_sleep, 3), set(Call::env_space, 3);
  set(Call::nop, 3), set(Call::env_halt, 1), set(Call::machine_stop, 2), set(Call::machine_log, 1);
  set(Call::machine_check, 1), set(Call::trace_set, 1), set(Call::console_write, 1), set(Call::console_read, 1);
  return w;
}();
constexpr std::uint32_t event_weight = 30;  // exceptions, foreign calls, reads and writes, between the calls
constexpr std::uint32_t child_weight = 2;
constexpr std::uint64_t stop_code = 99;  // should anybody be allowed to stop the machine
constexpr std::uint32_t total_weight = [] {
  std::uint32_t sum = event_weight + child_weight;
  for (const std::uint8_t weight : weights) sum += weight;
  return sum;
}();

// What each argument of a call is, from the table: calls that choose_... does not know get arguments by that.
enum class Sort : std::uint8_t { nothing, number, address, frame, slot, destination };
struct Argument {
  Sort sort = Sort::nothing;
  Kind kind = Kind::none;  // of a slot, if its name says so
};
constexpr std::array<std::string_view, 11> kind_names{"",       "account", "env",     "space",   "table",  "frames",
                                                      "slices", "console", "machine", "entry",   "program"};
constexpr Argument argument_of(std::string_view type, std::string_view name) {
  if (type == "va") return {Sort::address};
  if (type == "frame") return {Sort::frame};
  if (type != "slot") return {Sort::number};
  if (name == "dst") return {Sort::destination};
  for (std::size_t kind = 1; kind < kind_names.size(); ++kind)
    if (name == kind_names[kind]) return {Sort::slot, static_cast<Kind>(kind)};
  return {Sort::slot};
}
constexpr std::array<Argument, 6> arguments_of(std::string_view text) {
  std::array<Argument, 6> all{};
  std::size_t next = 0;
  for (std::string_view type = abi::detail::next_word(text); !type.empty(); type = abi::detail::next_word(text))
    all[next++] = argument_of(type, abi::detail::next_word(text));
  return all;
}
constexpr std::array<std::array<Argument, 6>, abi::call_count> arguments_by_call{
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) arguments_of(#arguments),
    AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
};

using Answer = rt::RawAnswer;

// What a call may answer: bit per error, and the one of success.
extern "C" {
[[gnu::used]] constinit const std::array<ErrorSet, abi::call_count> fuzz_allowed = [] {
  std::array<ErrorSet, abi::call_count> sets = documented;
  for (ErrorSet& set : sets) set |= error_bit(Error::none);
  return sets;
}();
}

// Issues call `number` and judges its answer. Each call has its own place to come back to, and from there to the
// verdict only registers count, and none that a transfer changes: two envs may have got onto one stack.
[[gnu::naked]] Answer judged_call(std::uint64_t, const std::uint64_t*) {
  asm volatile(
      "push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
      "lea %c0(%%rdi), %%rax\n mov %%rdi, %%rcx\n shl $4, %%rcx\n mov %%rsi, %%r11\n"
      "mov 0(%%r11), %%rdi\n mov 8(%%r11), %%rsi\n mov 16(%%r11), %%rdx\n"
      "mov 24(%%r11), %%r10\n mov 32(%%r11), %%r8\n mov 40(%%r11), %%r9\n"
      "lea 1f(%%rip), %%r11\n add %%rcx, %%r11\n jmp *%%r11\n"
      ".balign 16\n"
      "1:\n"
      ".set number, 0\n"
      ".rept %c1\n"
      "syscall\n mov $number, %%ecx\n jmp 2f\n"
      ".balign 16\n"
      ".set number, number + 1\n"
      ".endr\n"
      "2: cld\n"
      "cmp %2, %%rax\n jae 4f\n"
      "lea fuzz_allowed(%%rip), %%r11\n mov (%%r11, %%rcx, 4), %%r11d\n"
      "bt %%eax, %%r11d\n jnc 4f\n"
      "3: pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n"
      "ret\n"
      "4: movabs %3, %%r11\n"
      "lock btsq $0, %c4(%%r11)\n jc 3b\n"
      "mov %%rcx, %c5(%%r11)\n mov %%rax, %c6(%%r11)\n mov %%rdx, %c7(%%r11)\n"
      "mov %%rdi, %c8(%%r11)\n mov %%rsi, %c8 + 8(%%r11)\n mov %%r10, %c8 + 16(%%r11)\n"
      "mov %%r8, %c8 + 24(%%r11)\n mov %%r9, %c8 + 32(%%r11)\n mov %%rsp, %c9(%%r11)\n"
      "movq $1, %c10(%%r11)\n"
      "jmp 3b\n"
      :
      : "i"(abi::call_base), "i"(abi::call_count), "i"(error_count), "i"(verdict_va), "i"(offsetof(Verdict, claimed)),
        "i"(offsetof(Verdict, call)), "i"(offsetof(Verdict, error)), "i"(offsetof(Verdict, value)),
        "i"(offsetof(Verdict, arguments)), "i"(offsetof(Verdict, stack)), "i"(offsetof(Verdict, complete)));
}

class Actor {
 public:
  explicit Actor(std::uint32_t identity)
      : identity_{identity}, control_{control_at(control_base, identity)}, random_{control_.random} {}

  void step() {
    std::uint64_t draw = below(total_weight);
    if (draw < event_weight) return event();
    draw -= event_weight;
    if (draw < child_weight) return make_child();
    draw -= child_weight;
    std::size_t number = 0;
    for (; draw >= weights[number]; ++number) draw -= weights[number];
    choose_and_issue(static_cast<Call>(number));
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  // --- values -----------------------------------------------------------------------------------------------------
  std::uint64_t odd_number() {
    constexpr std::array<std::uint64_t, 16> odd{
        0,          1,          2,          63,         64,   511, 512, 4095, 4096, 1ull << 20, (1ull << 32) - 1,
        1ull << 32, 1ull << 47, 1ull << 52, 1ull << 63, ~0ull};
    return one_in(4) ? random_.next() : odd[below(odd.size())];
  }
  std::uint64_t slot(Kind kind) {
    if (one_in(24)) return one_in(2) ? slots_outside[below(slots_outside.size())] : odd_number();
    if (one_in(16)) return below(abi::slots_per_leaf);
    const std::uint64_t start = below(abi::slots_per_leaf);
    for (std::uint64_t i = 0; i < abi::slots_per_leaf; ++i) {
      const std::uint64_t at = (start + i) % abi::slots_per_leaf;
      if (control_.kinds[at] == static_cast<std::uint8_t>(kind)) return at;
    }
    return below(abi::slots_per_leaf);
  }
  std::uint64_t any_slot() { return one_in(24) ? odd_number() : below(abi::slots_per_leaf); }
  // Not those that keep the actor in business, most of the time.
  std::uint64_t victim_slot() {
    const std::uint64_t at = any_slot();
    return at >= base_slot::end || one_in(24) ? at : base_slot::end + below(abi::slots_per_leaf - base_slot::end);
  }
  std::uint64_t own_or(Kind kind) { return one_in(2) ? 0 : slot(kind); }
  std::uint64_t destination() {
    if (one_in(12)) return any_slot();
    const std::uint64_t start = below(abi::slots_per_leaf);
    for (std::uint64_t i = 0; i < abi::slots_per_leaf; ++i) {
      const std::uint64_t at = (start + i) % abi::slots_per_leaf;
      if (at >= base_slot::end && control_.kinds[at] == 0) return at;
    }
    return base_slot::end + below(abi::slots_per_leaf - base_slot::end);
  }
  std::uint64_t known_frame() {
    if (one_in(16)) return odd_number();
    if (one_in(16)) return below(16384);
    return control_.frames[below(control_.frames.size())];
  }
  std::uint64_t where() { return one_in(8) ? known_frame() : abi::any_frame.raw(); }
  std::uint64_t rights() { return one_in(3) ? below(64) : one_in(32) ? odd_number() : abi::all_rights; }
  std::uint64_t play_address() {
    if (one_in(32)) return one_in(2) ? evil_addresses[below(evil_addresses.size())] : odd_number();
    return play_grounds[below(play_grounds.size())] + below(play_pages) * page_size + (one_in(32) ? below(4096) : 0);
  }
  std::uint64_t memory() {  // for a struct
    if (one_in(24)) return play_address();
    return reinterpret_cast<std::uint64_t>(control_.scratch.data()) + (one_in(64) ? below(4096) : 0);
  }
  std::uint64_t soon() {
    if (one_in(64)) return one_in(2) ? ~0ull : odd_number();
    const auto& info = *reinterpret_cast<const abi::SystemInfo*>(info_va);
    return rt::Clock{info}.now().raw() + below(100'000);
  }
  std::uint64_t instruction() { return one_in(32) ? play_address() : reinterpret_cast<std::uint64_t>(&fuzz_again); }
  std::uint64_t some_stack() {
    if (one_in(32)) return play_address();
    return fresh_stack;
  }
  template <typename T>
  T& scratch(std::size_t offset = 0) {
    return *reinterpret_cast<T*>(control_.scratch.data() + offset);
  }
  void randomise_scratch(std::size_t size) {
    for (std::size_t i = 0; i < size; i += 8) scratch<std::uint64_t>(i) = odd_number();
  }

  // --- structs ----------------------------------------------------------------------------------------------------
  void make_limits() {
    auto& limits = scratch<abi::AccountLimits>();
    for (std::size_t i = 0; i < abi::resource_count; ++i) {
      limits.limit[i] = one_in(24) ? odd_number() : below(i == 1 ? 6 : 80);
      limits.minimum[i] = i == 2 || one_in(2) ? 0 : one_in(24) ? odd_number() : below(limits.limit[i] / 2 + 1);
    }
  }

  void make_entries() {
    if (one_in(16)) randomise_scratch(sizeof(abi::EnvEntries));
    auto& entries = scratch<abi::EnvEntries>();
    const auto entry = [&] { return one_in(8) ? 0 : instruction(); };
    if (!one_in(16))
      entries = {.exception = entry(),
                 .foreign = entry(),
                 .prologue = one_in(4) ? entry() : 0,
                 .epilogue = one_in(4) ? entry() : 0,
                 .revoke = entry(),
                 .gs_base = area_of(identity_),
                 .fs_base = one_in(2) ? 0 : play_address(),
                 .monitor = CapSlot{static_cast<std::uint32_t>(one_in(2) ? 0 : slot(Kind::env))},
                 .receive = CapSlot{static_cast<std::uint32_t>(one_in(4) ? 0 : destination())}};
  }

  void make_registers() {
    randomise_scratch(sizeof(abi::Registers));
    auto& r = scratch<abi::Registers>();
    if (one_in(8)) return;
    r.rip = instruction();
    r.rsp = some_stack();
    r.rflags = one_in(4) ? below(0x1000) & 0xdd5 : 0x202;
    r.gs_base = area_of(identity_);
    r.fs_base = 0;
  }

  void make_words(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count && i < abi::max_wait_words; ++i) {
      const std::uint64_t address =
          one_in(3) ? play_address() & ~7ull : reinterpret_cast<std::uint64_t>(&control_.scratch[1024 + 8 * below(32)]);
      scratch<abi::WaitWord>(i * sizeof(abi::WaitWord)) = {
          .address = address,
          .mask = one_in(2) ? ~0ull : odd_number(),
          .value = below(3),
          .compare = static_cast<abi::Compare>(one_in(32) ? odd_number() : below(4)),
          .reserved = one_in(48) ? 1u : 0u};
    }
  }

  // A small predicate, filter or function: most are accepted, some find no end to their steps, some are refused.
  void make_program() {
    namespace bpf = abi::bpf;
    constexpr std::size_t code_at = 512;
    const auto k = static_cast<std::int64_t>(below(4));
    std::array code{bpf::make(bpf::ldx | bpf::mem | bpf::double_word, 3, 1, 0, 0),
                    bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, 0),
                    bpf::make(bpf::jmp | bpf::jgt, 3, 0, one_in(4) ? -2 : 1, k),
                    bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, one_in(2) ? 1 : 0),
                    bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0)};
    if (one_in(8)) code[below(code.size())] = std::bit_cast<bpf::Instruction>(random_.next());
    std::memcpy(control_.scratch.data() + code_at, code.data(), sizeof code);
    scratch<abi::ProgramHeader>() = {.kind = static_cast<abi::ProgramKind>(one_in(24) ? below(8) : 1 + below(3)),
                                     .length = one_in(24) ? static_cast<std::uint32_t>(odd_number()) : static_cast<std::uint32_t>(code.size()),
                                     .code = one_in(24) ? play_address() : reinterpret_cast<std::uint64_t>(&control_.scratch[code_at]),
                                     .steps = one_in(24) ? static_cast<std::uint32_t>(odd_number()) : 1000,
                                     .min_context = static_cast<std::uint32_t>(one_in(4) ? below(32) : 8),
                                     .region_count = static_cast<std::uint32_t>(one_in(3) ? 1 : 0)};
    scratch<abi::ProgramHeader>().regions[0] = {known_frame(), static_cast<std::uint32_t>(1 + below(2)), static_cast<std::uint32_t>(below(2))};
  }
  void make_addresses(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count && i < abi::max_watch_words; ++i)
      scratch<std::uint64_t>(i * 8) =
          one_in(2) ? play_address() & ~(one_in(32) ? 0ull : 7ull) : reinterpret_cast<std::uint64_t>(&control_.scratch[1024 + 8 * below(32)]);
  }

  std::uint32_t map_flags(bool large) {
    if (one_in(32)) return static_cast<std::uint32_t>(odd_number());
    std::uint32_t flags = abi::map_read;
    if (one_in(2)) flags |= abi::map_write;
    if (one_in(6)) flags |= abi::map_execute;
    if (one_in(2)) flags |= abi::map_owned;
    if (one_in(4)) flags |= abi::map_replace;
    if (one_in(8)) flags |= abi::map_soft0;
    if (one_in(6)) flags |= abi::map_key(static_cast<std::uint32_t>(below(16)));
    return large ? flags | abi::map_large : flags;
  }

  void make_operation(abi::SpaceOp& op) {
    constexpr std::array verbs{SpaceVerb::map,   SpaceVerb::map,     SpaceVerb::map,  SpaceVerb::map_new,
                               SpaceVerb::unmap, SpaceVerb::map_new, SpaceVerb::copy, SpaceVerb::protect,
                               SpaceVerb::unmap, SpaceVerb::clone,   SpaceVerb::move, SpaceVerb::split};
    const SpaceVerb verb = one_in(48) ? static_cast<SpaceVerb>(odd_number()) : verbs[below(verbs.size())];
    const bool large = one_in(12);
    const bool maps = verb == SpaceVerb::map || verb == SpaceVerb::map_new;
    op = {.verb = verb,
          .flags = 0,
          .authority = abi::no_slot,
          .reserved = one_in(64) ? 1u : 0u,
          .address = play_address(),
          .pages = 1 + below(8),
          .frame = 0};
    if (maps || verb == SpaceVerb::copy || verb == SpaceVerb::protect) op.flags = map_flags(large && maps);
    if (verb == SpaceVerb::protect || verb == SpaceVerb::copy) op.flags &= ~(one_in(24) ? 0u : abi::map_replace);
    if (verb == SpaceVerb::copy) op.flags &= ~(one_in(24) ? 0u : abi::map_keys);
    if (verb == SpaceVerb::clone) op.flags = one_in(2) ? abi::map_write : abi::map_read;
    if (maps) op.authority = authority(verb == SpaceVerb::map && one_in(2) ? Kind::frames : Kind::account);
    if (verb == SpaceVerb::copy) op.authority = authority(Kind::account);
    if (verb == SpaceVerb::clone) op.authority = authority(Kind::space);
    if (verb == SpaceVerb::map_new || verb == SpaceVerb::copy) op.frame = where();
    if (verb == SpaceVerb::map) op.frame = known_frame();
    if (verb == SpaceVerb::move) op.frame = play_address();
    if (large || verb == SpaceVerb::split) {
      op.address &= ~0x1f'ffffull;
      op.pages = 512;
      if (verb == SpaceVerb::map) op.frame &= ~511ull;
    }
    if (one_in(24)) op.pages = one_in(2) ? below(3000) : odd_number();
  }
  CapSlot authority(Kind kind) { return CapSlot{static_cast<std::uint32_t>(slot(kind))}; }

  // --- calls ------------------------------------------------------------------------------------------------------
  template <typename... T>
  void with(T... values) {
    std::size_t next = 0;
    ((arguments_[next++] = static_cast<std::uint64_t>(values)), ...);
    chosen_ = true;
  }

  void choose_memory_call(Call call) {
    switch (call) {
      case Call::frame_alloc: {
        const bool large = one_in(64);
        const std::uint64_t count = large ? 512 : one_in(24) ? odd_number() : 1 + below(8);
        const std::uint64_t mask = large        ? 511ull
                                   : one_in(4)  ? (1ull << below(8)) - 1
                                   : one_in(24) ? odd_number()
                                                : 0ull;
        return with(slot(Kind::account), where(), count, mask, one_in(4) ? below(mask + 2) : 0);
      }
      case Call::frame_free: return with(slot(Kind::account), known_frame(), one_in(8) ? odd_number() : 1 + below(3));
      case Call::frame_cap:
        return with(slot(Kind::account), destination(), known_frame(), one_in(8) ? odd_number() : 1 + below(4),
                    rights());
      case Call::space_create: return with(slot(Kind::account), destination(), where());
      case Call::space_update: {
        const std::uint64_t count = one_in(48) ? odd_number() : one_in(4) ? 1 + below(6) : 1;
        for (std::uint64_t i = 0; i < count && i < 6; ++i)
          make_operation(scratch<abi::SpaceOp>(i * sizeof(abi::SpaceOp)));
        return with(own_or(Kind::space), memory(), count);
      }
      case Call::page_update: {
        abi::SpaceOp op{};
        make_operation(op);
        return with(own_or(Kind::space), std::to_underlying(op.verb) | std::uint64_t{op.flags} << 32, op.authority.raw(), op.address, op.pages, op.frame);
      }
      case Call::space_link: {
        const std::uint64_t index = one_in(8) ? odd_number() : 2 + below(5);
        return with(own_or(Kind::space), index, one_in(3) ? 0 : slot(Kind::space));
      }
      case Call::space_trim:
        return with(own_or(Kind::space), play_address() & ~(one_in(16) ? 0ull : 0xfffull),
                    one_in(8) ? odd_number() : below(600));
      default: return;
    }
  }

  void choose_authority_call(Call call) {
    switch (call) {
      case Call::account_create: make_limits(); return with(slot(Kind::account), destination(), memory(), where());
      case Call::cap_derive:
      case Call::cap_grant: {
        const std::uint64_t source = any_slot();
        const bool range = one_in(4);
        const std::uint64_t base = range ? known_frame() : 0, count = range ? 1 + below(3) : 0;
        if (call == Call::cap_derive) return with(source, destination(), rights(), base, count);
        return with(source, slot(Kind::table), destination(), rights(), base, count);
      }
      case Call::cap_drop:
      case Call::cap_revoke: return with(victim_slot());
      case Call::cap_read: return with(any_slot(), memory());
      case Call::table_create: return with(slot(Kind::account), destination(), where());
      case Call::table_grow: {
        const std::uint64_t leaf = one_in(8) ? odd_number() : one_in(4) ? 240 + below(20) : below(4);
        return with(own_or(Kind::table), leaf, slot(Kind::account), where());
      }
      case Call::object_destroy: {
        constexpr std::array kinds{Kind::account, Kind::env, Kind::env, Kind::space, Kind::table, Kind::table, Kind::program};
        const std::uint64_t at = one_in(8) ? any_slot() : slot(kinds[below(kinds.size())]);
        return with(at >= base_slot::end || one_in(200) ? at : victim_slot());
      }
      case Call::account_read: return with(slot(Kind::account), memory());
      case Call::account_limit: make_limits(); return with(slot(Kind::account), slot(Kind::account), memory());
      case Call::account_claim: return with(slot(Kind::account), destination(), known_frame());
      case Call::account_bind:
        return with(slot(Kind::account), one_in(3) ? 0 : slot(Kind::env), one_in(3) ? 0 : known_frame());
      case Call::account_revoke:
        return with(slot(Kind::account), one_in(16) ? odd_number() : below(3), one_in(2) ? ~0ull : known_frame(),
                    one_in(16) ? odd_number() : 1 + below(12), soon());
      case Call::account_reclaim: return with(slot(Kind::account));
      default: return;
    }
  }

  void choose_control_call(Call call) {
    switch (call) {
      case Call::env_create:
        return with(slot(Kind::account), destination(), slot(Kind::space), slot(Kind::table), known_frame(), where());
      case Call::env_configure: make_entries(); return with(one_in(3) ? 0 : slot(Kind::env), memory());
      case Call::env_start: return with(slot(Kind::env), instruction(), some_stack(), odd_number());
      case Call::env_stop:
      case Call::env_resume:
      case Call::env_wake: return with(slot(Kind::env));
      case Call::env_read: return with(slot(Kind::env), memory());
      case Call::env_write: make_registers(); return with(slot(Kind::env), memory());
      case Call::env_space: return with(slot(Kind::space));
      case Call::env_halt: return with(odd_number());
      case Call::env_yield: return with(own_or(Kind::env));
      case Call::env_sleep: return with(soon(), own_or(Kind::env));
      case Call::slice_bind:
        return with(slot(Kind::slices), one_in(8) ? odd_number() : below(6), one_in(3) ? 0 : slot(Kind::env));
      case Call::env_wait: {
        const std::uint64_t count = one_in(12) ? odd_number() : 1 + below(4);
        make_words(count);
        return with(memory(), count, soon(), one_in(2) ? 0 : slot(Kind::env));
      }
      case Call::pct_entry: return with(slot(Kind::env), destination(), instruction(), odd_number());
      case Call::pct_call:
      case Call::pct_send: return with(slot(Kind::entry), transfer(), odd_number());
      case Call::pct_reply: return with(odd_number(), transfer());
      default: return;
    }
  }
  void choose_program_call(Call call) {
    switch (call) {
      case Call::program_load: make_program(); return with(slot(Kind::account), destination(), memory(), where());
      case Call::program_verify: return with(slot(Kind::program));
      case Call::program_read: return with(slot(Kind::program), memory());
      case Call::program_run:
        return with(slot(Kind::program), memory(), one_in(8) ? odd_number() : below(140), one_in(8) ? odd_number() : 1 + below(8), memory());
      case Call::env_watch: {
        const std::uint64_t count = one_in(12) ? odd_number() : 1 + below(abi::max_watch_words);
        make_addresses(count);
        return with(slot(Kind::program), memory(), count, soon(), one_in(2) ? 0 : slot(Kind::env));
      }
      case Call::page_signal: return with(one_in(2) ? play_address() : memory());
      default: return;
    }
  }
  std::uint64_t transfer() {
    if (one_in(16)) return odd_number();
    return one_in(2) ? 0 : any_slot() | rights() << 32;
  }

  void choose_device_call(Call call) {
    switch (call) {
      case Call::console_write:
      case Call::console_read: return with(slot(Kind::console), memory(), below(8));
      case Call::console_bind: return with(slot(Kind::console), one_in(2) ? 0 : slot(Kind::env));
      case Call::machine_stop: return with(slot(Kind::machine), stop_code);
      case Call::machine_log: return with(slot(Kind::machine), memory(), odd_number());
      case Call::trace_set: return with(slot(Kind::machine), odd_number());
      case Call::machine_check: return with(slot(Kind::machine));
      default: return;
    }
  }

  std::uint64_t by_type(Argument argument) {
    switch (argument.sort) {
      case Sort::nothing: return 0;
      case Sort::number: return one_in(2) ? below(8) : odd_number();
      case Sort::address: return memory();
      case Sort::frame: return one_in(2) ? where() : known_frame();
      case Sort::slot: return argument.kind == Kind::none ? any_slot() : own_or(argument.kind);
      case Sort::destination: return destination();
    }
    return 0;
  }
  void choose_by_type(Call call) {
    for (std::size_t i = 0; i < arguments_.size(); ++i)
      arguments_[i] = by_type(arguments_by_call[static_cast<std::size_t>(call)][i]);
    if (one_in(2)) randomise_scratch(256);
  }

  void choose_and_issue(Call call) {
    arguments_ = {};
    chosen_ = false;
    if (!one_in(16))
      choose_memory_call(call), choose_authority_call(call), choose_control_call(call), choose_program_call(call), choose_device_call(call);
    if (!chosen_) choose_by_type(call);
    if (one_in(256)) arguments_[below(6)] = odd_number();
    if (call == Call::machine_stop) arguments_[1] = stop_code;
    static_cast<void>(issue(call));
  }

  Answer issue(Call call) {
    const auto number = static_cast<std::size_t>(call);
    control_.last_call = number;
    control_.last_arguments = arguments_;
    control_.calls = control_.calls + 1;
    control_.random = random_.next();  // the call may not return
    const Answer answer = judged_call(number, arguments_.data());
    note(number, answer);
    if (answer.error == 0) learn(call, answer.value);
    return answer;
  }
  template <typename... T>
  Answer issue(Call call, T... values) {
    arguments_ = {};
    with(values...);
    return issue(call);
  }

  // A child that can get on: with a user area where fuzz_again expects it.
  void make_child() {
    const auto identity = static_cast<std::uint32_t>(members + below(identities - members));
    const std::uint64_t account = slot(Kind::account), env = destination();
    const Answer area = issue(Call::frame_alloc, account, abi::any_frame.raw(), 1u, 0u, 0u);
    if (area.error != 0) return;
    scratch<abi::SpaceOp>() = {.verb = SpaceVerb::map,
                               .flags = abi::map_read | abi::map_write | abi::map_replace,
                               .authority = CapSlot{static_cast<std::uint32_t>(account)},
                               .reserved = 0,
                               .address = area_of(identity),
                               .pages = 1,
                               .frame = area.value};
    const auto structs = reinterpret_cast<std::uint64_t>(control_.scratch.data());
    const std::uint64_t space = slot(Kind::space);
    if (issue(Call::space_update, space, structs, 1u).error != 0) return;
    if (issue(Call::env_create, account, env, space, slot(Kind::table), area.value, abi::any_frame.raw()).error != 0)
      return;
    make_entries();
    scratch<abi::EnvEntries>().exception = reinterpret_cast<std::uint64_t>(&fuzz_again);
    scratch<abi::EnvEntries>().gs_base = area_of(identity);
    issue(Call::env_configure, env, structs);
    if (one_in(2)) issue(Call::pct_entry, env, destination(), reinterpret_cast<std::uint64_t>(&fuzz_again), identity);
    if (one_in(2)) issue(Call::slice_bind, slot(Kind::slices), below(4), env);
    issue(Call::env_start, env, reinterpret_cast<std::uint64_t>(&fuzz_again), stack_of(identity), 0u);
    issue(Call::env_yield, env);
  }

  void note(std::size_t number, Answer answer) {
    if (answer.error < control_.answers[number].size()) ++control_.answers[number][answer.error];
  }

  void holds(std::uint64_t at, Kind kind) {
    if (at < control_.kinds.size()) control_.kinds[at] = static_cast<std::uint8_t>(kind);
  }
  void learn(Call call, std::uint64_t value) {
    switch (call) {
      case Call::account_create: return holds(arguments_[1], Kind::account);
      case Call::table_create: return holds(arguments_[1], Kind::table);
      case Call::space_create: return holds(arguments_[1], Kind::space);
      case Call::env_create: return holds(arguments_[1], Kind::env);
      case Call::frame_cap: return holds(arguments_[1], Kind::frames);
      case Call::pct_entry: return holds(arguments_[1], Kind::entry);
      case Call::program_load: return holds(arguments_[1], Kind::program);
      case Call::cap_drop: return holds(arguments_[0], Kind::none);
      case Call::cap_derive:
        return holds(arguments_[1], static_cast<Kind>(control_.kinds[arguments_[0] % abi::slots_per_leaf]));
      case Call::cap_read: {
        if (arguments_[1] != reinterpret_cast<std::uint64_t>(control_.scratch.data())) return;
        const auto& info = scratch<abi::CapInfo>();
        holds(arguments_[0], static_cast<Kind>(info.kind % 16));
        if (info.object != 0 && one_in(4)) remember(info.object);
        return;
      }
      case Call::frame_alloc: return remember(value);
      default: return;
    }
  }
  void remember(std::uint64_t frame) {
    control_.frames[below(control_.frames.size())] = static_cast<std::uint32_t>(frame);
  }

  // What is no Aegis call: the other ways into the kernel.
  void event() {
    control_.random = random_.next();
    const std::uint64_t what = below(16), address = play_address();
    switch (what) {
      case 0: asm volatile("ud2"); return;
      case 1: asm volatile("int3"); return;
      case 2: asm volatile("xor %%ecx, %%ecx\n div %%ecx" : : : "rax", "rcx", "rdx"); return;
      case 3: asm volatile("hlt"); return;
      case 4: asm volatile("int $0x80"); return;
      case 5: asm volatile("push %0\n popfq" : : "r"(random_.next() & 0x7f'ffff)); return;
      case 6: static_cast<void>(any_call(one_in(2) ? below(400) : odd_number(), arguments_.data())); return;
      case 7: static_cast<void>(load(evil_addresses[below(evil_addresses.size())])); return;
      case 8:
      case 9:
      case 10: static_cast<void>(load(address)); return;
      case 11:
      case 12:
      case 13: store(address, random_.next()); return;
      case 14: static_cast<void>(load(abi::pte_window(address))); return;
      default: asm volatile("movq %0, %%xmm3" : : "r"(random_.next()) : "memory"); return;
    }
  }

  std::uint32_t identity_;
  Control& control_;
  Random random_;
  std::array<std::uint64_t, 6> arguments_{};
  bool chosen_ = false;
};

// Enters from fuzz_again, on the identity's own stack.
extern "C" [[noreturn]] void fuzz_act(std::uint32_t identity) {
  for (;;) {
    Actor actor{identity};
    for (int i = 0; i < 64; ++i) actor.step();
  }
}

}  // namespace

constexpr std::uint32_t spare_mask = 15;
static_assert(members + spare_mask < identities);

// Entered with any registers; rsp is somewhere in the stack of the identity that this is to be, or the fresh one: then
// the identities behind `members` take turns (an env that is still at it shares one for a while). No stack is used
// before it is known to be one. Clears the `busy` words of the user area.
extern "C" [[gnu::naked]] void fuzz_again() {
  asm volatile(
      "movabs %0, %%rax\n"
      "mov %%rsp, %%rdi\n"
      "sub %%rax, %%rdi\n"
      "shr $16, %%rdi\n"
      "cmp %1, %%rdi\n"
      "ja 1f\n"
      "jne 2f\n"
      "movabs %4, %%rcx\n"
      "mov $1, %%edi\n"
      "lock xaddq %%rdi, (%%rcx)\n"
      "and %5, %%rdi\n"
      "add %6, %%rdi\n"
      "2:\n"
      "mov %%rdi, %%rcx\n"
      "shl $16, %%rcx\n"
      "lea %c2(%%rax, %%rcx), %%rsp\n"
      "movabs %3, %%rcx\n"
      "mov %%rdi, %%rdx\n"
      "shl $12, %%rdx\n"
      "movq $0, (%%rcx, %%rdx)\n"
      "movq $0, 64(%%rcx, %%rdx)\n"
      "xor %%ebp, %%ebp\n"
      "call fuzz_act\n"
      "1: ud2\n"
      :
      : "i"(stack_base), "i"(identities), "i"(stack_top), "i"(area_base), "i"(verdict_va + offsetof(Verdict, fresh)),
        "i"(spare_mask), "i"(members));
}

}  // namespace fuzz
