// SPDX-License-Identifier: MIT
// Address spaces: every verb, batches larger than a call, links, and the page-table window.
#include "libos/rt/kinds.hpp"
#include "tests/kernel/guest.hpp"

#include "abi/address_map.hpp"

using namespace guest;

namespace {

constexpr std::uint32_t read_only = abi::map_read, read_write = abi::map_read | abi::map_write, owned = abi::map_owned;

[[nodiscard]] FrameNumber mapped_frame(std::uint64_t va) {
  return FrameNumber{(rt::own_entry(va) & abi::pte_frame_mask) >> abi::page_bits};
}

void map_protect_unmap() {
  const Page page = new_page();
  page.word() = 42;
  const std::uint64_t second = new_va();
  must(rt::map(abi::no_slot, second, page.frame, 1, read_only, boot::account));
  expect_equal(load(second), 42ull, "the same frame twice");
  expect_fault([&] { store(second, 1); }, exception::page_fault, second, "write to a read-only page");
  expect_fault([&] { jump_to(second); }, exception::page_fault, second, "execute data");
  must(rt::protect(abi::no_slot, second, 1, read_write));
  store(second, 43);
  expect_equal(std::uint64_t{page.word()}, 43ull);
  must(rt::protect(abi::no_slot, page.va, 1, read_only));
  expect_fault([&] { page.word() = 1; }, exception::page_fault, page.va, "the right is gone at once");
  expect_error(rt::map(abi::no_slot, second, page.frame, 1, read_only, boot::account), Error::occupied, "mapped over");
  expect_ok(rt::map(abi::no_slot, second, page.frame, 1, read_only | abi::map_replace, boot::account), "replaced");
  must(rt::unmap(abi::no_slot, second, 1));
  expect_fault([&] { load(second); }, exception::page_fault, second, "unmapped");
  // Unmapping nothing is no error: a library clears whole ranges.
  expect_ok(rt::unmap(abi::no_slot, second, 1), "unmap twice");
  expect_ok(rt::protect(abi::no_slot, second, 1, read_only), "protect passes over holes too");
  expect_equal(rt::own_entry(second), 0ull, "and makes no entries");
  expect_error(rt::copy(abi::no_slot, second, 1, read_write, boot::account), Error::not_mapped, "copy of nothing");
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
}

void execute() {
  const Page page = new_page();
  *reinterpret_cast<std::uint8_t*>(page.va) = 0xc3;  // ret
  const std::uint64_t code = new_va();
  must(rt::map(abi::no_slot, code, page.frame, 1, abi::map_read | abi::map_execute, boot::account));
  expect(!catch_fault([&] { jump_to(code); }).has_value(), "execute");
  must(rt::unmap(abi::no_slot, code, 1));
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
}

void owned_frames_free_themselves() {
  const auto before = settled_account();
  constexpr std::uint64_t pages = 3000;  // several budgets
  const std::uint64_t va = new_va(pages);
  must(rt::map_new(abi::no_slot, va, pages, read_write | owned, boot::account));
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (load(va + i * page_size) != 0) fail(here(), "a new page is not zero");
    store(va + i * page_size, i);
  }
  for (std::uint64_t i = 0; i < pages; ++i)
    if (load(va + i * page_size) != i) fail(here(), "pages are distinct");
  const FrameNumber frame = mapped_frame(va);
  must(rt::unmap(abi::no_slot, va, pages));
  expect_equal(frame_info(frame).use, abi::FrameUse::free, "freed by its last unmapping");
  expect_settled(before, "map_new and unmap");
}

void named_frames() {
  const std::uint64_t va = new_va(4);
  // The page tables first, lest they take the very frames.
  must(rt::map_new(abi::no_slot, va, 4, read_write | owned, boot::account));
  must(rt::unmap(abi::no_slot, va, 4));
  const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, 4, 0, 0));
  must(call::frame_free(boot::account, first, 4));
  must(rt::update(abi::no_slot, std::array{rt::map_new_op(va, 4, read_write | owned, boot::account, first)}));
  for (std::uint64_t i = 0; i < 4; ++i)
    expect_equal(mapped_frame(va + i * page_size).raw(), (first + i).raw(), "by name");
  must(rt::unmap(abi::no_slot, va, 4));
}

void window_bits() {
  const std::uint64_t va = new_va();
  must(rt::map_new(abi::no_slot, va, 1, read_write | owned | abi::map_soft0, boot::account));
  const std::uint64_t fresh = rt::own_entry(va);
  expect((fresh & abi::pte_present) != 0 && (fresh & abi::pte_write) != 0 && (fresh & abi::pte_user) != 0, "flags");
  expect((fresh & abi::pte_no_execute) != 0, "no execute");
  expect((fresh & abi::pte_owned) != 0 && (fresh & abi::pte_soft0) != 0 && (fresh & abi::pte_soft1) == 0, "soft bits");
  expect((fresh & (abi::pte_accessed | abi::pte_dirty)) == 0, "clean");
  load(va);
  expect((rt::own_entry(va) & (abi::pte_accessed | abi::pte_dirty)) == abi::pte_accessed, "accessed");
  store(va, 1);
  expect((rt::own_entry(va) & abi::pte_dirty) != 0, "dirty");
  must(rt::protect(abi::no_slot, va, 1, read_write | owned | abi::map_soft1));
  expect((rt::own_entry(va) & abi::pte_soft1) != 0 && (rt::own_entry(va) & abi::pte_soft0) == 0, "soft bits change");
  must(rt::unmap(abi::no_slot, va, 1));
  expect_equal(rt::own_entry(va), 0ull, "entry cleared");
}

void clone_and_copy() {
  const auto before = settled_account();
  const CapSlot child = new_slot();
  must(call::space_create(boot::account, child, abi::any_frame));
  constexpr std::uint64_t pages = 1500;
  const std::uint64_t va = new_va(pages);
  must(rt::map_new(abi::no_slot, va, pages, read_write | owned, boot::account));
  for (std::uint64_t i = 0; i < pages; ++i) store(va + i * page_size, i + 1);
  must(rt::clone(child, va, pages, read_only, boot::space));
  expect_fault([&] { store(va, 7); }, exception::page_fault, va, "both sides lose the write right");
  expect_equal(frame_info(mapped_frame(va)).maps, 2u, "shared");
  expect_error(rt::clone(child, va, 1, read_only, boot::space), Error::occupied, "clone twice");

  const FrameNumber original = mapped_frame(va);
  must(rt::copy(abi::no_slot, va, 1, read_write | owned, boot::account));
  expect(mapped_frame(va) != original, "a private copy");
  expect_equal(load(va), 1ull, "with the same contents");
  store(va, 100);
  expect_equal(frame_info(original).maps, 1u, "the other side keeps the original");
  // Now this entry alone maps it: nothing is copied.
  const FrameNumber own = mapped_frame(va);
  must(rt::copy(abi::no_slot, va, 1, read_write | owned, boot::account));
  expect_equal(mapped_frame(va).raw(), own.raw(), "kept when sole");
  must(rt::copy(abi::no_slot, va, pages, read_write | owned, boot::account));
  for (std::uint64_t i = 1; i < pages; ++i)
    if (load(va + i * page_size) != i + 1) fail(here(), "contents of a copied range");
  must(rt::destroy_and_drop(child));
  must(rt::unmap(abi::no_slot, va, pages));
  expect_settled(before, "clone and copy");
}

void sparse_clone() {
  const auto before = settled_account();
  const CapSlot child = new_slot();
  must(call::space_create(boot::account, child, abi::any_frame));
  // One page at each end of 40 GiB.
  const std::uint64_t start = 0x70'0000'0000, pages = 10ull << 20, last = start + (pages - 1) * page_size;
  must(rt::map_new(abi::no_slot, start, 1, read_write | owned, boot::account));
  must(rt::map_new(abi::no_slot, last, 1, read_write | owned, boot::account));
  must(rt::clone(child, start, pages, read_only, boot::space));
  expect_equal(frame_info(mapped_frame(last)).maps, 2u, "the far end was cloned");
  must(rt::unmap(child, start, pages));
  expect_equal(frame_info(mapped_frame(last)).maps, 1u, "and unmapped");
  must(rt::unmap(abi::no_slot, start, pages));
  must(rt::trim(abi::no_slot, start, pages));
  must(rt::destroy_and_drop(child));
  expect_settled(before, "sparse clone");
}

void move_entries() {
  constexpr std::uint64_t pages = 1100;
  const std::uint64_t from = new_va(pages), to = new_va(pages);
  must(rt::map_new(abi::no_slot, from, pages, read_write | owned, boot::account));
  for (std::uint64_t i = 0; i < pages; ++i) store(from + i * page_size, i + 7);
  must(rt::move(abi::no_slot, to, from, pages));
  for (std::uint64_t i = 0; i < pages; ++i)
    if (load(to + i * page_size) != i + 7) fail(here(), "moved contents");
  expect_fault([&] { load(from); }, exception::page_fault, from, "nothing stays behind");
  expect((rt::own_entry(to) & abi::pte_owned) != 0, "owned bit moves along");
  must(rt::unmap(abi::no_slot, to, pages));
}

void batches() {
  const auto before = settled_account();
  const std::uint64_t va = new_va(200);
  rt::SpaceBatch batch{rt::Space{}};
  for (std::uint64_t i = 0; i < 200; i += 2)
    must(batch.add(rt::map_new_op(va + i * page_size, 1, read_write | owned, boot::account)));
  must(batch.flush());
  for (std::uint64_t i = 0; i < 200; i += 2) store(va + i * page_size, 1);
  std::array ops{rt::protect_op(va, 1, read_only | owned), rt::map_new_op(va, 1, read_only, boot::account),
                 rt::unmap_op(va, 200)};
  std::size_t done = 0;
  expect_error(rt::update(abi::no_slot, ops, &done), Error::occupied, "the second fails");
  expect_equal(done, std::size_t{1}, "what was before it is done");
  expect((rt::own_entry(va) & abi::pte_write) == 0, "and stays done");
  expect(rt::own_entry(va + 2 * page_size) != 0, "what was behind it is not");
  must(rt::unmap(abi::no_slot, va, 200));
  expect_settled(before, "batches");
}

void links() {
  const auto before = settled_account();
  const CapSlot shared = new_slot();
  must(call::space_create(boot::account, shared, abi::any_frame));
  constexpr std::uint32_t slot = 77;
  const std::uint64_t va = slot * abi::slot_size + 0x1234'5000;
  must(rt::map_new(shared, va, 1, read_write | owned, boot::account));
  expect_fault([&] { load(va); }, exception::page_fault, va, "not linked yet");
  must(call::space_link(abi::no_slot, slot, shared));
  store(va, 99);
  expect_equal(load(va), 99ull, "seen through the link");
  // Changes to the source are seen at once, and only the source can be changed.
  must(rt::protect(shared, va, 1, read_only | owned));
  expect_fault([&] { store(va, 1); }, exception::page_fault, va, "protected in the source");
  expect_error(rt::unmap(abi::no_slot, va, 1), Error::wrong_state, "through the linker");
  must(call::space_link(abi::no_slot, slot, abi::no_slot));
  expect_fault([&] { load(va); }, exception::page_fault, va, "unlinked");
  must(call::space_link(abi::no_slot, slot, shared));
  expect_equal(load(va), 99ull, "linked again");
  must(rt::destroy_and_drop(shared));
  expect_fault([&] { load(va); }, exception::page_fault, va, "unlinked by its end");
  expect_settled(before, "links");
}

void trim_tables() {
  const auto before = settled_account();
  const std::uint64_t va = 0x60'0000'0000;
  must(rt::map_new(abi::no_slot, va, 1, read_write | owned, boot::account));
  expect_equal(rt::use_of(must(rt::read_account(boot::account)), abi::Resource::frames) - rt::use_of(before, abi::Resource::frames), 3ull, "page and two new tables");
  must(rt::trim(abi::no_slot, va, 1));
  expect_equal(rt::use_of(must(rt::read_account(boot::account)), abi::Resource::frames) - rt::use_of(before, abi::Resource::frames), 3ull, "in use");
  must(rt::unmap(abi::no_slot, va, 1));
  must(rt::trim(abi::no_slot, va, 1));
  expect_settled(before, "trim");
}

[[nodiscard]] std::uint64_t directory_entry(std::uint64_t va) { return load(abi::pde_window(va)); }

void large_pages() {
  const auto before = settled_account();
  constexpr std::uint64_t pages = 512, va = 0x61'0000'0000;
  constexpr std::uint32_t flags = read_write | owned | abi::map_large;
  must(rt::update(abi::no_slot, std::array{rt::map_new_op(va, 2 * pages, flags, boot::account)}));
  expect((directory_entry(va) & abi::pte_large) != 0, "the window shows it");
  expect((directory_entry(va) & abi::pte_dirty) == 0, "clean");
  for (std::uint64_t i = 0; i < 2 * pages; ++i) {
    if (load(va + i * page_size) != 0) fail(here(), "a new large page is not zero");
    store(va + i * page_size, i + 3);
  }
  expect((directory_entry(va) & abi::pte_dirty) != 0, "dirty");
  expect_error(rt::unmap(abi::no_slot, va, 1), Error::wrong_state, "a part");
  must(rt::protect(abi::no_slot, va, pages, read_only | owned));
  expect_fault([&] { store(va + 300 * page_size, 1); }, exception::page_fault, va + 300 * page_size, "all of it");
  store(va + pages * page_size, 1);
  // The kernel's own copies go through large mappings.
  abi::CapInfo info{};
  must(call::cap_read(boot::account, &info));
  auto* inside = reinterpret_cast<abi::CapInfo*>(va + (pages + 1) * page_size);
  must(call::cap_read(boot::account, inside));
  expect_equal(inside->object, info.object, "written through a large page");
  expect_error(call::cap_read(boot::account, reinterpret_cast<abi::CapInfo*>(va)), Error::bad_address, "read-only");
  // Split, so that parts can be changed; the contents stay.
  must(rt::update(abi::no_slot, std::array{abi::SpaceOp{abi::SpaceVerb::split, 0, abi::no_slot, 0, va, pages, 0}}));
  expect((directory_entry(va) & abi::pte_large) == 0, "a table now");
  must(rt::unmap(abi::no_slot, va + 9 * page_size, 1));
  expect_fault([&] { load(va + 9 * page_size); }, exception::page_fault, va + 9 * page_size, "a page of it went");
  for (std::uint64_t i = 0; i < pages; ++i)
    if (i != 9 && load(va + i * page_size) != i + 3) fail(here(), "contents after the split");
  const FrameNumber frame{(directory_entry(va + pages * page_size) & abi::pte_frame_mask) >> abi::page_bits};
  expect_equal(frame_info(frame + 511).maps, 1u, "each frame counts");
  must(rt::unmap(abi::no_slot, va, 2 * pages));
  // Where the mapping was, nothing is, in the window's view of it neither.
  expect_fault([&] { load(va + pages * page_size); }, exception::page_fault, va + pages * page_size, "gone");
  expect_equal(directory_entry(va + pages * page_size), 0ull, "and its entry");
  must(rt::trim(abi::no_slot, va, 2 * pages));
  expect_settled(before, "large pages");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  map_protect_unmap();
  execute();
  owned_frames_free_themselves();
  named_frames();
  window_bits();
  clone_and_copy();
  sparse_clone();
  move_entries();
  batches();
  links();
  trim_tables();
  large_pages();
  finish();
}
