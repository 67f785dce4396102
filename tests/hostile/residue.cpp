// SPDX-License-Identifier: MIT
// Nothing of one owner is left for the next: freed frames, frames of ended objects, private copies, registers and
// vector state of new envs, the value registers of failed calls.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

[[nodiscard]] bool frame_is_zero(FrameNumber f) {
  const std::uint64_t va = new_va();
  must(rt::map(abi::no_slot, va, f, 1, abi::map_read, boot::account));
  bool zero = true;
  for (std::uint64_t i = 0; i < page_size; i += 8) zero &= load(va + i) == 0;
  must(rt::unmap(abi::no_slot, va, 1));
  return zero;
}

// Takes the very frame again and looks.
void expect_clean(FrameNumber f, std::string_view what, Where at = here()) {
  if (!expect_ok(call::frame_alloc(boot::account, f, 1, 0, 0), what, at)) return;
  expect(frame_is_zero(f), base::Text<80>{"{}: not zero for the next owner", what}.view(), at);
  must(call::frame_free(boot::account, f, 1));
}

void freed_frames() {
  const Page page = new_page();
  for (std::size_t i = 0; i < page_size / 8; ++i) page.words()[i] = 0x5ec4'e7;
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
  expect_fault([&] { load(page.va); }, exception::page_fault, page.va, "the old mapping");
  expect_clean(page.frame, "freed frame");
  // Through map_owned and unmap.
  const std::uint64_t va = new_va();
  must(rt::map_new(abi::no_slot, va, 1, read_write | abi::map_owned, boot::account));
  const FrameNumber f{(rt::own_entry(va) & abi::pte_frame_mask) >> abi::page_bits};
  store(va + 2048, 77);
  must(rt::unmap(abi::no_slot, va, 1));
  expect_clean(f, "owned frame");
  must(rt::update(abi::no_slot, std::array{rt::map_new_op(va, 1, read_write | abi::map_owned, boot::account, f)}));
  expect_equal(load(va + 2048), 0ull, "map_new of a used frame");
  must(rt::unmap(abi::no_slot, va, 1));
}

// A page at a time takes the lowest free frame: the one that was just given back full of secrets. By the short way for one
// page of the own space, and by the long one for a list.
void pages_mapped_anew() {
  const std::uint64_t va = new_va(2);
  for (int round = 0; round < 20; ++round) {
    const auto page = [&](std::uint64_t at) { return rt::map_new_op(at, 1, read_write | abi::map_owned, boot::account); };
    if (round % 2 == 0) must(rt::update(abi::no_slot, std::array{page(va)}));
    else must(rt::update(abi::no_slot, std::array{page(va), page(va + page_size)}));
    const std::uint64_t end = va + (round % 2 == 0 ? 1 : 2) * page_size;
    for (std::uint64_t at = va; at < end; at += 8) {
      if (load(at) != 0) return fail(here(), base::Text<80>{"a new page holds {:#x}", load(at)}.view());
      store(at, 0x5ec4'e7);
    }
    must(rt::unmap(abi::no_slot, va, 2));
  }
}

void ended_objects() {
  const CapSlot account = new_slot(), space = new_slot(), table = new_slot();
  must(rt::create_account(boot::account, account, rt::frames_only(8)));
  must(call::space_create(boot::account, space, abi::any_frame));
  must(call::table_create(boot::account, table, abi::any_frame));
  Thread t = make_thread();
  start(t, [](std::uint64_t) { rt::halt(0x5ec4e7); });
  expect_equal(run(t.env).state, abi::RunState::halted);
  const auto object = [](CapSlot slot) { return FrameNumber{must(rt::read_cap(slot)).object}; };
  const std::array frames{object(account), object(space), object(table), object(t.env)};
  must(rt::destroy_and_drop(account));
  must(rt::destroy_and_drop(space));
  must(rt::destroy_and_drop(table));
  destroy(t);
  for (const FrameNumber f : frames) expect_clean(f, "frame of an ended object");
}

// A whole domain with a secret everywhere; afterwards no free frame of the machine holds it.
constexpr std::uint64_t secret = 0xfeed'5ec4'e7fe'ed00;

void spreads_secret(std::uint64_t) {
  const std::uint64_t va = new_va(64);
  must(rt::map_new(abi::no_slot, va, 64, read_write | abi::map_owned, boot::account));
  for (std::uint64_t at = va; at < va + 64 * page_size; at += 8) store(at, secret);
  asm volatile("mov %0, %%rbx; mov %0, %%r12; movq %0, %%xmm3" : : "r"(secret) : "rbx", "r12");
  rt::halt(0);
}

void ended_domain() {
  Domain d = make_domain();
  run_body(d, spreads_secret);
  destroy(d);
  std::array<FrameNumber, 64> runs{};
  std::size_t count = 0;
  std::uint64_t looked = 0;
  for (std::uint64_t run = 512; run >= 64; run /= 2) {
    while (count < runs.size()) {
      const auto first = call::frame_alloc(boot::account, abi::any_frame, run, 0, 0);
      if (!first) break;
      runs[count++] = FrameNumber{*first};
      const std::uint64_t va = new_va(run);
      if (!rt::map(abi::no_slot, va, FrameNumber{*first}, run, abi::map_read, boot::account)) break;
      for (std::uint64_t at = va; at < va + run * page_size; at += 8)
        if (load(at) != 0) return fail(here(), base::Text<80>{"a new frame holds {:#x}", load(at)}.view());
      looked += run;
    }
  }
  expect(looked > 4096, "most of memory was looked at");
}

[[gnu::naked]] void store_registers(std::uint64_t) {
  // All registers as the env got them, into the page at rdi; then halt.
  asm volatile(
      "mov %%rax, (%%rdi)\n mov %%rbx, 8(%%rdi)\n mov %%rcx, 16(%%rdi)\n mov %%rdx, 24(%%rdi)\n mov %%rsi, 32(%%rdi)\n "
      "mov %%rbp, 40(%%rdi)\n"
      "mov %%r8, 48(%%rdi)\n mov %%r9, 56(%%rdi)\n mov %%r10, 64(%%rdi)\n mov %%r11, 72(%%rdi)\n mov %%r12, "
      "80(%%rdi)\n mov %%r13, 88(%%rdi)\n"
      "mov %%r14, 96(%%rdi)\n mov %%r15, 104(%%rdi)\n movdqu %%xmm3, 112(%%rdi)\n movdqu %%xmm15, 128(%%rdi)\n"
      "rdfsbase %%rax\n mov %%rax, 144(%%rdi)\n rdgsbase %%rax\n mov %%rax, 152(%%rdi)\n"
      "xor %%edi, %%edi\n mov %[halt], %%eax\n syscall\n ud2\n"
      :
      : [halt] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::env_halt)));
}

void new_env_registers() {
  const Page page = new_page();
  Thread t = make_thread();
  asm volatile("movq %0, %%xmm3; movq %0, %%xmm15" : : "r"(secret));
  must(call::env_start(t.env, Va{reinterpret_cast<std::uint64_t>(&store_registers)}, Va{t.stack_top}, page.va));
  expect_equal(run(t.env).state, abi::RunState::halted);
  for (std::size_t i = 0; i < 20; ++i) {
    if (i == 2 || i == 9) continue;  // rcx and r11: what sysret leaves, the env's own rip and flags
    expect_equal(page.words()[i], 0ull, base::Text<40>{"register {} of a new env", i}.view());
  }
  const std::uint64_t rcx = page.words()[2], r11 = page.words()[9];
  expect(rcx == 0 || rcx == reinterpret_cast<std::uint64_t>(&store_registers), "rcx");
  expect((r11 & ~0x202ull) == 0, "r11");
  destroy(t);
}

// Answers carry nothing but what they say.
void answers() {
  const std::array<rt::RawAnswer, 6> failed{call::frame_alloc.raw(CapSlot{61}, abi::any_frame, 1, 0, 0),
                                            call::env_read.raw(CapSlot{61}, Va{std::uint64_t{0x1000}}),
                                            call::console_read.raw(CapSlot{61}, Va{std::uint64_t{0x1000}}, 1),
                                            call::cap_read.raw(CapSlot{61}, Va{std::uint64_t{0x1000}}),
                                            call::object_destroy.raw(CapSlot{61}),
                                            call::machine_log.raw(CapSlot{61}, Va{std::uint64_t{0x1000}}, 1)};
  for (const rt::RawAnswer& a : failed) expect_equal(a.value, 0ull, "value of a failed call");
  expect_equal(call::nop.raw().value, 0ull, "value where there is none");
  expect_equal(call::env_wake.raw(boot::self).value, 0ull, "value where there is none");
  static_cast<void>(call::env_sleep(0, abi::no_slot));
  // Structures are written whole: no byte of the kernel's stack between the fields.
  abi::EnvState state{};
  abi::CapInfo info{};
  std::memset(&state, 0xee, sizeof state);
  std::memset(&info, 0xee, sizeof info);
  Thread t = make_thread();
  must(call::env_read(t.env, &state));
  must(call::cap_read(boot::account, &info));
  expect_equal(state.reserved, 0u, "reserved of EnvState");
  expect_equal(info.reserved, 0u, "reserved of CapInfo");
  destroy(t);
}

// Frames lent by capability and revoked: unreadable at once for the borrower.
constexpr CapSlot lent{20};

void borrows(std::uint64_t frame) {
  const std::uint64_t va = new_va();
  domain::own_mailbox().words[0] = va;
  must(rt::map(abi::no_slot, va, FrameNumber{frame}, 1, abi::map_read, lent));
  expect_equal(load(va), Canary::pattern(0), "borrowed");
  static_cast<void>(call::env_yield(abi::no_slot));
  static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
  expect_fault([=] { load(va); }, exception::page_fault, va, "after the revocation");
  expect_error(rt::map(abi::no_slot, va, FrameNumber{frame}, 1, abi::map_read, lent), Error::empty_slot,
               "mapped again");
  // What has an entry but no frame any more can be cleaned up.
  expect_ok(rt::unmap(abi::no_slot, va, 1));
}

void revoked_frames() {
  Domain d = make_domain();
  const Canary canary{new_page()};
  const CapSlot cap = new_slot();
  must(call::frame_cap(boot::account, cap, canary.page().frame, 1, abi::all_rights));
  must(call::cap_grant(cap, d.table, lent, bits(abi::FramesRight::read), 0, 0));
  start(d, borrows, canary.page().frame.raw());
  expect_equal(run(d).state, abi::RunState::sleeping, "it has borrowed");
  expect_equal(frame_info(canary.page().frame).maps, 2u, "mapped by both");
  must(rt::revoke(cap));
  expect_equal(frame_info(canary.page().frame).maps, 1u, "only by the owner");
  canary.check("the revocation");
  must(call::env_wake(d.env));
  const auto end = run(d);
  expect(end.state == abi::RunState::halted && end.code == 0, "the borrower went on");
  must(rt::drop(cap));
  must(rt::unmap(abi::no_slot, canary.page().va, 1));
  expect_ok(call::frame_free(boot::account, canary.page().frame, 1), "free again");
  destroy(d);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  freed_frames();
  pages_mapped_anew();
  ended_objects();
  new_env_registers();
  answers();
  revoked_frames();
  ended_domain();
  finish();
}
