// SPDX-License-Identifier: MIT
// Expectations, allocators and fault catching of the test programs.
#include "tests/kernel/guest.hpp"

namespace guest {

namespace {

// Everything a program or a domain has of its own.
struct State {
  std::uint64_t failures = 0;
  std::uint32_t next_slot = 0, slots = 0;
  std::uint64_t next_va = 0, first_va = 0;
  const abi::SystemInfo* info = nullptr;
  abi::UserArea* area = nullptr;
  std::optional<rt::Clock> clock;
  Fault fault{};
};
constinit State state;

constexpr std::size_t stack_size = 16 * 1024;
alignas(16) constinit std::array<std::byte, stack_size> exception_stack{}, upcall_stack{};

extern "C" {
std::uint64_t guest_recovery_rsp;  // not 0: where run_guarded waits
void guest_recover();
bool guest_run_guarded(void (*body)(void*), void* context);
}

void on_exception(rt::Event& event) {
  state.fault = {event.kind, event.error, event.address, event.registers};
  if (guest_recovery_rsp == 0) {
    rt::log("FAIL unexpected exception {} (error {:#x}) at rip {:#x}, address {:#x}, rsp {:#x}", event.kind,
            event.error, event.registers.rip, event.address, event.registers.rsp);
    ++state.failures;
    finish();
  }
  event.registers.rip = reinterpret_cast<std::uint64_t>(&guest_recover);
  event.registers.rsp = guest_recovery_rsp;
  event.registers.rflags = 0x202;
}

void take_exceptions(abi::UserArea& area) {
  state.area = &area;
  rt::prepare_events(area, exception_stack, on_exception, upcall_stack, nullptr);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .gs_base = reinterpret_cast<std::uint64_t>(&area)};
  must(call::env_configure(abi::no_slot, &entries));
}

}  // namespace

// Saves what the ABI wants kept and where the stack is; guest_recover comes back here as if the body had returned.
extern "C" [[gnu::naked]] bool guest_run_guarded(void (*)(void*), void*) {
  asm volatile(
      "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
      "sub $8, %rsp\n"
      "mov %rsp, guest_recovery_rsp(%rip)\n"
      "mov %rdi, %rax\n"
      "mov %rsi, %rdi\n"
      "call *%rax\n"
      "mov $1, %eax\n"
      "1: movq $0, guest_recovery_rsp(%rip)\n"
      "add $8, %rsp\n"
      "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
      "ret\n"
      ".globl guest_recover\n"
      "guest_recover: xor %eax, %eax\n"
      "jmp 1b\n");
}

namespace detail {
bool run_guarded(void (*body)(void*), void* context) { return guest_run_guarded(body, context); }
const Fault& last_fault() { return state.fault; }
}  // namespace detail

void fail(Where at, std::string_view text) {
  ++state.failures;
  std::string_view file{at.file};
  if (const auto slash = file.rfind("tests/"); slash != std::string_view::npos) file.remove_prefix(slash);
  rt::log("FAIL {}:{} {}", file, at.line, text);
}

std::uint64_t failures() { return state.failures; }

void finish() {
  if (state.failures == 0) rt::log("PASS");
  else rt::log("{} expectations failed", state.failures);
  rt::stop_machine(boot::machine, state.failures == 0 ? 0 : 1);
}

void give_up(Where at, std::string_view text) {
  fail(at, text);
  finish();
}

void begin(const boot::Facts& facts) {
  state.slots = abi::slots_per_leaf;
  state.next_slot = boot::first_free.raw();
  // A gigabyte's boundary, so that the tests' page tables are their own.
  state.first_va = state.next_va = base::align_up<std::uint64_t>(facts.free_va, 1 << 30);
  take_exceptions(*reinterpret_cast<abi::UserArea*>(facts.user_area));
  const abi::CapInfo info = must(rt::read_cap(boot::info));
  const std::uint64_t va = base::align_up<std::uint64_t>(facts.free_va, page_size);
  must(rt::map(abi::no_slot, va, FrameNumber{info.base}, info.count, abi::map_read, boot::info));
  state.info = reinterpret_cast<const abi::SystemInfo*>(va);
  state.clock.emplace(*state.info);
}

void begin_in_domain(abi::UserArea& area, std::uint64_t free_va) {
  state = State{.next_slot = 16, .slots = abi::slots_per_leaf, .next_va = free_va, .first_va = free_va};
  guest_recovery_rsp = 0;
  take_exceptions(area);
}

CapSlot new_slot() {
  if (state.next_slot == state.slots) {
    must(call::table_grow(abi::no_slot, state.slots / abi::slots_per_leaf, boot::account, abi::any_frame));
    state.slots += abi::slots_per_leaf;
  }
  return CapSlot{state.next_slot++};
}

std::uint64_t new_va(std::uint64_t pages) { return std::exchange(state.next_va, state.next_va + pages * page_size); }
const abi::SystemInfo& system_info() { return *state.info; }
std::uint64_t now_ns() { return state.clock->now().raw(); }
abi::UserArea& own_area() { return *state.area; }

const abi::FrameInfo& frame_info(FrameNumber frame) {
  const auto* table = reinterpret_cast<const std::byte*>(state.info) + state.info->frame_table_offset;
  return reinterpret_cast<const abi::FrameInfo*>(table)[frame.raw()];
}

abi::AccountInfo settled_account() {
  must(rt::trim(abi::no_slot, state.first_va, (state.next_va - state.first_va) / page_size + 1));
  return must(rt::read_account(boot::account));
}

void expect_settled(const abi::AccountInfo& before, std::string_view what, Where at) {
  const abi::AccountInfo after = settled_account();
  if (rt::use_of(after, abi::Resource::frames) != rt::use_of(before, abi::Resource::frames) || rt::use_of(after, abi::Resource::objects) != rt::use_of(before, abi::Resource::objects) || after.children != before.children)
    fail(at, base::Text<200>{"{} left frames {} -> {}, objects {} -> {}, children {} -> {}", what, rt::use_of(before, abi::Resource::frames),
                             rt::use_of(after, abi::Resource::frames), rt::use_of(before, abi::Resource::objects), rt::use_of(after, abi::Resource::objects), before.children, after.children}.view());
}

Page new_page(CapSlot account) {
  const Page page{must_frame(call::frame_alloc(account, abi::any_frame, 1, 0, 0)), new_va()};
  must(rt::map(abi::no_slot, page.va, page.frame, 1, abi::map_read | abi::map_write, account));
  return page;
}

}  // namespace guest
