// SPDX-License-Identifier: MIT
// The random-program fuzzer: eight actors in four containers issue random calls (fuzz_actor.cpp), while this supervisor
// keeps them alive, interferes with its own rights, and has the kernel recount all its tables now and then. At the end
// all is taken apart and must be paid back. Command line: seed=, calls=, check= (calls between two recounts; 0: none).
#include "tests/hostile/fuzz.hpp"

namespace fuzz {
namespace {

using abi::Resource;
using abi::RunState;

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t rounds_without_progress = 3000;  // supervisor's rounds without any call by anybody: a hang
constexpr std::uint32_t own_slices = 4, common_first = 48, common_count = 8;
constexpr std::uint64_t kept_positions = 2;  // by the supervisor, of the first processor
abi::AccountLimits container_limits() {
  const std::uint64_t slices = (system_info().cpus * abi::slices_per_cpu - kept_positions) / containers;
  return {.limit = {1400, std::min<std::uint64_t>(24, slices), 500, 40}, .minimum = {}};
}

extern "C" {
extern const std::byte image_start[], image_end[];  // first_env.lds
}

struct Options {
  std::uint64_t seed = 1, calls = 200'000, check = 100'000;
};

std::uint64_t number_after(std::string_view text, std::string_view key, std::uint64_t otherwise) {
  const std::size_t at = text.rfind(key);
  if (at == std::string_view::npos) return otherwise;
  std::uint64_t value = 0;
  text.remove_prefix(at + key.size());
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

struct Member {
  std::uint32_t identity = 0, container = 0, cpu = 0, first_position = 0;
  CapSlot table, env, entry, slices;
  std::uint64_t seen_calls = 0, idle_rounds = 0, restarts_in_vain = 0;
};
struct Container {
  CapSlot account, space;
};

class Supervisor {
 public:
  explicit Supervisor(const Options& options) : options_{options}, random_{options.seed * 0x9e37'79b9'7f4a'7c15 | 1} {
    for (CapSlot& slot : child_slots_) slot = new_slot();
    for (Container& c : containers_) c = {.account = new_slot(), .space = new_slot()};
    for (std::uint32_t i = 0; i < members; ++i) {
      Member& m = members_[i];
      m = {.identity = i,
           .container = i % containers,
           .table = new_slot(),
           .env = new_slot(),
           .entry = new_slot(),
           .slices = new_slot()};
      m.cpu = i % system_info().cpus;
      m.first_position = 8 + own_slices * (i / system_info().cpus);
    }
    static_assert(8 + own_slices * members <= common_first);
    free_positions();
    before_ = settled_account();
    prepare_shared();
  }

  void run() {
    for (std::uint32_t c = 0; c < containers; ++c) build(c);
    const std::uint64_t distance = options_.check != 0 ? options_.check : 100'000;
    std::uint64_t next_check = distance, still = 0;
    for (std::uint64_t total = 0; total < options_.calls && failures() == 0;) {
      static_cast<void>(call::env_sleep(now_ns() + 300'000, abi::no_slot));
      const std::uint64_t now = all_calls();
      still = now == total ? still + 1 : 0;
      total = now;
      if (still > rounds_without_progress) return hang();
      for (Member& m : members_) look_after(m);
      for (std::uint32_t c = 0; c < containers; ++c)
        if (wants_rebuild_[c]) rebuild(c);
      interfere();
      if (total < next_check) continue;
      check();
      next_check = (total / distance + 1) * distance;
    }
  }

  void end() {
    for (std::uint32_t c = 0; c < containers; ++c) tear_down(c);
    check();
    release_shared();
    expect_settled(before_, "the fuzzer");
    report();
  }

 private:
  // --- what is shared ---------------------------------------------------------------------------------------------
  // We keep the first two positions of the first processor; an account's slices come out of what is free.
  void free_positions() {
    for (std::uint32_t i = 0; i < system_info().cpus * abi::slices_per_cpu; ++i)
      must(call::slice_bind(boot::slices, i, i == 0 || i == 32 ? boot::self : abi::no_slot));
  }

  void prepare_shared() {
    const auto run_of = [&](std::uint64_t pages) {
      const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, pages, 0, 0));
      const std::uint64_t va = new_va(pages);
      must(rt::map(abi::no_slot, va, first, pages, read_write, boot::account));
      return Page{first, va};
    };
    controls_ = run_of(identities * control_pages);
    stacks_ = run_of(identities * stack_pages);
    canary_ = run_of(1);
    verdict_ = run_of(1);
    spare_area_ = run_of(1);
    shared_ = run_of(16);
    for (std::size_t i = 0; i < page_size / 8; ++i) canary_.words()[i] = Canary::pattern(i);
    for (std::uint32_t i = 0; i < identities; ++i) {
      control(i).random = (options_.seed * 0xbf58'476d'1ce4'e5b9) ^ ((i + 1) * 0x94d0'49bb'1331'11eb);
      if (control(i).random == 0) control(i).random = 1;
    }
    shared_cap_ = new_slot();
    common_ = new_slot();
    must(call::frame_cap(boot::account, shared_cap_, shared_.frame, 16, abi::all_rights));
    must(call::cap_derive(boot::slices, common_, abi::all_rights, common_first, common_count));
    for (Member& m : members_)
      must(call::cap_derive(boot::slices, m.slices, abi::all_rights, m.cpu * abi::slices_per_cpu + m.first_position,
                            own_slices));
  }

  void release_shared() {
    must(rt::drop(shared_cap_));
    must(rt::drop(common_));
    for (Member& m : members_) must(rt::drop(m.slices));
    const auto release = [](const Page& page, std::uint64_t pages) {
      must(rt::unmap(abi::no_slot, page.va, pages));
      must(call::frame_free(boot::account, page.frame, pages));
    };
    release(controls_copy(), identities * control_pages);
    release(stacks_, identities * stack_pages);
    release(canary_, 1);
    release(verdict_, 1);
    release(spare_area_, 1);
    release(shared_, 16);
  }
  // The counters are wanted for the report, after their pages have gone.
  Page controls_copy() {
    for (std::uint32_t i = 0; i < identities; ++i) {
      const Control& c = control(i);
      calls_ += c.calls;
      for (std::size_t call = 0; call < abi::call_count; ++call)
        for (std::size_t error = 0; error < error_count; ++error) answers_[call][error] += c.answers[call][error];
    }
    return controls_;
  }
  Control& control(std::uint32_t identity) { return control_at(controls_.va, identity); }
  std::uint64_t all_calls() {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < identities; ++i) sum += control(i).calls;
    return sum;
  }

  // --- containers -------------------------------------------------------------------------------------------------
  // Everything without which an actor cannot even be wrong.
  void map_support(const Container& c) {
    const std::uint32_t again = abi::map_replace;
    const auto done = [&](const abi::Status& status) { complete_ = complete_ && status.has_value(); };
    complete_ = true;
    for (auto va = reinterpret_cast<std::uint64_t>(image_start); va < reinterpret_cast<std::uint64_t>(image_end);
         va += page_size) {
      const std::uint64_t entry = rt::own_entry(va);
      if ((entry & abi::pte_present) == 0) continue;
      const std::uint32_t execute = (entry & abi::pte_no_execute) == 0 ? abi::map_execute : 0;
      const FrameNumber frame{(entry & abi::pte_frame_mask) >> abi::page_bits};
      done(rt::map(c.space, va, frame, 1, abi::map_read | execute | again, boot::account));
    }
    done(
        rt::map(c.space, control_base, controls_.frame, identities * control_pages, read_write | again, boot::account));
    for (std::uint32_t i = 0; i < identities; ++i)
      done(rt::map(c.space, stack_of(i) - stack_pages * page_size, stacks_.frame + i * stack_pages, stack_pages,
                   read_write | again, boot::account));
    done(rt::map(c.space, verdict_va, verdict_.frame, 1, read_write | again, boot::account));
    for (std::uint32_t i = members; i < identities; ++i)
      done(rt::map(c.space, area_of(i), spare_area_.frame, 1, read_write | again, boot::account));
    const abi::CapInfo info = must(rt::read_cap(boot::info));
    done(rt::map(c.space, info_va, FrameNumber{info.base}, 1, abi::map_read | again, boot::info));
  }

  void build(std::uint32_t number) {
    const Container& c = containers_[number];
    must(rt::create_account(boot::account, c.account, container_limits()));
    must(call::space_create(c.account, c.space, abi::any_frame));
    map_support(c);
    expect(complete_, "room for what every actor needs");
    for (Member& m : members_)
      if (m.container == number) build_member(m);
    for (Member& m : members_) {
      refill(m);
      if (m.container == number) start(m);
    }
  }

  void build_member(Member& m) {
    const Container& c = containers_[m.container];
    must(call::table_create(c.account, m.table, abi::any_frame));
    must(call::table_grow(m.table, 0, c.account, abi::any_frame));
    expect_ok(build_env(m), "an env");
  }

  abi::Status build_env(Member& m) {
    const Container& c = containers_[m.container];
    const FrameNumber area{TRY(call::frame_alloc(c.account, abi::any_frame, 1, 0, 0))};
    TRY_VOID(rt::map(c.space, area_of(m.identity), area, 1, read_write | abi::map_replace, c.account));
    TRY_VOID(call::env_create(c.account, m.env, c.space, m.table, area, abi::any_frame));
    TRY_VOID(call::pct_entry(m.env, m.entry, Va{&fuzz_again}, m.identity));
    rebind(m);
    return {};
  }
  // The env alone, when it has got lost: in a space where nothing is, or ended.
  void renew(Member& m) {
    ++renewals_;
    static_cast<void>(rt::destroy(m.env));
    static_cast<void>(rt::drop(m.env));
    static_cast<void>(rt::drop(m.entry));
    map_support(containers_[m.container]);
    if (!complete_ || !build_env(m).has_value()) wants_rebuild_[m.container] = true;
  }

  // Grants what the actor should have; what is still there stays.
  void refill(Member& m) {
    namespace b = base_slot;
    const std::uint32_t next = (m.container + 1) % containers, other = (m.container + 2) % containers;
    const Container &own = containers_[m.container], &neighbour = containers_[next];
    Member &sibling = members_[(m.identity + containers) % members], &foreign = members_[next],
           &third = members_[other];
    using abi::EnvRight;
    const auto give = [&](CapSlot from, std::uint32_t to, std::uint32_t rights) {
      if (call::cap_grant(from, m.table, CapSlot{to}, rights, 0, 0).has_value())
        control(m.identity).kinds[to] = must(rt::read_cap(from)).kind;
    };
    give(own.account, b::account, abi::all_rights);
    give(m.env, b::self, abi::all_rights);
    give(own.space, b::space, abi::all_rights);
    give(m.table, b::table, abi::all_rights);
    give(sibling.env, b::sibling, abi::all_rights);
    give(foreign.table, b::neighbour_table, bits(abi::TableRight::grant, abi::TableRight::insert));
    give(neighbour.space, b::neighbour_space, bits(abi::SpaceRight::grant, abi::SpaceRight::share));
    give(foreign.env, b::neighbour_env, bits(EnvRight::grant, EnvRight::wake, EnvRight::donate, EnvRight::inspect));
    give(boot::self, b::supervisor, bits(EnvRight::wake, EnvRight::donate));
    give(shared_cap_, b::shared_frames, abi::all_rights);
    give(m.slices, b::slices, abi::all_rights);
    give(common_, b::common_slices, abi::all_rights);
    give(boot::info, b::info, bits(abi::FramesRight::read));
    give(boot::machine, b::machine, 0);
    if (boot_console_) give(boot::console, b::console, bits(abi::ConsoleRight::read));
    give(neighbour.account, b::neighbour_account, bits(abi::AccountRight::reclaim));
    give(foreign.entry, b::neighbour_entry, abi::all_rights);
    give(third.entry, b::sibling_entry, abi::all_rights);
  }

  void start(Member& m) {
    const auto entry = reinterpret_cast<std::uint64_t>(&fuzz_again);
    const abi::EnvEntries entries{.exception = entry,
                                  .foreign = entry,
                                  .revoke = entry,
                                  .gs_base = area_of(m.identity),
                                  .monitor = boot::self,
                                  .receive = CapSlot{base_slot::end + m.identity}};
    if (!call::env_configure(m.env, &entries).has_value()) return;
    if (call::env_start(m.env, Va{&fuzz_again}, Va{stack_of(m.identity)}, 0).has_value()) ++starts_;
  }

  // Child accounts are known only to who made them, and perhaps not to him any more: they are claimed by their frames.
  // Meanwhile what runs there may make more of them.
  void end_account(CapSlot account, int depth) {
    const auto object = rt::read_cap(account);
    if (!object.has_value() || object->live == 0) return;
    for (int attempt = 0; attempt < 1000; ++attempt) {
      end_children(account, object->object, depth);
      const auto ended = rt::destroy(account);
      if (ended.has_value() || ended.error() != Error::busy)
        return static_cast<void>(expect_ok(ended, "the end of an account"));
    }
    fail(here(), "an account's children do not end");
  }
  void end_children(CapSlot account, std::uint64_t frame_of_account, int depth) {
    const CapSlot child = child_slots_[static_cast<std::size_t>(depth)];
    const auto info = rt::read_account(account);  // stale: its end has begun, so it has no children
    if (depth + 1 >= static_cast<int>(child_slots_.size()) || !info.has_value() || info->children == 0) return;
    for (FrameNumber f{0}; f.raw() < system_info().frames; ++f) {
      const abi::FrameInfo& frame = frame_info(f);
      if (frame.use != abi::FrameUse::account || frame.owner != frame_of_account) continue;
      if (!call::account_claim(account, child, f).has_value()) continue;
      end_account(child, depth + 1);
      must(rt::drop(child));
    }
  }

  void tear_down(std::uint32_t number) {
    const Container& c = containers_[number];
    end_account(c.account, 0);
    must(rt::drop(c.account));
    must(rt::drop(c.space));
    for (Member& m : members_) {
      if (m.container != number) continue;
      for (const CapSlot slot : {m.table, m.env, m.entry}) static_cast<void>(rt::drop(slot));
      control(m.identity).kinds = {};
      m.idle_rounds = m.restarts_in_vain = 0;
    }
  }
  void rebuild(std::uint32_t number) {
    ++rebuilds_;
    wants_rebuild_[number] = false;
    tear_down(number);
    build(number);
  }

  // --- care -------------------------------------------------------------------------------------------------------
  void look_after(Member& m) {
    const std::uint64_t calls = control(m.identity).calls;
    const bool moves = calls != m.seen_calls;
    m.seen_calls = calls;
    m.idle_rounds = moves ? 0 : m.idle_rounds + 1;
    if (moves) m.restarts_in_vain = 0;
    const auto state = rt::read_env(m.env);
    if (!state.has_value()) {
      if (state.error() == Error::wrong_state) return;
      renew(m);
      return revive(m);
    }
    switch (state->state) {
      case RunState::created:
      case RunState::halted:
      case RunState::stuck:
      case RunState::stopped: return revive(m);
      case RunState::sleeping:
        if (m.idle_rounds % 4 == 3) static_cast<void>(call::env_wake(m.env));
        break;
      default: break;
    }
    if (m.idle_rounds % 32 != 31) return;
    static_cast<void>(rt::until_done([&] { return call::env_stop(m.env); }));
    revive(m);
  }

  void revive(Member& m) {
    ++m.restarts_in_vain;
    if (m.restarts_in_vain % 4 == 3) renew(m);
    if (m.restarts_in_vain > 10) wants_rebuild_[m.container] = true;
    refill(m);
    rebind(m);
    start(m);
  }
  void rebind(Member& m) {
    for (std::uint32_t i = 0; i < own_slices; ++i)
      static_cast<void>(call::slice_bind(boot::slices, m.cpu * abi::slices_per_cpu + m.first_position + i, m.env));
  }

  // What one who holds everything may do to them at any time.
  void interfere() {
    Member& m = members_[random_.below(members)];
    const Container& c = containers_[m.container];
    if (random_.below(20) == 0) refill(m);
    switch (random_.below(40)) {
      case 0: static_cast<void>(call::env_stop(m.env)); return;
      case 1: static_cast<void>(call::env_resume(m.env)); return;
      case 2: static_cast<void>(rt::revoke(shared_cap_)); return;
      case 3: static_cast<void>(rt::revoke(m.slices)); return;
      case 4: return ask_back(c);
      case 5: static_cast<void>(call::account_reclaim(c.account)); return;
      case 6: return set_limits(c);
      case 7: static_cast<void>(rt::revoke(m.table)); return;
      case 8:
        static_cast<void>(call::trace_set(boot::machine, static_cast<std::uint32_t>(random_.below(0x1000))));
        return;
      case 9: return rebind(m);
      case 10: wants_rebuild_[m.container] = random_.below(8) == 0; return;
      case 11: static_cast<void>(rt::trim(c.space, play_grounds[0], 2 * play_pages)); return;
      default: return;
    }
  }
  void set_limits(const Container& c) {
    const abi::AccountLimits limits = container_limits();
    static_cast<void>(call::account_limit(boot::account, c.account, &limits));
  }
  void ask_back(const Container& c) {
    static_cast<void>(call::account_revoke(c.account, static_cast<std::uint32_t>(random_.below(2)), abi::any_units,
                                           1 + random_.below(40), now_ns() + random_.below(2'000'000)));
  }

  // --- verdicts ---------------------------------------------------------------------------------------------------
  void check() {
    recount();
    for (std::size_t i = 0; i < page_size / 8; ++i)
      if (canary_.word(i) != Canary::pattern(i)) return fail(here(), "somebody wrote to the supervisor's memory");
    const auto& v = *reinterpret_cast<Verdict*>(verdict_.va);
    if (v.claimed == 0) return;
    const auto& a = v.arguments;
    fail(here(),
         base::Text<300>{
             "{}({:#x}, {:#x}, .., {:#x}, {:#x}, {:#x}) answered {} ({}), value {:#x}, stack {:#x}: not documented",
             abi::call_names[v.call % abi::call_count], a[0], a[1], a[2], a[3], a[4], static_cast<Error>(v.error),
             v.error, v.value, v.stack}
             .view());
  }

  void recount() {
    if (options_.check == 0) return;
    const rt::RawAnswer answer = call::machine_check.raw(boot::machine);
    expect(answer.error == 0, "the kernel has no checker");
    expect_equal(answer.value, 0ull, "violations in the kernel's tables");
    ++checks_;
  }

  void hang() {
    fail(here(), "nobody gets on");
    for (const Member& m : members_) {
      const auto state = rt::read_env(m.env);
      const Control& c = control(m.identity);
      rt::log("actor {}: {} state {} last {}({:#x}, {:#x}, {:#x})", m.identity,
              state.has_value() ? std::string_view{"rests"} : name(state.error()),
              state.has_value() ? static_cast<std::uint32_t>(state->state) : 0, abi::call_names[c.last_call],
              c.last_arguments[0], c.last_arguments[1], c.last_arguments[2]);
    }
  }

  void report() {
    std::uint64_t pairs = 0, wanted = 0;
    for (std::size_t call = 0; call < abi::call_count; ++call) {
      base::Text<400> missed;
      for (std::size_t error = 1; error < error_count; ++error) {
        if ((documented[call] >> error & 1) == 0) continue;
        ++wanted;
        if (answers_[call][error] != 0)
          ++pairs;
        else
          missed.append(' ').append(name(static_cast<Error>(error)));
      }
      if (options_.calls >= 1'000'000)
        rt::log("{:<16} done {:8}  not seen:{}", abi::call_names[call], answers_[call][0], missed.view());
    }
    rt::log(
        "fuzzer: seed {} cpus {} calls {} checks {} starts {} renewals {} rebuilds {}; {} of {} documented errors seen",
        options_.seed, system_info().cpus, calls_, checks_, starts_, renewals_, rebuilds_, pairs, wanted);
  }

  Options options_;
  Random random_;
  std::array<Container, containers> containers_{};
  std::array<Member, members> members_{};
  std::array<bool, containers> wants_rebuild_{};
  std::array<CapSlot, 18> child_slots_{};  // by depth
  bool boot_console_ = rt::read_cap(boot::console).has_value();
  abi::AccountInfo before_{};
  Page controls_{}, stacks_{}, canary_{}, shared_{}, verdict_{};
  Page spare_area_{};  // where children without a user area of their own clear the words in vain
  CapSlot shared_cap_, common_;
  bool complete_ = true;  // the last map_support
  std::uint64_t calls_ = 0, checks_ = 0, starts_ = 0, renewals_ = 0, rebuilds_ = 0;
  std::array<std::array<std::uint64_t, error_count>, abi::call_count> answers_{};
};

}  // namespace
}  // namespace fuzz

std::uint64_t program(const guest::boot::Facts& facts) {
  using namespace fuzz;
  begin(facts);
  const std::string_view line{facts.command_line, facts.command_line_size};
  const Options options{.seed = number_after(line, "seed=", 1),
                        .calls = number_after(line, "calls=", 200'000),
                        .check = number_after(line, "check=", 100'000)};
  rt::log("fuzzer: seed {} calls {}", options.seed, options.calls);
  static Supervisor supervisor{options};
  supervisor.run();
  if (failures() == 0) supervisor.end();
  finish();
}
