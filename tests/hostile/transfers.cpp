// SPDX-License-Identifier: MIT
// Attacks on protected control transfers: slots that are no entries, callees that end or are stopped meanwhile, stale callers,
// and what one end might see of the other's registers. Each on both ways through the kernel: the quick one, and the general
// one, which a traced event asks for.
#include "libos/rt/transfer.hpp"
#include "tests/hostile/attack.hpp"
#include "tests/kernel/insight.hpp"

using namespace attack;

namespace {

constexpr std::uint64_t secret = 0x5ec4'e75e'c4e7'5ec4;

struct Service {
  Domain domain;
  CapSlot entry;
};

// In the domain, with words of the mailbox: 0 how often it was called, 1 residues seen.
void serves(std::uint64_t handler) { rt::halt(100 + static_cast<std::uint64_t>(rt::serve(reinterpret_cast<rt::RequestHandler>(handler)))); }
Service make_service(rt::RequestHandler handler, std::uint64_t badge = 7) {
  Service s{.domain = make_domain(), .entry = new_slot()};
  must(call::pct_entry(s.domain.env, s.entry, Va{reinterpret_cast<std::uint64_t>(&rt::rt_transfer_entry)}, badge));
  start(s.domain, serves, reinterpret_cast<std::uint64_t>(handler));
  expect_equal(run(s.domain).state, abi::RunState::accepting, "it accepts");
  return s;
}
void end(Service& s) {
  destroy(s.domain);
  must(rt::drop(s.entry));
}

rt::Answer echoes(rt::Request&) {
  volatile std::uint64_t& count = domain::own_mailbox().words[0];
  count = count + 1;
  return {.status = 99};
}

void forged_slots() {
  Service s = make_service(echoes);
  const CapSlot weak = new_slot(), empty = new_slot();
  must(call::cap_derive(s.entry, weak, abi::right_grant, 0, 0));
  rt::Message m{};
  for (const std::uint32_t slot : slots_outside) expect_error(rt::transfer_call(CapSlot{slot}, m), Error::bad_slot, "a slot outside");
  expect_error(rt::transfer_call(abi::no_slot, m), Error::bad_slot);
  expect_error(rt::transfer_call(empty, m), Error::empty_slot);
  expect_error(rt::transfer_call(s.domain.env, m), Error::wrong_kind, "the env itself is no entry");
  expect_error(rt::transfer_call(boot::table, m), Error::wrong_kind);
  expect_error(rt::transfer_call(weak, m), Error::missing_right);
  const auto raw = [](std::uint64_t slot, std::uint64_t transfer) {
    const std::array<std::uint64_t, 6> arguments{slot, transfer, 0, 0, 0, 0};
    return static_cast<Error>(any_call(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_call), arguments.data()).error);
  };
  expect_equal(raw(std::uint64_t{1} << 32 | s.entry.raw(), 0), Error::bad_argument, "bits above the slot");
  expect_equal(raw(~std::uint64_t{0}, 0), Error::bad_argument);
  expect_equal(raw(s.entry.raw(), std::uint64_t{1} << 48), Error::bad_argument, "bits above the transfer");
  expect_equal(raw(s.entry.raw(), std::uint64_t{1} << 32), Error::bad_argument, "rights of nothing");
  expect_equal(s.domain.mailbox->words[0], 0ull, "nobody was called by all that");
  expect_ok(rt::transfer_call(s.entry, m));
  must(rt::drop(weak));
  end(s);
}

// An entry to oneself: one runs, so one does not accept.
void self_transfer() {
  const CapSlot own = new_slot();
  must(call::pct_entry(boot::self, own, Va{reinterpret_cast<std::uint64_t>(&rt::rt_transfer_entry)}, 0));
  rt::Message m{};
  expect_error(rt::transfer_call(own, m), Error::would_block, "to oneself");
  expect_error(rt::transfer_send(own, m), Error::would_block, "to oneself");
  must(rt::drop(own));
}

void ended_callees() {
  Service s = make_service(echoes);
  rt::Message m{};
  expect_ok(rt::transfer_call(s.entry, m));
  must(rt::until_done([&] { return call::env_stop(s.domain.env); }));
  expect_error(rt::transfer_call(s.entry, m), Error::would_block, "stopped");
  must(call::env_resume(s.domain.env));
  expect_equal(run(s.domain).state, abi::RunState::accepting, "it accepts again");
  expect_ok(rt::transfer_call(s.entry, m));
  expect_error(call::object_destroy(s.domain.space), Error::busy, "its space stays as long as it does");
  must(rt::destroy_and_drop(s.domain.env));
  expect_error(rt::transfer_call(s.entry, m), Error::stale, "destroyed");
  // Its frame is another object's, and then plain memory with what looks like an env in it.
  s.domain.env = new_slot();
  must(call::env_create(s.domain.account, s.domain.env, s.domain.space, s.domain.table, s.domain.area_frame, abi::any_frame));
  expect_error(rt::transfer_call(s.entry, m), Error::stale, "another env in its place");
  const FrameNumber frame{must(rt::read_cap(s.domain.env)).object};
  must(rt::destroy_and_drop(s.domain.env));
  const std::uint64_t va = new_va();
  must(rt::update(abi::no_slot, std::array{rt::map_new_op(va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account, frame)}));
  for (std::uint64_t at = va; at < va + page_size; at += 4)
    *reinterpret_cast<volatile std::uint32_t*>(at) = static_cast<std::uint32_t>(abi::RunState::accepting);
  expect_error(rt::transfer_call(s.entry, m), Error::stale, "a forged env");
  must(rt::unmap(abi::no_slot, va, 1));
  s.domain.env = new_slot();
  must(call::env_create(s.domain.account, s.domain.env, s.domain.space, s.domain.table, s.domain.area_frame, abi::any_frame));
  end(s);
}

// --- replies that answer nobody ------------------------------------------------------------------------------------
// It answers, and answers once more: that only accepts.
extern "C" void hostile_replies_twice();
extern "C" [[gnu::naked]] void hostile_replies_twice() {
  asm volatile(
      "1: mov %[reply], %%eax\n mov $1, %%edi\n xor %%esi, %%esi\n syscall\n"
      "mov %[reply], %%eax\n mov $2, %%edi\n xor %%esi, %%esi\n syscall\n"
      "jmp 1b\n" : : [reply] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_reply)));
}
void replies_twice(std::uint64_t) { hostile_replies_twice(); }

void double_replies() {
  Thread t = make_thread();
  const CapSlot entry = new_slot();
  must(call::pct_entry(t.env, entry, Va{reinterpret_cast<std::uint64_t>(&hostile_replies_twice)}, 0));
  start(t, replies_twice);
  expect_equal(run(t.env).state, abi::RunState::accepting);
  for (int i = 0; i < 10; ++i) {
    rt::Message m{};
    const auto reply = must(rt::transfer_call(entry, m));
    expect_equal(reply.status, 1ull, "the first of its answers");
  }
  destroy(t);
  must(rt::drop(entry));
}

CapSlot shared_entry;
volatile std::uint64_t caller_state;
void calls_once(std::uint64_t) {
  rt::Message m{};
  const auto reply = rt::transfer_call(shared_entry, m);
  caller_state = reply.has_value() ? 1000 : static_cast<std::uint64_t>(reply.error());
  rt::halt(0);
}
rt::Answer gives_time_away(rt::Request&) {
  static_cast<void>(call::env_yield(abi::no_slot));
  return {.status = 5};
}

// The caller is stopped, started anew or destroyed while its call is open: the reply is nobody's.
void stale_callers() {
  Service s = make_service(gives_time_away);
  shared_entry = s.entry;
  for (int how = 0; how < 3; ++how) {
    Thread t = make_thread();
    caller_state = 0;
    start(t, calls_once);
    for (int i = 0; i < 50 && must(rt::read_env(t.env)).state != abi::RunState::calling; ++i) static_cast<void>(call::env_yield(t.env));
    expect_equal(must(rt::read_env(t.env)).state, abi::RunState::calling, "its call is open");
    if (how < 2) must(call::env_stop(t.env));
    if (how == 0) must(call::env_resume(t.env));
    if (how == 1) start(t, calls_once);
    if (how == 2) must(rt::destroy_and_drop(t.env));
    expect_equal(run(s.domain).state, abi::RunState::accepting, "the callee answered nobody and accepts");
    if (how == 2) {
      must(rt::unmap(abi::no_slot, t.stack_top - 4 * page_size, 4));
      continue;
    }
    for (int i = 0; i < 50 && must(rt::read_env(t.env)).state != abi::RunState::halted; ++i) {
      static_cast<void>(call::env_yield(t.env));
      static_cast<void>(run(s.domain));
    }
    expect_equal(std::uint64_t{caller_state}, how == 0 ? static_cast<std::uint64_t>(Error::stale) : 1000ull, "how its call ended");
    destroy(t);
  }
  end(s);
}

// --- residue -------------------------------------------------------------------------------------------------------
struct alignas(64) Unit {
  std::uint64_t words[16][4];  // xmm or the whole ymm
};
[[nodiscard]] bool avx() {
  std::uint32_t eax = 1, ebx = 0, ecx = 0, edx = 0;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
  return (ecx >> 28 & 1) != 0;
}
#define EACH_REGISTER(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
void fill_unit(std::uint64_t value) {
  const std::uint64_t four[4]{value, value, value, value};
#define FILL(n) \
  if (avx()) asm volatile("vmovdqu %0, %%ymm" #n : : "m"(four)); \
  else asm volatile("movdqu %0, %%xmm" #n : : "m"(four));
  EACH_REGISTER(FILL)
#undef FILL
}
[[nodiscard]] Unit read_unit() {
  Unit unit{};
#define READ(n) \
  if (avx()) asm volatile("vmovdqu %%ymm" #n ", %0" : "=m"(unit.words[n])); \
  else asm volatile("movdqu %%xmm" #n ", %0" : "=m"(unit.words[n]));
  EACH_REGISTER(READ)
#undef READ
  return unit;
}
[[nodiscard]] bool unit_holds(std::uint64_t value) {
  const Unit unit = read_unit();
  for (const auto& r : unit.words)
    for (std::size_t i = 0; i < (avx() ? 4u : 2u); ++i)
      if (r[i] != value) return false;
  return true;
}

// The service keeps a value of its own in every vector register, and in both bases what it was started with.
rt::Answer keeps_its_unit(rt::Request& request) {
  volatile std::uint64_t* words = const_cast<volatile std::uint64_t*>(domain::own_mailbox().words.data());
  std::uint64_t fs = 0, gs = 0;
  asm volatile("rdfsbase %0\n rdgsbase %1" : "=r"(fs), "=r"(gs));
  if (words[0] != 0 && !unit_holds(words[0])) words[1] = words[1] + 1;
  if (words[0] == 0 && !unit_holds(0)) words[1] = words[1] + 1;
  if (fs != 0 || gs != domain::area) words[2] = words[2] + 1;
  words[0] = words[0] + 0x1111;
  fill_unit(words[0]);
  for (std::uint64_t& word : request.message) word = ~word;
  return {.status = secret};
}

void vector_and_bases() {
  Service s = make_service(keeps_its_unit);
  std::uint64_t own_gs = 0;
  asm volatile("rdgsbase %0" : "=r"(own_gs));
  for (std::uint64_t round = 0; round < 100; ++round) {
    fill_unit(secret + round);
    asm volatile("wrfsbase %0" : : "r"(0x7000'0000 + round * 64));
    rt::Message m{};
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = secret * round + i;
    const auto reply = must(rt::transfer_call(s.entry, m));
    expect(unit_holds(secret + round), "our vector registers");
    std::uint64_t fs = 0, gs = 0;
    asm volatile("rdfsbase %0\n rdgsbase %1" : "=r"(fs), "=r"(gs));
    expect_equal(fs, 0x7000'0000 + round * 64, "our fs base");
    expect_equal(gs, own_gs, "our gs base");
    expect_equal(reply.status, secret);
    for (std::size_t i = 0; i < m.size(); ++i) expect_equal(m[i], ~(secret * round + i), "word");
  }
  asm volatile("wrfsbase %0" : : "r"(std::uint64_t{0}));
  expect_equal(s.domain.mailbox->words[1], 0ull, "the callee saw our vector registers");
  expect_equal(s.domain.mailbox->words[2], 0ull, "the callee saw our segment bases");
  end(s);
}

// What registers hold at the callee's first instruction, and at ours behind the call: nothing that is not the message's, the
// badge, the status, or one's own.
struct Seen {
  std::uint64_t rax, rcx, rsi, rdi, r11;
};
Seen at_callee;
extern "C" void hostile_looks();
extern "C" [[gnu::naked]] void hostile_looks() {
  asm volatile(
      "mov %%rax, %[rax]\n mov %%rcx, %[rcx]\n mov %%rsi, %[rsi]\n mov %%rdi, %[rdi]\n mov %%r11, %[r11]\n"
      "mov $77, %%edi\n xor %%esi, %%esi\n mov %[reply], %%eax\n syscall\n jmp hostile_looks\n"
      : [rax] "=m"(at_callee.rax), [rcx] "=m"(at_callee.rcx), [rsi] "=m"(at_callee.rsi), [rdi] "=m"(at_callee.rdi), [r11] "=m"(at_callee.r11)
      : [reply] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_reply)));
}
void looks(std::uint64_t) {
  asm volatile("xor %%edi, %%edi\n xor %%esi, %%esi\n mov %0, %%eax\n syscall\n jmp hostile_looks"
               : : "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_reply)) : "memory");
}

void register_residue() {
  Thread t = make_thread();
  const CapSlot entry = new_slot();
  const auto code = reinterpret_cast<std::uint64_t>(&hostile_looks);
  must(call::pct_entry(t.env, entry, Va{code}, 5));
  start(t, looks);
  expect_equal(run(t.env).state, abi::RunState::accepting);
  for (int i = 0; i < 3; ++i) {
    std::uint64_t rax = abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_call), rdi = entry.raw(), rsi = 0, rcx = secret;
    asm volatile("mov %[secret], %%r11\n syscall\n"
                 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+c"(rcx)
                 : [secret] "r"(secret) : "rdx", "r8", "r9", "r10", "r11", "memory");
    expect_equal(rax, 0ull, "rax: no error");
    expect_equal(rdi, 77ull, "rdi: the status");
    expect_equal(rsi, 0ull, "rsi: nothing came along");
    expect_equal(at_callee.rax, 0ull, "the callee's rax");
    expect_equal(at_callee.rdi, 5ull, "its rdi: the badge");
    expect_equal(at_callee.rsi, 0ull, "its rsi");
    expect_equal(at_callee.rcx, code, "its rcx: where it is");
    expect_equal(at_callee.r11, 0x202ull, "its r11: its flags");
  }
  destroy(t);
  must(rt::drop(entry));
}

// The callee has secrets in all registers of the message and ends without a reply: none of them is in ours.
extern "C" void hostile_dies_with_secrets();
extern "C" [[gnu::naked]] void hostile_dies_with_secrets() {
  asm volatile(
      "movabs %[secret], %%rdx\n mov %%rdx, %%r10\n mov %%rdx, %%r8\n mov %%rdx, %%r9\n mov %%rdx, %%rbx\n mov %%rdx, %%rbp\n"
      "mov %%rdx, %%r12\n mov %%rdx, %%r13\n mov %%rdx, %%r14\n mov %%rdx, %%r15\n mov %%rdx, %%rdi\n mov %%rdx, %%rsi\n"
      "mov %[halt], %%eax\n syscall\n ud2\n"
      : : [halt] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::env_halt)), [secret] "i"(secret));
}
void accepts_once(std::uint64_t) {
  asm volatile("xor %%edi, %%edi\n xor %%esi, %%esi\n mov %0, %%eax\n syscall\n ud2"
               : : "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_reply)) : "memory");
}
// rdi the entry, rsi where all registers go that the call leaves. Returns its error.
extern "C" std::uint64_t hostile_calls_and_stores(std::uint64_t entry, std::uint64_t* registers);
extern "C" [[gnu::naked]] std::uint64_t hostile_calls_and_stores(std::uint64_t, std::uint64_t*) {
  asm volatile(
      "push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n push %%rsi\n"
      "xor %%esi, %%esi\n mov %[call], %%eax\n syscall\n"
      "xchg %%rsi, (%%rsp)\n"
      "mov %%rdx, (%%rsi)\n mov %%r10, 8(%%rsi)\n mov %%r8, 16(%%rsi)\n mov %%r9, 24(%%rsi)\n mov %%rbx, 32(%%rsi)\n"
      "mov %%rbp, 40(%%rsi)\n mov %%r12, 48(%%rsi)\n mov %%r13, 56(%%rsi)\n mov %%r14, 64(%%rsi)\n mov %%r15, 72(%%rsi)\n"
      "mov %%rdi, 80(%%rsi)\n mov %%rcx, 88(%%rsi)\n mov %%r11, 96(%%rsi)\n pop 104(%%rsi)\n"
      "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n ret\n"
      : : [call] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_call)));
}

void residue_of_a_call_without_a_reply() {
  for (int i = 0; i < 3; ++i) {
    Domain d = make_domain();
    const CapSlot entry = new_slot();
    must(call::pct_entry(d.env, entry, Va{reinterpret_cast<std::uint64_t>(&hostile_dies_with_secrets)}, 0));
    start(d, accepts_once);
    expect_equal(run(d).state, abi::RunState::accepting, "it accepts");
    std::array<std::uint64_t, 14> registers{};
    expect_equal(static_cast<Error>(hostile_calls_and_stores(entry.raw(), registers.data())), Error::stale, "it has ended");
    for (std::size_t r = 0; r < registers.size(); ++r)
      expect(registers[r] != secret, base::Text<60>{"register {} of a call without a reply", r}.view());
    destroy(d);
    must(rt::drop(entry));
  }
}

// Flags of the caller's choice come back to it and do not go to the callee; with TF it traps behind the call, not in it.
std::uint64_t flags_after;
void odd_flags() {
  Service s = make_service(echoes);
  const auto number = abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_call);
  std::uint64_t error = 1;
  asm volatile(
      "push %%rbx\n push %%rbp\n pushfq\n orq $0x244cd5, (%%rsp)\n popfq\n syscall\n pushfq\n pop %[flags]\n push $0x202\n popfq\n"
      "pop %%rbp\n pop %%rbx\n"
      : "=a"(error), [flags] "=m"(flags_after)
      : "a"(number), "D"(std::uint64_t{s.entry.raw()}), "S"(std::uint64_t{0})
      : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
  expect_equal(error, 0ull, "a call with odd flags");
  expect_equal(flags_after & 0x244cd5, 0x244cd5ull, "AC, NT, DF, ID and the arithmetic ones are as they were");
  const auto stepped = catch_fault([&] {
    asm volatile("push %%rbx\n push %%rbp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n syscall\n nop\n pop %%rbp\n pop %%rbx\n"
                 : : "a"(number), "D"(std::uint64_t{s.entry.raw()}), "S"(std::uint64_t{0})
                 : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
  });
  expect(stepped && stepped->vector == exception::debug, "single-stepped");
  rt::Message m{};
  expect_ok(rt::transfer_call(s.entry, m), "the service still answers");
  end(s);
}

// What the two envs were charged is the time that has passed, to the nanosecond, however often it went to and fro.
// With -icount a nanosecond is an instruction.
void exact_time(std::uint64_t transfers) {
  Service s = make_service(echoes);
  const volatile abi::EnvInfo &mine = env_info(boot::self), &its = env_info(s.domain.env);
  rt::Message m{};
  const auto charged = [&] { return mine.run_ns + its.run_ns; };
  std::uint64_t from = 0, to = 0, began = 0, ended = 0;
  const std::uint64_t account_before = must(rt::read_account(s.domain.account)).run_ns, its_before = its.run_ns;
  must(rt::transfer_call(s.entry, m));
  began = now_ns(), from = charged();
  for (std::uint64_t i = 0; i < transfers; ++i) must(rt::transfer_call(s.entry, m));
  to = charged(), ended = now_ns();
  // Of the stay that goes on nothing is charged yet: what lies between the last reply and the reading, at both ends.
  constexpr std::uint64_t reading = 1'000;
  const std::uint64_t passed = ended - began, sum = to - from;
  expect(sum <= passed + reading && passed <= sum + reading, base::Text<100>{"{} ns passed, {} were charged", passed, sum}.view());
  expect_equal(must(rt::read_account(s.domain.account)).run_ns - account_before, its.run_ns - its_before, "its account's time is its own");
  expect_equal(std::uint64_t{its.transfers}, transfers + 1, "its replies were counted");
  end(s);
}

// --- two processors ------------------------------------------------------------------------------------------------
volatile std::uint64_t answered, refused, wrong;
rt::Answer adds(rt::Request& request) {
  for (std::uint64_t& word : request.message) word += request.badge;
  return {.status = request.badge};
}
void calls_for_ever(std::uint64_t) {
  for (std::uint64_t round = 1;; ++round) {
    rt::Message m;
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = round * i;
    const auto reply = rt::transfer_call(shared_entry, m);
    if (!reply.has_value()) {
      refused = refused + 1;
      if (reply.error() != Error::would_block && reply.error() != Error::stale && reply.error() != Error::empty_slot) wrong = wrong + 1;
      continue;
    }
    for (std::size_t i = 0; i < m.size(); ++i)
      if (m[i] != round * i + 7 || reply->status != 7) wrong = wrong + 1;
    answered = answered + 1;
  }
}
// While nobody calls it, the service has no time but what is given to it here.
void wait_for_an_answer(CapSlot service) {
  const std::uint64_t then = answered;
  while (answered == then) static_cast<void>(call::env_yield(service));
}

// The client calls from the second processor; from here both ends are stopped, started anew and ended at any moment.
void races() {
  Service s = make_service(adds);
  shared_entry = s.entry;
  Thread client = make_thread();
  start(client, calls_for_ever);
  bind_all(1, client.env);
  Random random{99};
  for (int round = 0; round < 80; ++round) {
    wait_for_an_answer(s.domain.env);
    for (std::uint64_t i = random.below(500); i > 0; --i) asm volatile("pause");
    switch (random.below(4)) {
      case 0:
        must(rt::until_done([&] { return call::env_stop(s.domain.env); }));
        must(call::env_resume(s.domain.env));
        break;
      case 1:
        must(rt::until_done([&] { return call::env_stop(client.env); }));
        must(call::env_resume(client.env));
        break;
      case 2:
        must(rt::until_done([&] { return call::env_stop(client.env); }));
        start(client, calls_for_ever);
        break;
      default:
        must(rt::destroy_and_drop(s.domain.env));
        must(call::env_create(s.domain.account, s.domain.env, s.domain.space, s.domain.table, s.domain.area_frame, abi::any_frame));
        must(rt::drop(s.entry));
        must(call::pct_entry(s.domain.env, s.entry, Va{reinterpret_cast<std::uint64_t>(&rt::rt_transfer_entry)}, 7));
        start(s.domain, serves, reinterpret_cast<std::uint64_t>(&adds));
        break;
    }
  }
  expect_equal(std::uint64_t{wrong}, 0ull, "answers and errors");
  rt::log("{} calls answered, {} refused", std::uint64_t{answered}, std::uint64_t{refused});
  bind_all(1, abi::no_slot);
  must(rt::until_done([&] { return call::env_stop(client.env); }));
  destroy(client);
  end(s);
}

void all(std::uint64_t timed) {
  forged_slots();
  self_transfer();
  ended_callees();
  double_replies();
  stale_callers();
  vector_and_bases();
  register_residue();
  residue_of_a_call_without_a_reply();
  odd_flags();
  if (system_info().cpus == 1) exact_time(timed);
  else races();
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  all(100'000);
  must(call::trace_set(boot::machine, abi::trace_bit(abi::TraceEvent::transfer)));
  all(10'000);
  finish();
}
