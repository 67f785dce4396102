// SPDX-License-Identifier: MIT
// Protection keys as a way around something: bad ones, keys on what is not one's own, calls that read and write for a caller
// what its PKRU forbids it, translations that remember an old key, and an env that has shut itself out of all its memory.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t key_fault = 1u << 5;   // of a page fault's error code [intel/vol3 4.7]

bool have_keys() { return (system_info().features & abi::cpu_pku) != 0; }
constexpr std::uint32_t no_access(std::uint32_t key) { return 1u << 2 * key; }
constexpr std::uint32_t no_write(std::uint32_t key) { return 2u << 2 * key; }

void write_pkru(std::uint32_t value) { asm volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory"); }
std::uint32_t read_pkru() {
  std::uint32_t value;
  asm volatile("rdpkru" : "=a"(value) : "c"(0) : "rdx");
  return value;
}

Error update(CapSlot space, const abi::SpaceOp& op) { return call::space_update.raw(space, &op, 1).code(); }

// Every verb that takes or must not take one.
void bad_keys() {
  const Page page = new_page();
  const std::uint64_t va = new_va(2), entry = rt::own_entry(page.va);
  const abi::AccountInfo before = settled_account();
  for (std::uint32_t key = 1; key < 16; ++key) {
    const std::uint32_t flags = read_write | abi::map_key(key);
    for (const abi::SpaceOp& op :
         {rt::copy_op(page.va, 1, flags, boot::account), abi::SpaceOp{abi::SpaceVerb::unmap, abi::map_key(key), abi::no_slot, 0, page.va, 1, 0},
          abi::SpaceOp{abi::SpaceVerb::move, abi::map_key(key), abi::no_slot, 0, va, 1, page.va},
          abi::SpaceOp{abi::SpaceVerb::split, abi::map_key(key), abi::no_slot, 0, page.va, 1, 0}})
      expect_equal(update(abi::no_slot, op), Error::bad_argument, "a verb without a key");
    if (have_keys()) continue;
    for (const abi::SpaceOp& op : {rt::map_op(va, page.frame, 1, flags, boot::account), rt::map_new_op(va, 1, flags, boot::account),
                                   rt::protect_op(page.va, 1, flags)}) {
      expect_equal(update(abi::no_slot, op), Error::bad_argument, "no keys here");
      expect_equal(rt::update_one(abi::no_slot, op).code(), Error::bad_argument, "no keys here, in registers");
    }
  }
  expect_settled(before, "bad keys");
  expect_equal(rt::own_entry(page.va) & ~abi::pte_accessed, entry & ~abi::pte_accessed, "the entry is as it was");
}

// What is forbidden is a fault that says so, at once after the key or the register has changed.
void faults(std::uint64_t va, std::uint32_t key) {
  const std::uint64_t directory = load(abi::pde_window(va & 0xffff'ffff'ffff));
  const std::uint64_t entry = (directory & abi::pte_large) != 0 ? directory : rt::own_entry(va);
  expect_equal(abi::pte_key(entry), key, "the window tells the key");
  store(va, 1);
  write_pkru(no_write(key));
  expect_equal(load(va), 1ull, "read");
  const auto written = catch_fault([=] { store(va, 2); });
  write_pkru(no_access(key));
  const auto read = catch_fault([=] { load(va); });
  write_pkru(0);
  expect_equal(load(va), 1ull, "nothing was written");
  if (expect(written.has_value() && read.has_value(), "faults")) {
    expect_equal(written->error, 7 | key_fault, "a write");
    expect_equal(read->error, 5 | key_fault, "a read");
    expect_equal(written->address, va);
  }
}

void keys_and_translations() {
  const std::uint64_t va = new_va(1);
  must(rt::map_new(abi::no_slot, va, 1, read_write | abi::map_owned | abi::map_key(1), boot::account));
  for (std::uint32_t key = 1; key < 16; ++key) {
    must(rt::protect(abi::no_slot, va, 1, read_write | abi::map_owned | abi::map_key(key)));
    faults(va, key);
    write_pkru(no_access(key));
    must(rt::protect(abi::no_slot, va, 1, read_write | abi::map_owned));
    expect_equal(load(va), 1ull, "the old key is forgotten");
    must(rt::protect(abi::no_slot, va, 1, read_write | abi::map_owned | abi::map_key(key)));
    expect(catch_fault([=] { load(va); }).has_value(), "the new key is known");
    write_pkru(0);
  }
  must(rt::unmap(abi::no_slot, va, 1));
}

void large_pages() {
  constexpr std::uint64_t span = rt::large_pages, large_size = span * page_size;
  const std::uint64_t va = base::align_up<std::uint64_t>(new_va(2 * span), large_size);
  must(rt::map_new(abi::no_slot, va, span, read_write | abi::map_owned | abi::map_large | abi::map_key(6), boot::account));
  faults(va + 77 * page_size, 6);
  must(rt::protect(abi::no_slot, va, span, read_write | abi::map_owned | abi::map_key(11)));
  faults(va + 78 * page_size, 11);
  must(rt::update(abi::no_slot, std::array{rt::split_op(va, span)}));
  faults(va + 79 * page_size, 11);
  must(rt::unmap(abi::no_slot, va, span));
}

// The kernel reads and writes for a caller what the caller may, no more.
void through_the_kernel() {
  const Page page = new_page();
  must(rt::protect(abi::no_slot, page.va, 1, read_write | abi::map_key(4)));
  const std::array operation{rt::unmap_op(new_va(1), 1)};
  std::memcpy(reinterpret_cast<void*>(page.va), operation.data(), sizeof operation);
  write_pkru(no_access(4));
  expect_equal(call::space_update.raw(abi::no_slot, reinterpret_cast<const abi::SpaceOp*>(page.va), 1).code(), Error::bad_address, "read");
  write_pkru(no_write(4));
  expect_equal(call::space_update.raw(abi::no_slot, reinterpret_cast<const abi::SpaceOp*>(page.va), 1).code(), Error::none, "readable");
  expect_equal(call::cap_read.raw(boot::account, Va{page.va}).code(), Error::bad_address, "write");
  write_pkru(0);
  expect(std::memcmp(reinterpret_cast<const void*>(page.va), operation.data(), sizeof operation) == 0, "nothing was written");
  must(rt::protect(abi::no_slot, page.va, 1, read_write));
}

// A slot that one only sees: its keys are its owner's.
void linked_slots() {
  constexpr std::uint32_t slot = 77;
  constexpr std::uint64_t va = slot * abi::slot_size;
  const CapSlot owner = new_slot();
  must(call::space_create(boot::account, owner, abi::any_frame));
  must(rt::map_new(owner, va, 1, read_write | abi::map_owned | abi::map_key(8), boot::account));
  must(call::space_link(abi::no_slot, slot, owner));
  faults(va, 8);
  expect_equal(update(abi::no_slot, rt::protect_op(va, 1, read_write)), Error::wrong_state, "not the viewer's to change");
  expect_equal(rt::update_one(abi::no_slot, rt::protect_op(va, 1, read_write)).code(), Error::wrong_state, "nor in registers");
  faults(va, 8);
  must(rt::protect(owner, va, 1, read_write | abi::map_owned | abi::map_key(2)));
  faults(va, 2);
  must(call::space_link(abi::no_slot, slot, abi::no_slot));
  must(rt::destroy_and_drop(owner));
}

// A key on what one maps of another's changes nothing for the other, and no right comes with it.
void another_env(std::uint64_t) {
  auto& words = domain::own_mailbox().words;
  expect_equal(read_pkru(), 0u, "its own register");
  expect_equal(words[0], 0x600dull, "its own mapping has no key");
  words[1] = 0x600e;
}

void other_mappings() {
  Domain d = make_domain();
  const auto mailbox = reinterpret_cast<std::uint64_t>(d.mailbox);
  d.mailbox->words[0] = 0x600d;
  must(rt::protect(abi::no_slot, mailbox, 1, read_write | abi::map_key(3)));
  start(d, &another_env);
  write_pkru(no_access(3));
  expect_equal(run(d).state, abi::RunState::halted, "the other one");
  expect_equal(read_pkru(), no_access(3), "the register is each env's own");
  write_pkru(0);
  expect_equal(d.mailbox->words[1], 0x600eull, "it wrote");
  must(rt::protect(abi::no_slot, mailbox, 1, read_write));
  destroy(d);
}

// No access to anything: neither its next instruction's data nor its entry's stack. It is the only one who suffers.
void shut_out(std::uint64_t) {
  asm volatile("wrpkru\n mov (%%rsp), %%rax\n ud2" : : "a"(0x5555'5555), "c"(0), "d"(0) : "memory");
}

void shut_out_of_everything() {
  for (int round = 0; round < 4; ++round) {
    Domain d = make_domain();
    start(d, &shut_out);
    const abi::EnvState state = run(d);
    expect(state.state != abi::RunState::halted, "it does not end well");
    expect_equal(read_pkru(), 0u, "nor does its register reach anybody");
    destroy(d);
  }
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  rt::log("keys: {}", have_keys() ? 16 : 1);
  bad_keys();
  if (have_keys()) {
    keys_and_translations();
    large_pages();
    through_the_kernel();
    linked_slots();
    other_mappings();
    shut_out_of_everything();
  }
  finish();
}
