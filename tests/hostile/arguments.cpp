// SPDX-License-Identifier: MIT
// Every call of the table with one argument wrong at a time: stray high bits, addresses outside, slots outside, empty,
// stale, of another kind, each needed right missing. The rest of the arguments would do, so the error tells that the check
// was made. Then, in the files states_*.cpp, every other documented error; what none provoked fails the test.
#include "tests/hostile/arguments.hpp"

namespace arguments {
namespace {

using abi::Call;
using abi::Kind;

enum class Form : std::uint8_t { slot, destination, u32, u64, va };

struct Argument {
  Form form = Form::u64;
  std::uint64_t value = 0;
  Kind kind = Kind::none;    // slot: which it must be; none: any
  std::uint32_t rights = 0;  // slot: each of these bits is needed
  bool optional = false;     // slot 0 means something
};

constexpr Argument number(std::uint64_t value) { return {Form::u64, value}; }
constexpr Argument number32(std::uint32_t value) { return {Form::u32, value}; }
Argument pointer(const void* p) { return {Form::va, reinterpret_cast<std::uint64_t>(p)}; }
template <typename... Rights>
constexpr Argument slot(CapSlot s, Kind kind, Rights... rights) {
  return {Form::slot, s.raw(), kind, (0u | ... | bits(rights))};
}
template <typename... Rights>
constexpr Argument optional_slot(CapSlot s, Kind kind, Rights... rights) {
  return {Form::slot, s.raw(), kind, (0u | ... | bits(rights)), true};
}
constexpr Argument destination(CapSlot s) { return {Form::destination, s.raw()}; }

struct Attack {
  Call call;
  std::array<Argument, 6> arguments{};
  std::size_t count = 0;
};

rt::RawAnswer make(const Attack& a, const std::array<std::uint64_t, 6>& v) {
  const rt::RawAnswer answer = any_call(abi::call_base + static_cast<std::uint64_t>(a.call), v.data());
  answers.note(a.call, answer.code());
  return answer;
}

class Attacker {
 public:
  explicit Attacker(World& world) : w_{world} {}

  void attack(Call c, std::initializer_list<Argument> arguments) {
    a_ = Attack{.call = c, .count = arguments.size()};
    std::size_t next = 0;
    for (const Argument& argument : arguments) a_.arguments[next++] = argument;
    before_ = must(rt::read_account(boot::account));
    inner_ = must(rt::read_account(w_.account));
    for (std::size_t i = 0; i < a_.count; ++i) {
      const Argument& argument = a_.arguments[i];
      if (argument.form == Form::u32 || argument.form == Form::slot || argument.form == Form::destination)
        stray_bits(i);
      if (argument.form == Form::slot) bad_slots(i);
      if (argument.form == Form::destination) bad_destinations(i);
      if (argument.form == Form::va) bad_addresses(i);
    }
    attacked_[static_cast<std::size_t>(c)] = true;
  }

  void check_complete() const {
    for (std::size_t i = 0; i < abi::call_count; ++i)
      if (!attacked_[i] && !abi::call_names[i].empty()) fail(here(), base::Text<80>{"no attack on {}", abi::call_names[i]}.view());
  }

 private:
  void expect_answer(std::size_t index, std::uint64_t value, Error want, std::string_view what) {
    std::array<std::uint64_t, 6> values{};
    for (std::size_t i = 0; i < a_.count; ++i) values[i] = a_.arguments[i].value;
    values[index] = value;
    const rt::RawAnswer answer = make(a_, values);
    if (answer.code() != want)
      fail(here(),
           base::Text<200>{"{} argument {} = {:#x} ({}) got {} want {}",
                           abi::call_names[static_cast<std::size_t>(a_.call)], index, value, what, answer.code(), want}
               .view());
    expect_same_account(before_, boot::account, abi::call_names[static_cast<std::size_t>(a_.call)]);
    expect_same_account(inner_, w_.account, abi::call_names[static_cast<std::size_t>(a_.call)]);
  }

  void stray_bits(std::size_t i) {
    for (const std::uint64_t bit : {32u, 33u, 47u, 63u})
      expect_answer(i, a_.arguments[i].value | 1ull << bit, Error::bad_argument, "stray bit");
    expect_answer(i, a_.arguments[i].value | 0xffff'ffff'0000'0000, Error::bad_argument, "negative");
  }

  void bad_addresses(std::size_t i) {
    for (const std::uint64_t address : evil_addresses)
      if (address > abi::user_end) expect_answer(i, address, Error::bad_address, "outside user space");
  }

  void bad_slots(std::size_t i) {
    const Argument& argument = a_.arguments[i];
    for (const std::uint32_t outside : slots_outside) expect_answer(i, outside, Error::bad_slot, "outside");
    expect_answer(i, w_.empty.raw(), Error::empty_slot, "empty");
    if (!argument.optional) {
      std::array<std::uint64_t, 6> values{};
      for (std::size_t j = 0; j < a_.count; ++j) values[j] = j == i ? 0 : a_.arguments[j].value;
      const Error got = make(a_, values).code();
      expect(got == Error::empty_slot || got == Error::bad_slot,
             base::Text<80>{"{} slot 0 got {}", abi::call_names[static_cast<std::size_t>(a_.call)], got}.view());
    }
    const bool takes_stale = a_.call == Call::cap_read || a_.call == Call::cap_drop;
    if (!takes_stale) expect_answer(i, w_.gone.raw(), Error::stale, "stale");
    if (argument.kind == Kind::none) return weaken(i);
    for (const CapSlot other :
         {boot::account, w_.env, w_.space, w_.table, w_.frames, boot::slices, boot::console, boot::machine, w_.entry, w_.program}) {
      if (must(rt::read_cap(other)).kind == static_cast<std::uint8_t>(argument.kind)) continue;
      expect_answer(i, other.raw(), Error::wrong_kind, "kind");
    }
    const CapSlot gone = stale[static_cast<std::size_t>(argument.kind)];
    if (gone != abi::no_slot) expect_answer(i, gone.raw(), Error::stale, "stale");
    weaken(i);
  }

  // Each right that is needed, taken away alone.
  void weaken(std::size_t i) {
    const Argument& argument = a_.arguments[i];
    for (std::uint32_t bit = 0; bit < 16; ++bit) {
      const std::uint32_t right = 1u << bit;
      if ((argument.rights & right) == 0) continue;
      const std::uint32_t all = must(rt::read_cap(CapSlot{static_cast<std::uint32_t>(argument.value)})).rights;
      must(call::cap_derive(CapSlot{static_cast<std::uint32_t>(argument.value)}, w_.weak, all & ~right, 0, 0));
      // A derived capability to frames adds to their count of references, not to accounts.
      expect_answer(i, w_.weak.raw(), Error::missing_right, "without a right");
      must(rt::drop(w_.weak));
    }
  }

  void bad_destinations(std::size_t i) {
    for (const std::uint32_t outside : slots_outside) expect_answer(i, outside, Error::bad_slot, "outside");
    std::array<std::uint64_t, 6> values{};
    for (std::size_t j = 0; j < a_.count; ++j) values[j] = j == i ? 0 : a_.arguments[j].value;
    expect(make(a_, values).error != 0,
           base::Text<80>{"{} into slot 0", abi::call_names[static_cast<std::size_t>(a_.call)]}.view());
    if (a_.call == Call::cap_grant) return;  // its destination is in another table
    const abi::CapInfo was = must(rt::read_cap(boot::console));
    expect_answer(i, boot::console.raw(), Error::occupied, "occupied");
    const abi::CapInfo is = must(rt::read_cap(boot::console));
    expect(std::memcmp(&was, &is, sizeof is) == 0, "an occupied slot keeps what it holds");
  }

  World& w_;
  Attack a_{};
  abi::AccountInfo before_{}, inner_{};
  std::array<bool, abi::call_count> attacked_{};

 public:
  std::array<CapSlot, 16> stale{};  // by Kind
};

void every_call(World& w) {
  using abi::AccountRight, abi::EnvRight, abi::SpaceRight, abi::TableRight, abi::SlicesRight, abi::ConsoleRight,
      abi::MachineRight, abi::EntryRight, abi::ProgramRight;
  Attacker x{w};
  for (const Kind kind : {Kind::account, Kind::env, Kind::space, Kind::table, Kind::program})
    x.stale[static_cast<std::size_t>(kind)] = w.make_stale(kind);
  const CapSlot e = w.empty;
  const void* memory = w.memory.words();
  constexpr std::uint64_t any = ~0ull;

  x.attack(Call::nop, {});
  x.attack(Call::account_create,
           {slot(w.account, Kind::account, AccountRight::divide), destination(e), pointer(memory), number(any)});
  x.attack(Call::cap_derive,
           {slot(w.account, Kind::none), destination(e), number32(abi::all_rights), number(0), number(0)});
  x.attack(Call::cap_grant,
           {slot(w.space, Kind::none, SpaceRight::grant), slot(w.table, Kind::table, TableRight::insert),
            destination(CapSlot{9}), number32(abi::all_rights), number(0), number(0)});
  x.attack(Call::cap_drop, {slot(w.account, Kind::none)});
  x.attack(Call::cap_revoke, {slot(w.account, Kind::none)});
  x.attack(Call::cap_read, {slot(w.account, Kind::none), pointer(memory)});
  x.attack(Call::table_create, {slot(w.account, Kind::account, AccountRight::allocate), destination(e), number(any)});
  x.attack(Call::table_grow, {optional_slot(w.table, Kind::table, TableRight::insert), number32(5),
                              slot(w.account, Kind::account, AccountRight::allocate), number(any)});
  x.attack(Call::frame_alloc,
           {slot(w.account, Kind::account, AccountRight::allocate), number(any), number(1), number32(0), number32(0)});
  x.attack(Call::frame_free,
           {slot(w.account, Kind::account, AccountRight::allocate), number(w.frame.raw()), number(1)});
  x.attack(Call::frame_cap, {slot(w.account, Kind::account, AccountRight::frames), destination(e),
                             number(w.frame.raw()), number(1), number32(abi::all_rights)});
  x.attack(Call::space_create, {slot(w.account, Kind::account, AccountRight::allocate), destination(e), number(any)});
  x.attack(Call::space_update, {optional_slot(w.space, Kind::space, SpaceRight::change), pointer(memory), number(1)});
  x.attack(Call::page_update, {optional_slot(w.space, Kind::space, SpaceRight::change),
                               number(std::to_underlying(abi::SpaceVerb::map_new) | std::uint64_t{abi::map_read} << 32),
                               slot(w.account, Kind::account, AccountRight::frames, AccountRight::allocate),
                               Argument{Form::va, 0x1000'0000}, number(1), number(any)});
  x.attack(Call::space_link, {optional_slot(w.space, Kind::space, SpaceRight::change), number32(9),
                              optional_slot(w.space, Kind::space, SpaceRight::share)});
  x.attack(Call::space_trim, {optional_slot(w.space, Kind::space, SpaceRight::change), number(0x1000), number(1)});
  x.attack(Call::env_create, {slot(w.account, Kind::account, AccountRight::allocate), destination(e),
                              slot(w.space, Kind::space, SpaceRight::run), slot(w.table, Kind::table, TableRight::run),
                              number(w.frame.raw()), number(any)});
  x.attack(Call::env_configure, {optional_slot(w.env, Kind::env, EnvRight::control), pointer(memory)});
  x.attack(Call::env_start, {slot(w.env, Kind::env, EnvRight::control), Argument{Form::va, 0x1000}, Argument{Form::va, 0x2000}, number(0)});
  x.attack(Call::env_stop, {slot(w.env, Kind::env, EnvRight::control)});
  x.attack(Call::env_resume, {slot(w.env, Kind::env, EnvRight::control)});
  x.attack(Call::env_read, {slot(w.env, Kind::env, EnvRight::inspect), pointer(memory)});
  x.attack(Call::env_write, {slot(w.env, Kind::env, EnvRight::control), pointer(memory)});
  x.attack(Call::env_space, {slot(boot::space, Kind::space, SpaceRight::run)});
  x.attack(Call::env_halt, {number(0)});
  x.attack(Call::env_yield, {optional_slot(w.env, Kind::env, EnvRight::donate)});
  x.attack(Call::env_sleep, {number(0), optional_slot(w.env, Kind::env, EnvRight::donate)});
  x.attack(Call::env_wake, {slot(w.env, Kind::env, EnvRight::wake)});
  x.attack(Call::slice_bind, {slot(boot::slices, Kind::slices, SlicesRight::bind), number32(5),
                              optional_slot(w.env, Kind::env, EnvRight::donate)});
  x.attack(Call::object_destroy, {slot(w.account, Kind::none, AccountRight::destroy)});
  x.attack(Call::console_write, {slot(boot::console, Kind::console, ConsoleRight::write), pointer(memory), number(8)});
  x.attack(Call::console_read, {slot(boot::console, Kind::console, ConsoleRight::read), pointer(memory), number(8)});
  x.attack(Call::console_bind, {slot(boot::console, Kind::console), optional_slot(w.env, Kind::env, EnvRight::wake)});
  x.attack(Call::machine_stop, {slot(boot::machine, Kind::machine, MachineRight::stop), number32(77)});
  x.attack(Call::machine_log, {slot(boot::machine, Kind::machine, MachineRight::log), pointer(memory), number(0)});
  x.attack(Call::account_read, {slot(w.account, Kind::account), pointer(memory)});
  x.attack(Call::account_limit, {slot(w.account, Kind::account, AccountRight::divide),
                                 slot(boot::account, Kind::account), pointer(memory)});
  x.attack(Call::account_claim, {slot(w.account, Kind::account, AccountRight::allocate, AccountRight::frames),
                                 destination(e), number(w.frame.raw())});
  x.attack(Call::account_bind, {slot(w.account, Kind::account, AccountRight::allocate, AccountRight::frames),
                                optional_slot(w.env, Kind::env, EnvRight::control), number(w.area.raw())});
  x.attack(Call::account_revoke, {slot(w.account, Kind::account, AccountRight::reclaim), number32(0), number(any),
                                  number(1), number(any)});
  x.attack(Call::account_reclaim, {slot(w.account, Kind::account, AccountRight::reclaim)});
  x.attack(Call::env_wait, {pointer(memory), number32(1), number(0), optional_slot(w.env, Kind::env, EnvRight::donate)});
  x.attack(Call::env_watch, {slot(w.program, Kind::program, ProgramRight::run), pointer(memory), number32(1), number(0),
                             optional_slot(w.env, Kind::env, EnvRight::donate)});
  x.attack(Call::page_signal, {pointer(memory)});
  x.attack(Call::pct_entry, {slot(w.env, Kind::env, EnvRight::control), destination(e), Argument{Form::va, 0x1000}, number(0)});
  x.attack(Call::pct_call, {slot(w.entry, Kind::entry, EntryRight::call), number(0)});
  x.attack(Call::pct_send, {slot(w.entry, Kind::entry, EntryRight::call), number(0)});
  x.attack(Call::pct_reply, {number(0), number(0)});
  x.attack(Call::trace_set, {slot(boot::machine, Kind::machine, MachineRight::trace), number32((1u << abi::trace_event_count) - 1)});
  x.attack(Call::machine_check, {slot(boot::machine, Kind::machine, MachineRight::trace)});
  x.attack(Call::program_load, {slot(w.account, Kind::account, AccountRight::allocate, AccountRight::frames), destination(e),
                                pointer(memory), number(any)});
  x.attack(Call::program_verify, {slot(w.program, Kind::program, ProgramRight::run)});
  x.attack(Call::program_run, {slot(w.program, Kind::program, ProgramRight::run), pointer(memory), number32(8), number32(1), pointer(memory)});
  x.attack(Call::program_read, {slot(w.program, Kind::program, ProgramRight::inspect), pointer(memory)});
  x.check_complete();
}

// Numbers that are right in form but mean nothing.
void out_of_range(World& w) {
  const auto account = must(rt::read_account(boot::account));
  for (const std::uint64_t count : {0ull, abi::max_run + 1ull, 1ull << 32, 1ull << 52, 1ull << 63, ~0ull}) {
    expect_error(call::frame_alloc(boot::account, abi::any_frame, count, 0, 0), Error::bad_argument, "alloc count");
    expect_error(call::frame_free(boot::account, w.memory.frame, count), Error::bad_argument, "free count");
    if (count - 1 < abi::max_cap_run) continue;
    expect_error(call::frame_cap(boot::account, w.empty, w.memory.frame, count, abi::all_rights), Error::bad_argument,
                 "cap count");
  }
  for (const std::uint32_t mask : {1u << 18, (1u << 18) + 1, 1u << 31, ~0u})
    expect_error(call::frame_alloc(boot::account, abi::any_frame, 1, mask, 0), Error::bad_argument, "mask");
  for (const std::uint32_t match : {8u, 15u, 1u << 18, 1u << 31, ~0u})
    expect_error(call::frame_alloc(boot::account, abi::any_frame, 1, 7, match), Error::bad_argument, "match");
  expect_error(call::frame_alloc(boot::account, w.memory.frame, 1, 1, 0), Error::bad_argument, "a name and a mask");
  for (const std::uint64_t frame : {1ull << 32, 1ull << 40, 1ull << 52, ~0ull - 1, 1ull << 63}) {
    expect_refused(call::frame_alloc(boot::account, FrameNumber{frame}, 1, 0, 0), "alloc beyond memory");
    expect_refused(call::frame_alloc(boot::account, FrameNumber{frame}, abi::max_run, 0, 0), "alloc beyond memory");
    expect_refused(call::frame_free(boot::account, FrameNumber{frame}, 1), "free beyond memory");
    expect_refused(call::frame_cap(boot::account, w.empty, FrameNumber{frame}, 2, abi::all_rights),
                   "cap beyond memory");
    expect_refused(call::space_create(boot::account, w.empty, FrameNumber{frame}), "object beyond memory");
    expect_refused(call::table_create(boot::account, w.empty, FrameNumber{frame}), "object beyond memory");
    expect_refused(call::account_create(boot::account, w.empty, w.memory.words(), FrameNumber{frame}), "object beyond memory");
    expect_refused(call::env_create(w.account, w.empty, w.space, w.table, FrameNumber{frame}, abi::any_frame),
                   "area beyond memory");
    expect_refused(rt::map(abi::no_slot, new_va(), FrameNumber{frame}, 1, abi::map_read, boot::account),
                   "map beyond memory");
  }
  for (const std::uint32_t leaf : {abi::leaves_per_table, abi::leaves_per_table + 1, 0xffff'ffffu})
    expect_refused(call::table_grow(w.table, leaf, w.account, abi::any_frame), "leaf outside");
  for (const std::uint32_t index : {256u, 257u, 511u, 512u, 0xffff'ffffu})
    expect_refused(call::space_link(abi::no_slot, index, w.space), "link of a kernel slot");
  for (const std::uint32_t index : {abi::slices_per_cpu * abi::max_cpus, 0xffff'ffffu})
    expect_refused(call::slice_bind(boot::slices, index, boot::self), "slice outside");
  const auto slices = must(rt::read_cap(boot::slices));
  expect_refused(call::slice_bind(boot::slices, static_cast<std::uint32_t>(slices.count), boot::self),
                 "slice just outside");
  for (const std::uint64_t count : {0ull, 65ull, 1ull << 32, ~0ull})
    expect_refused(call::space_update(abi::no_slot, w.memory.words(), count), "op count");
  expect_error(call::table_grow(w.table, 7, w.account, FrameNumber{1ull << 40}), Error::out_of_range, "leaf beyond memory");
  expect_error(call::object_destroy(boot::console), Error::wrong_kind, "end of a device");
  // base and count mean nothing for these kinds.
  expect_error(call::cap_derive(w.account, w.empty, abi::all_rights, 1, 0), Error::bad_argument, "base of an account");
  expect_error(call::cap_derive(w.space, w.empty, abi::all_rights, 0, 1), Error::bad_argument, "count of a space");
  for (const auto& [base, count] :
       {std::pair{~0ull, 2ull}, {1ull << 63, 1ull << 63}, {0ull, ~0ull}, {w.frame.raw() + 0ull, ~0ull}})
    expect_refused(call::cap_derive(w.frames, w.empty, abi::all_rights, base, count), "wrapping range");
  for (const auto& [base, count] : {std::pair{~0ull, 2ull}, {4096ull, 1ull}, {0ull, 4097ull}, {63ull, ~0ull}})
    expect_refused(call::cap_derive(boot::slices, w.empty, abi::all_rights, base, count), "slices outside");
  for (const std::uint32_t rights : {1u << 16, 0x1'ffffu, 0x8000'0000u, 0xffff'ffffu})
    expect_error(call::cap_derive(w.account, w.empty, rights, 0, 0), Error::bad_argument, "rights beyond 16 bits");
  expect_refused(rt::create_account(boot::account, w.empty, rt::frames_only(~0ull)), "limit");
  expect_refused(rt::create_account(boot::account, w.empty, rt::frames_only(1ull << 63)), "limit");
  expect_refused(
      rt::create_account(boot::account, w.empty, rt::frames_only(rt::limit_of(account, abi::Resource::frames) - rt::use_of(account, abi::Resource::frames))),
      "limit and its own frame");
  expect_error(rt::read_cap(w.empty), Error::empty_slot, "nothing was made");
  expect_same_account(account, boot::account, "numbers out of range");
}

// Operations of space_update with one field wrong.
void bad_operations(World& w) {
  const std::uint64_t va = new_va(4);
  must(rt::map_new(abi::no_slot, va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  must(rt::unmap(abi::no_slot, va, 1));
  const auto account = must(rt::read_account(boot::account));
  const auto one = [&](abi::SpaceOp op, std::string_view what, Where at = here()) {
    const rt::RawAnswer answer = call::space_update.raw(abi::no_slot, &op, 1);
    expect(answer.error != 0 && answer.code() != Error::again, base::Text<100>{"{} got {}", what, answer.code()}.view(),
           at);
    expect_equal(answer.value, 0ull, base::Text<100>{"{} progress", what}.view(), at);
    if (op.reserved == 0) {
      const rt::RawAnswer in_registers =
          call::page_update.raw(abi::no_slot, std::to_underlying(op.verb) | std::uint64_t{op.flags} << 32, op.authority,
                                Va{op.address}, op.pages, op.frame);
      const bool refused_as_address = op.address > abi::user_end && in_registers.code() == Error::bad_address;
      expect(refused_as_address || in_registers.code() == answer.code(), base::Text<100>{"{} by page_update", what}.view(), at);
      expect_equal(in_registers.value, 0ull, base::Text<100>{"{} progress", what}.view(), at);
    }
    expect_same_account(account, boot::account, what, at);
  };
  const abi::SpaceOp good = rt::map_op(va, w.memory.frame, 1, abi::map_read, boot::account);
  const auto with = [&](auto change) { abi::SpaceOp op = good; change(op); return op; };
  for (const std::uint32_t verb : {0u, 9u, 10u, 0x7fff'ffffu, 0xffff'ffffu, 0x101u})
    one(with([&](auto& o) { o.verb = static_cast<abi::SpaceVerb>(verb); }), "unknown verb");
  for (std::uint32_t bit = 0; bit < 32; ++bit)
    if ((abi::map_all_flags >> bit & 1) == 0) one(with([&](auto& o) { o.flags |= 1u << bit; }), "unknown flag");
  for (std::uint32_t bit = 0; bit < 32; ++bit) one(with([&](auto& o) { o.reserved = 1u << bit; }), "reserved");
  for (const std::uint64_t address :
       {va + 1, va + 8, va + 4095, abi::user_end, abi::user_end - 1, 0x8000'0000'0000ul, abi::window_base,
        0xffff'8040'2010'0000ul, 0xffff'ffff'8000'0000ul, 0xffff'ffff'ffff'f000ul, 1ul << 63})
    one(with([&](auto& o) { o.address = address; }), "address");
  for (const std::uint64_t pages : {0ul, 1ul << 36, 1ul << 51, 1ul << 52, (1ul << 52) + 1, 1ul << 63, ~0ul})
    for (const abi::SpaceVerb verb :
         {abi::SpaceVerb::map, abi::SpaceVerb::map_new, abi::SpaceVerb::unmap, abi::SpaceVerb::protect,
          abi::SpaceVerb::copy, abi::SpaceVerb::clone, abi::SpaceVerb::move})
      one(with([&](auto& o) {
            o.pages = pages;
            o.verb = verb;
            if (verb == abi::SpaceVerb::clone) o.authority = w.space;
          }),
          "pages");
  one(with([&](auto& o) { o.address = abi::user_end - page_size; o.pages = 2; }), "over the end of user space");
  // Authorities that do not fit the verb.
  for (const CapSlot authority : {abi::no_slot, w.empty, boot::space, boot::console, w.env, CapSlot{0xffff'ffff}})
    for (const abi::SpaceVerb verb : {abi::SpaceVerb::map, abi::SpaceVerb::map_new})
      one(with([&](auto& o) {
            o.authority = authority;
            o.verb = verb;
            if (verb == abi::SpaceVerb::map_new) o.frame = ~0ull;
          }),
          "authority");
  one(with([&](auto& o) { o.authority = w.account; }), "another account's frame");
  one(rt::clone_op(va, 1, abi::map_read, boot::account), "clone of an account");
  one(rt::clone_op(va, 1, abi::map_read, w.space), "clone of another account's space");
  for (const std::uint64_t from :
       {va + 1, abi::user_end, 0x8000'0000'0000ul, abi::window_base, ~0xffful, abi::user_end - page_size})
    one(rt::move_op(va, from, 2), "move from");
  one(rt::move_op(va, va + page_size, 2), "overlapping move");
  one(rt::move_op(va, va, 1), "move onto itself");
  one(rt::map_op(va, w.memory.frame, 1, abi::map_read | abi::map_owned, w.frames), "owned under a frames capability");
  // In another account's space the frame cannot be owned.
  const abi::SpaceOp foreign_owned = rt::map_op(va, w.memory.frame, 1, abi::map_read | abi::map_owned, boot::account);
  expect(call::space_update.raw(w.space, &foreign_owned, 1).error != 0, "owned in another account's space");
  expect_equal(rt::own_entry(va), 0ull, "nothing was mapped");
  w.memory.word() = 1;  // and the page is still ours
}

// Every number that is not a call is foreign; without an entry that is #UD, never an Aegis call.
void numbers() {
  for (const std::uint64_t rax : std::initializer_list<std::uint64_t>{
           abi::call_base + abi::call_count, abi::call_base - 1, abi::call_base | 1ull << 32, ~0ull, 0,
           abi::call_base + (1ull << 31), 0xffff'ffff'0000'0000 | abi::call_base})
    expect_fault([=] { rt::raw_syscall(rax); }, exception::invalid_opcode, 0, "not a call");
}

}  // namespace
}  // namespace arguments

std::uint64_t program(const guest::boot::Facts& facts) {
  using namespace arguments;
  begin(facts);
  World world;
  numbers();
  every_call(world);
  out_of_range(world);
  bad_operations(world);
  memory_states(world);
  authority_states(world);
  revocation_states(world);
  control_states(world);
  transfer_states(world);
  program_states(world);
  answers.check_all_seen();
  finish();
}
