// SPDX-License-Identifier: MIT
// A library OS in 100 lines, explained in docs/tutorial.md: it pages its own memory, runs a second env, calls it, and
// asks memory back from it.
#include "libos/rt/events.hpp"
#include "libos/rt/log.hpp"
#include "libos/rt/revocation.hpp"
#include "libos/rt/slots.hpp"
#include "libos/rt/start.hpp"

namespace {

using abi::page_size;
constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr rt::Account root{abi::boot::account};
constexpr rt::Space space;  // the own one
constexpr std::uint64_t heap = 0x10'0000'0000, heap_end = heap + (1 << 30), store_base = heap_end;

constinit rt::SlotPool<> slots{abi::boot::first_free, root};
constinit std::uint64_t heap_faults = 0;

std::uint64_t& word_at(std::uint64_t va) { return *reinterpret_cast<std::uint64_t*>(va); }

// --- exceptions: a touched page of the heap gets a frame ---
void on_exception(rt::Event& event) {
  const bool in_heap = event.kind == 14 && event.address >= heap && event.address < heap_end;
  const std::uint64_t page = event.address & ~(page_size - 1);
  if (in_heap && space.map_new(page, 1, read_write | abi::map_owned, root).has_value()) {
    ++heap_faults;
    return;  // the instruction is tried again
  }
  rt::log("exception {} at {:#x}, address {:#x}", event.kind, event.registers.rip, event.address);
  rt::stop_machine(abi::boot::machine, 1);
}

struct Stacks {
  alignas(16) std::array<std::byte, 8192> main, exception, upcall;
};
constinit Stacks own_stacks{}, store_stacks{};

rt::Status take_events(rt::Env env, abi::UserArea& area, Stacks& stacks, rt::EventHandler on_upcall) {
  rt::prepare_events(area, stacks.exception, on_exception, stacks.upcall, on_upcall);
  return env.configure({.exception = rt::Va{rt::rt_exception_entry}.raw(),
                        .revoke = on_upcall != nullptr ? rt::Va{rt::rt_upcall_entry}.raw() : 0,
                        .gs_base = rt::Va{&area}.raw()});
}

// --- the second env: keeps values, a page for each, and gives pages back when asked ---
struct Store {
  rt::Account account;
  rt::Env env;
  rt::Entry entry;
  rt::RevocationInbox inbox;
  std::array<rt::FrameRun, 32> pages;
  std::uint64_t count;
};
constinit Store store{};

rt::Status keep(std::uint64_t value) {
  if (store.count == store.pages.size()) return base::Unexpected{abi::Error::over_limit};
  const rt::FrameRun frame = TRY(store.account.allocate());
  const std::uint64_t va = store_base + store.count * page_size;
  TRY_VOID(space.map(va, frame, read_write, store.account));
  word_at(va) = value;
  store.pages[store.count++] = frame;
  return {};
}

rt::Answer on_request(rt::Request& request) {
  const rt::Status kept = keep(request.message[0]);
  request.message[0] = store.count;
  return {.status = kept.has_value() ? 0 : static_cast<std::uint64_t>(kept.error())};
}

void on_upcall(rt::Event&) {
  while (store.inbox.next_request()) {
    for (auto use = store.account.usage(); use && use->request_left != 0 && store.count != 0;
         use = store.account.usage()) {
      --store.count;  // the youngest goes: what is worth keeping is the library's to say
      static_cast<void>(space.unmap(store_base + store.count * page_size, 1));
      static_cast<void>(store.account.free(store.pages[store.count]));
    }
  }
}

void run_store() { rt::halt(static_cast<std::uint64_t>(rt::serve(on_request))); }

// In one slice or in several.
rt::Status run_store_until_it_serves() {
  do {
    TRY_VOID(store.env.yield_to());
  } while (TRY(store.env.state()).state != abi::RunState::accepting);
  return {};
}

rt::Status make_store() {
  store.account = TRY(root.create_account(TRY(slots.take()), rt::frames_only(40)));
  const rt::FrameRun area = TRY(store.account.allocate()), inbox = TRY(store.account.allocate());
  const std::uint64_t area_va = store_base + 64 * page_size, inbox_va = area_va + page_size;
  TRY_VOID(space.map(area_va, area, read_write, store.account));
  TRY_VOID(space.map(inbox_va, inbox, read_write, store.account));
  store.env = TRY(store.account.create_env(TRY(slots.take()), rt::Space{abi::boot::space}, rt::Table{abi::boot::table},
                                           area.first));
  store.inbox = rt::RevocationInbox{*reinterpret_cast<abi::RevocationPage*>(inbox_va)};
  TRY_VOID(take_events(store.env, *reinterpret_cast<abi::UserArea*>(area_va), store_stacks, on_upcall));
  TRY_VOID(store.account.bind(store.env, inbox.first));
  store.entry = TRY(store.env.make_entry(TRY(slots.take()), 1));
  TRY_VOID(store.env.start(rt::Va{run_store}, rt::Va{store_stacks.main.end() - 8}));
  return run_store_until_it_serves();
}

// --- the first env ---
rt::Status hello(const abi::boot::Facts& facts) {
  TRY_VOID(
      take_events(rt::Env{abi::boot::self}, *reinterpret_cast<abi::UserArea*>(facts.user_area), own_stacks, nullptr));
  for (std::uint64_t i = 0; i < 3; ++i) word_at(heap + i * 5 * page_size) = i;
  rt::log("three pages touched, {} faults", heap_faults);

  TRY_VOID(make_store());
  rt::Message message{};
  for (std::uint64_t value = 0; value < 20; ++value) {
    message[0] = value;
    static_cast<void>(TRY(store.entry.call(message)));
  }
  rt::log("the store keeps {} values", message[0]);

  const std::uint64_t limit = rt::limit_of(TRY(store.account.usage()), abi::Resource::frames);
  TRY_VOID(store.account.ask_back(abi::Resource::frames, limit - 12, abi::Nanoseconds{0}));
  TRY_VOID(run_store_until_it_serves());  // after its upcall
  const std::uint64_t by_force = TRY(store.account.take_back());
  rt::log("asked for memory: the store keeps {} values, {} frames were taken by force", store.count, by_force);
  return {};
}

}  // namespace

std::uint64_t program(const abi::boot::Facts& facts) {
  const rt::Status done = hello(facts);
  rt::log("{}", done.has_value() ? "PASS" : abi::name(done.error()));
  rt::stop_machine(abi::boot::machine, done.has_value() ? 0 : 1);
}
