// SPDX-License-Identifier: MIT
// Evil user pointers for every argument that is an address: kernel memory, holes, unmapped, read-only, straddling. The
// kernel must answer bad_address, write nothing, and live.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

struct Reader {
  std::string_view name;
  std::uint64_t size;
  Error (*call)(std::uint64_t va);
};

template <typename T>
Error error_of(const abi::Result<T>& r) { return r.has_value() ? Error::none : r.error(); }

Thread thread;

// Those that the kernel reads from.
const std::array readers{
    Reader{"space_update", sizeof(abi::SpaceOp),
           [](std::uint64_t va) { return error_of(call::space_update(abi::no_slot, Va{va}, 1)); }},
    Reader{"env_configure", sizeof(abi::EnvEntries),
           [](std::uint64_t va) { return error_of(call::env_configure(thread.env, Va{va})); }},
    Reader{"env_write", sizeof(abi::Registers),
           [](std::uint64_t va) { return error_of(call::env_write(thread.env, Va{va})); }},
    Reader{"machine_log", 64, [](std::uint64_t va) { return error_of(call::machine_log(boot::machine, Va{va}, 64)); }},
};
// Those that the kernel writes to.
const std::array writers{
    Reader{"cap_read", sizeof(abi::CapInfo),
           [](std::uint64_t va) { return error_of(call::cap_read(boot::account, Va{va})); }},
    Reader{"env_read", sizeof(abi::EnvState),
           [](std::uint64_t va) { return error_of(call::env_read(thread.env, Va{va})); }},
    Reader{"account_read", sizeof(abi::AccountInfo),
           [](std::uint64_t va) { return error_of(call::account_read(boot::account, Va{va})); }},
};

void expect_bad(const Reader& r, std::uint64_t va, std::string_view what) {
  const Error got = r.call(va);
  if (got != Error::bad_address) fail(here(), base::Text<120>{"{} at {:#x} ({}) got {}", r.name, va, what, got}.view());
}

void evil(const Reader& r) {
  for (const std::uint64_t va : evil_addresses) {
    expect_bad(r, va, "evil");
    expect_bad(r, va - r.size + 1, "ends there");  // wraps for 0 and 1
  }
}

// [first page mapped][second not]: the structure reaches over the end.
void straddling(const Reader& r, bool written) {
  const std::uint64_t va = new_va(3);
  must(rt::map_new(abi::no_slot, va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  std::memset(reinterpret_cast<void*>(va), 0x5a, page_size);
  // Multiples of 8, so that alignment is not what is refused.
  for (const std::uint64_t inside : {8ull, 16ull, r.size / 16 * 8ull, r.size - 8ull})
    expect_bad(r, va + page_size - inside, "straddles the end");
  expect_bad(r, va + page_size, "behind the end");
  expect_bad(r, va - 8, "starts before");
  must(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_owned));
  if (written) {
    expect_bad(r, va, "read-only");
    expect_bad(r, va + page_size - r.size, "read-only");
    for (std::uint64_t i = 0; i < page_size / 2; i += 8)
      expect_equal(load(va + i), 0x5a5a'5a5a'5a5a'5a5aull, "read-only page unchanged");
  }
  must(rt::unmap(abi::no_slot, va, 1));
  expect_bad(r, va, "unmapped again");
}

// The program's own text is readable, not writable.
void text_is_not_written(const Reader& r) {
  const auto text = reinterpret_cast<std::uint64_t>(&text_is_not_written) & ~0xfull;
  const std::uint64_t before = load(text);
  expect_bad(r, text, "text");
  expect_equal(load(text), before, "text unchanged");
  const auto& info = system_info();
  expect_bad(r, reinterpret_cast<std::uint64_t>(&info), "information page");
  expect_equal(info.magic, abi::info_magic);
  // The window is readable for us, but writing there would be writing page tables.
  expect_bad(r, abi::pte_window(text), "page-table window");
}

void console_and_log() {
  std::array<char, 16> small{};
  // The console's two either refuse the address or have nothing to do; they never take or give a byte.
  for (const std::uint64_t va : evil_addresses) {
    expect_refused(call::console_write(boot::console, Va{va}, 16), "console_write");
    expect_refused(call::console_read(boot::console, Va{va}, 16), "console_read");
  }
  for (const std::uint64_t size : {513ull, 1ull << 32, 1ull << 47, 1ull << 63, ~0ull}) {
    const auto answer = call::machine_log(boot::machine, small.data(), size);
    expect(!answer.has_value(), base::Text<60>{"machine_log of {:#x} bytes", size}.view());
  }
  for (const std::uint64_t size : {1ull << 32, 1ull << 47, 1ull << 63, ~0ull}) {
    expect_refused(call::console_write(boot::console, small.data(), size), "console_write, huge");
    expect_refused(call::console_read(boot::console, small.data(), size), "console_read, huge");
  }
}

// space_update's operations are an array: the 64th straddles.
void long_array() {
  const std::uint64_t va = new_va(3), target = new_va();
  must(rt::map_new(abi::no_slot, va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  auto* ops = reinterpret_cast<abi::SpaceOp*>(va + page_size - 40 * 63 - 16);
  for (int i = 0; i < 63; ++i)
    ops[i] = rt::map_new_op(target, 1, abi::map_read | abi::map_owned | abi::map_replace, boot::account);
  const auto before = must(rt::read_account(boot::account));
  const rt::RawAnswer answer = call::space_update.raw(abi::no_slot, ops, 64);
  expect_equal(answer.code(), Error::bad_address, "the array straddles");
  // Whether the readable ones were done is told by the progress, and must be so.
  const bool mapped = rt::own_entry(target) != 0;
  expect_equal(mapped, abi::SpaceProgress::unpack(answer.value).ops != 0, "progress tells the truth");
  if (!mapped) expect_same_account(before, boot::account, "a straddling array");
  must(rt::unmap(abi::no_slot, target, 1));
  must(rt::unmap(abi::no_slot, va, 1));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  thread = make_thread();
  for (const Reader& r : readers) {
    evil(r);
    straddling(r, false);
  }
  for (const Reader& r : writers) {
    evil(r);
    straddling(r, true);
    text_is_not_written(r);
  }
  console_and_log();
  long_array();
  expect_equal(must(rt::read_env(thread.env)).state, abi::RunState::created, "the env was not touched");
  expect_equal(must(rt::read_env(thread.env)).registers.rip, 0ull, "nor its registers");
  finish();
}
