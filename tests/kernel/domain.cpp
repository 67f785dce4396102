// SPDX-License-Identifier: MIT
// Domains: the program's read-only pages are shared, its writable ones copied.
#include "tests/kernel/domain.hpp"

namespace guest {

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

extern "C" {
extern const std::byte image_start[], image_end[];  // first_env.lds
void guest_domain_entry();
void guest_thread_entry();
[[noreturn]] void guest_domain_main(std::uint64_t argument);
}

extern "C" [[gnu::naked]] void guest_domain_entry() {
  asm volatile("xor %ebp, %ebp\n and $-16, %rsp\n call guest_domain_main\n ud2\n");
}
// rax is 0 at the start, so the entry's address comes on the stack.
extern "C" [[gnu::naked]] void guest_thread_entry() {
  asm volatile("pop %rax\n xor %ebp, %ebp\n and $-16, %rsp\n call *%rax\n ud2\n");
}

extern "C" void guest_domain_main(std::uint64_t argument) {
  begin_in_domain(*reinterpret_cast<abi::UserArea*>(domain::area), domain::free_va);
  domain::own_mailbox().body(argument);
  rt::halt(failures());
}

FrameNumber frame_at(std::uint64_t va) {
  return FrameNumber{(rt::own_entry(va) & abi::pte_frame_mask) >> abi::page_bits};
}

void copy_image(const Domain& d) {
  const std::uint64_t temporary = new_va();
  for (auto va = reinterpret_cast<std::uint64_t>(image_start); va < reinterpret_cast<std::uint64_t>(image_end);
       va += page_size) {
    const std::uint64_t entry = rt::own_entry(va);
    if ((entry & abi::pte_present) == 0) continue;
    if ((entry & abi::pte_write) == 0) {
      const std::uint32_t flags = abi::map_read | ((entry & abi::pte_no_execute) == 0 ? abi::map_execute : 0);
      must(rt::map(d.space, va, frame_at(va), 1, flags, boot::account));
      continue;
    }
    const FrameNumber copy = must_frame(call::frame_alloc(d.account, abi::any_frame, 1, 0, 0));
    must(rt::map(abi::no_slot, temporary, copy, 1, read_write, d.account));
    std::memcpy(reinterpret_cast<void*>(temporary), reinterpret_cast<const void*>(va), page_size);
    must(rt::map(d.space, va, copy, 1, read_write | abi::map_owned, d.account));
    must(rt::unmap(abi::no_slot, temporary, 1));
  }
}

}  // namespace

Domain make_domain(std::uint64_t limit_frames, std::uint64_t slices) {
  Domain d{.account = new_slot(), .space = new_slot(), .table = new_slot(), .env = new_slot()};
  abi::AccountLimits limits = rt::frames_only(limit_frames);
  limits.limit[static_cast<std::size_t>(abi::Resource::slices)] = slices;
  must(rt::create_account(boot::account, d.account, limits));
  must(call::space_create(d.account, d.space, abi::any_frame));
  must(call::table_create(d.account, d.table, abi::any_frame));
  must(call::table_grow(d.table, 0, d.account, abi::any_frame));
  copy_image(d);
  must(rt::map_new(d.space, domain::stack_top - domain::stack_pages * page_size, domain::stack_pages,
                   read_write | abi::map_owned, d.account));

  const Page area = new_page(d.account), mailbox = new_page();
  d.area_frame = area.frame;
  d.area = reinterpret_cast<abi::UserArea*>(area.va);
  d.mailbox_frame = mailbox.frame;
  d.mailbox = reinterpret_cast<Mailbox*>(mailbox.va);
  must(rt::map(d.space, domain::area, area.frame, 1, read_write, d.account));
  must(rt::map(d.space, domain::mailbox, mailbox.frame, 1, read_write, boot::account));

  must(call::env_create(d.account, d.env, d.space, d.table, area.frame, abi::any_frame));
  must(call::cap_grant(d.account, d.table, boot::account, abi::all_rights, 0, 0));
  must(call::cap_grant(d.env, d.table, boot::self, abi::all_rights, 0, 0));
  must(call::cap_grant(d.space, d.table, boot::space, abi::all_rights, 0, 0));
  must(call::cap_grant(d.table, d.table, boot::table, abi::all_rights, 0, 0));
  must(call::cap_grant(boot::machine, d.table, boot::machine, bits(abi::MachineRight::log), 0, 0));
  return d;
}

void start(Domain& d, void (*body)(std::uint64_t), std::uint64_t argument) {
  d.mailbox->body = body;
  d.area->exception.busy = d.area->upcall.busy = 0;
  const abi::EnvEntries entries{.gs_base = domain::area};
  must(call::env_configure(d.env, &entries));
  must(call::env_start(d.env, Va{reinterpret_cast<std::uint64_t>(&guest_domain_entry)}, Va{domain::stack_top},
                       argument));
}

abi::EnvState run(CapSlot env, std::uint64_t rounds) {
  for (; rounds > 0; --rounds) {
    // Refused when it is no longer ready.
    if (!call::env_yield(env).has_value()) break;
  }
  return must(rt::read_env(env));
}

void run_body(Domain& d, void (*body)(std::uint64_t), std::uint64_t argument, Where at) {
  start(d, body, argument);
  const abi::EnvState end = run(d);
  if (end.state == abi::RunState::halted && end.code == 0) return;
  if (end.state == abi::RunState::halted)
    return fail(at, base::Text<100>{"{} expectations failed in the domain", end.code}.view());
  fail(at, base::Text<200>{"the domain did not halt: state {} code {} address {:#x} rip {:#x}", end.state, end.code,
                           end.address, end.registers.rip}
               .view());
}

void destroy(Domain& d, Where at) {
  expect_ok(rt::destroy_and_drop(d.env), "destroy env", at);
  expect_ok(rt::destroy_and_drop(d.table), "destroy table", at);
  expect_ok(rt::destroy_and_drop(d.space), "destroy space", at);
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.area), 1));
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.mailbox), 1));
  must(call::frame_free(d.account, d.area_frame, 1));
  must(call::frame_free(boot::account, d.mailbox_frame, 1));
  expect_ok(rt::destroy_and_drop(d.account), "destroy account", at);
}

Thread make_thread() {
  constexpr std::uint64_t pages = 4;
  Thread t{.env = new_slot()};
  const Page area = new_page();
  t.area_frame = area.frame;
  t.area = reinterpret_cast<abi::UserArea*>(area.va);
  const std::uint64_t stack = new_va(pages + 1);
  must(rt::map_new(abi::no_slot, stack, pages, read_write | abi::map_owned, boot::account));
  t.stack_top = stack + pages * page_size;
  must(call::env_create(boot::account, t.env, boot::space, boot::table, area.frame, abi::any_frame));
  return t;
}

void start(Thread& t, void (*entry)(std::uint64_t), std::uint64_t argument) {
  auto* top = reinterpret_cast<std::uint64_t*>(t.stack_top) - 1;
  *top = reinterpret_cast<std::uint64_t>(entry);
  must(call::env_start(t.env, Va{reinterpret_cast<std::uint64_t>(&guest_thread_entry)}, Va{top}, argument));
}

void destroy(Thread& t) {
  must(rt::destroy_and_drop(t.env));
  must(rt::unmap(abi::no_slot, t.stack_top - 4 * page_size, 4));
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(t.area), 1));
  must(call::frame_free(boot::account, t.area_frame, 1));
}

}  // namespace guest
