// SPDX-License-Identifier: MIT
// The typed binding of libos/rt: a second env made, shared with, watched and ended through it alone; slots, addresses
// and ownership give back what they took. Wrong rights are tested in tests/nocompile.
#include "libos/rt/revocation.hpp"
#include "libos/rt/slots.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr rt::Account root{boot::account};
constexpr rt::Space own_space;

rt::SlotPool<8> slots{CapSlot{32}, root};  // above those that guest.hpp hands out here

std::uint64_t* words_at(std::uint64_t va) { return reinterpret_cast<std::uint64_t*>(va); }

// Runs in the other space: adds up what it was given, and halts with it.
[[gnu::naked]] void adds() {
  asm volatile(
      "mov (%%rdi), %%rax\n"
      "add 8(%%rdi), %%rax\n"
      "mov %%rax, 16(%%rdi)\n"
      "mov %%rax, %%rdi\n"
      "mov %[halt], %%eax\n"
      "syscall\n"
      "ud2\n"
      :
      : [halt] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::env_halt)));
}

rt::Status other_space() {
  const rt::Account account = TRY(root.create_account(TRY(slots.take()), rt::frames_only(64)));
  const rt::Space space = TRY(account.create_space(TRY(slots.take())));
  const rt::Table table = TRY(account.create_table(TRY(slots.take()), 2));
  const rt::FrameRun area = TRY(account.allocate());
  const rt::Env env = TRY(account.create_env(TRY(slots.take()), space, table, area.first));

  // The code by a frames capability, the data by the account that owns it.
  const auto code_va = reinterpret_cast<std::uint64_t>(&adds) & ~(page_size - 1);
  const rt::FrameRun code{FrameNumber{(rt::own_entry(code_va) & abi::pte_frame_mask) >> abi::page_bits}, 1};
  const auto code_cap =
      TRY((root.name_frames<abi::FramesRight::read, abi::FramesRight::execute>(TRY(slots.take()), code)));
  TRY_VOID(space.map(code_va, code, abi::map_read | abi::map_execute, code_cap));
  const rt::FrameRun data = TRY(account.allocate());
  const std::uint64_t data_va = new_va(), there = 0x5000'0000;
  TRY_VOID(own_space.map(data_va, data, read_write, account));
  TRY_VOID(space.map(there, data, read_write, account));
  words_at(data_va)[0] = 40;
  words_at(data_va)[1] = 2;

  TRY_VOID(env.start(rt::Va{&adds}, rt::Va{there + page_size}, there));
  for (int i = 0; i < 100 && env.yield_to().has_value(); ++i) {}
  const abi::EnvState end = TRY(env.state());
  expect_equal(end.state, abi::RunState::halted);
  expect_equal(end.code, 42ull, "what it halted with");
  expect_equal(words_at(data_va)[2], 42ull, "what it wrote");

  // Fewer rights, of the type and of the capability.
  const rt::EnvWith<abi::EnvRight::wake> weak = TRY(env.derive<abi::EnvRight::wake>(TRY(slots.take())));
  expect_ok(weak.wake());
  expect_error(rt::read_env(weak.slot()), Error::missing_right, "the kernel checks as well");
  expect_ok(env.grant<abi::EnvRight::inspect>(table, CapSlot{70}), "into the second leaf");
  expect_error(env.grant(table, CapSlot{70}), Error::occupied);
  TRY_VOID(env.revoke());
  expect_equal(TRY(env.read()).kind, static_cast<std::uint8_t>(abi::Kind::env));
  expect_error(weak.read(), Error::empty_slot, "revoked");

  TRY_VOID(env.destroy());
  TRY_VOID(table.destroy());
  TRY_VOID(space.destroy());
  TRY_VOID(code_cap.drop());
  TRY_VOID(own_space.unmap(data_va, 1));
  TRY_VOID(account.free(data));
  TRY_VOID(account.free(area));
  expect_equal(rt::use_of(TRY(account.usage()), abi::Resource::frames), 0ull, "all is given back");
  return account.destroy();
}

rt::Status owners() {
  const std::uint64_t before = rt::use_of(TRY(root.usage()), abi::Resource::frames);
  const CapSlot slot = TRY(slots.take()), copy = TRY(slots.take());
  {
    rt::Owned<rt::Space, rt::Ending::destroy> first{TRY(root.create_space(slot))};
    rt::Owned<rt::Space> second{TRY(first->duplicate(copy))};
    expect(rt::use_of(TRY(root.usage()), abi::Resource::frames) > before, "paid for");
    rt::Owned<rt::Space, rt::Ending::destroy> third{std::move(first)};
    expect(!first->named() && third->named(), "moved");
    expect_ok(second.end());
    expect_error(rt::read_cap(copy), Error::empty_slot, "dropped");
    expect_ok(rt::read_cap(slot), "the object is still there");
  }
  expect_error(rt::read_cap(slot), Error::empty_slot, "destroyed at the end of its scope");
  expect_equal(rt::use_of(TRY(root.usage()), abi::Resource::frames), before, "and paid back");
  slots.give_back(slot);
  expect_equal(TRY(slots.take()), slot, "the lowest free slot");
  return {};
}

rt::Status pools() {
  // More than a leaf has: the table grows.
  std::uint32_t last = 0;
  for (int i = 0; i < 100; ++i) last = TRY(slots.take()).raw();
  expect(last >= abi::slots_per_leaf, "from a leaf that was added");
  expect_ok(rt::Env{boot::self}.derive<abi::EnvRight::wake>(CapSlot{last}), "and that can be used");
  rt::AddressRun run{0x1234, 0x10000};
  expect_equal(TRY(run.take(2)), 0x2000ull);
  expect_equal(TRY(run.take(1, 0x8000)), 0x8000ull, "aligned");
  expect_error(run.take(8), Error::out_of_range, "more than is left");
  expect_equal(TRY(run.take(7)), 0x9000ull);
  expect_error(run.take(1), Error::out_of_range, "used up");
  return {};
}

// What the kernel would write, written by hand.
void inbox() {
  static abi::RevocationPage page{};
  rt::RevocationInbox inbox{page};
  expect(!inbox.next_request().has_value(), "nothing is asked yet");
  page.request = {.sequence = 1, .resource = 0, .first = abi::any_units, .count = 7, .deadline_ns = 99};
  const auto request = inbox.next_request();
  expect(request.has_value() && request->count == 7 && request->deadline_ns == 99, "told");
  expect(!inbox.next_request().has_value(), "once");
  page.losses[0] = {.resource = 0, .first = 100, .count = 2};
  page.losses[1] = {.resource = 1, .first = 5, .count = 1};
  page.loss_count = 2;
  page.lost_units = 4;
  page.unlisted = 1;
  std::uint64_t frames = 0, slices = 0;
  const std::uint64_t unlisted = inbox.take_losses([&](abi::Resource what, std::uint64_t, std::uint64_t count) {
    (what == abi::Resource::frames ? frames : slices) += count;
  });
  expect(frames == 2 && slices == 1 && unlisted == 1, "all losses");
  expect_equal(page.loss_count, 0ull, "the list is empty again");
  expect_equal(inbox.take_losses([](abi::Resource, std::uint64_t, std::uint64_t) {}), 0ull, "told once");
}

// --- the short way of page faults ---------------------------------------------------------------------------------
std::uint64_t absent_va, faults_seen;

bool brings_page(std::uint64_t address, std::uint64_t) {
  ++faults_seen;
  return (address & ~(page_size - 1)) == absent_va && own_space.map_new(absent_va, 1, read_write, root).has_value();
}

// Stores to `va` with a known value in every other register, and returns what they and the flags add up to.
std::uint64_t store_with_full_registers(std::uint64_t va) {
  std::uint64_t sum;
  asm volatile(
      "mov $1, %%ecx\n mov $2, %%edx\n mov $4, %%esi\n mov $8, %%edi\n mov $16, %%r8d\n mov $32, %%r9d\n"
      "mov $64, %%r10d\n mov $128, %%r11d\n mov $256, %%ebx\n mov $512, %%r12d\n mov $1024, %%r13d\n"
      "stc\n"
      "movq $7, (%%rax)\n"
      "adc %%rdx, %%rcx\n"  // the carry is 1, if it was kept
      "add %%rsi, %%rcx\n add %%rdi, %%rcx\n add %%r8, %%rcx\n add %%r9, %%rcx\n add %%r10, %%rcx\n"
      "add %%r11, %%rcx\n add %%rbx, %%rcx\n add %%r12, %%rcx\n add %%r13, %%rcx\n"
      : "=&c"(sum), "+a"(va)
      :
      : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "rbx", "r12", "r13", "memory", "cc");
  return sum;
}

void short_faults() {
  const abi::EnvEntries entries{.exception = rt::Va{rt::rt_fault_entry}.raw(), .gs_base = rt::Va{&own_area()}.raw()};
  must(rt::configure_self(entries));
  rt::handle_faults(own_area(), brings_page);
  absent_va = new_va();
  expect_equal(store_with_full_registers(absent_va), 2048ull, "registers and carry");
  expect_equal(load(absent_va), 7ull, "the store was done after all");
  expect_equal(faults_seen, 1ull);
  // Those that it does not take go the long way, as do other exceptions.
  const std::uint64_t nowhere = new_va();
  expect_fault([=] { store(nowhere, 1); }, exception::page_fault, nowhere);
  expect_equal(faults_seen, 2ull, "offered first");
  expect_fault([] { asm volatile("ud2"); }, exception::invalid_opcode);
  expect_equal(faults_seen, 2ull, "not a page fault");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  must(other_space());
  must(owners());
  must(pools());
  inbox();
  short_faults();
  finish();
}
