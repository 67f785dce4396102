// SPDX-License-Identifier: MIT
// A protection domain for tests: its own account, space, table and env. It runs functions of this program, on its own
// copies of all variables; only a mailbox page is shared with its maker.
#pragma once

#include "tests/kernel/guest.hpp"

namespace guest {

// Seen by both sides; the domain's own view is at domain::mailbox.
struct Mailbox {
  void (*body)(std::uint64_t argument);
  std::uint64_t argument;
  std::array<volatile std::uint64_t, 500> words;
};
static_assert(sizeof(Mailbox) <= page_size);

// Where things lie in a domain, besides the program's image. Slots are those of abi/boot.hpp: account, self, space,
// table, and machine (log only).
namespace domain {
inline constexpr std::uint64_t stack_top = 0x1'0010'0000, stack_pages = 8;
inline constexpr std::uint64_t area = 0x1'0020'0000, mailbox = 0x1'0030'0000, free_va = 0x2'0000'0000;
[[nodiscard]] inline Mailbox& own_mailbox() { return *reinterpret_cast<Mailbox*>(mailbox); }
}  // namespace domain

struct Domain {
  CapSlot account, space, table, env;  // in the maker's table
  FrameNumber area_frame, mailbox_frame;
  abi::UserArea* area = nullptr;       // the maker's views
  Mailbox* mailbox = nullptr;
};

[[nodiscard]] Domain make_domain(std::uint64_t limit_frames = 256, std::uint64_t slices = 0);

// Sets it going; it runs when it is given time. The body's end, or halt(), ends it.
void start(Domain& d, void (*body)(std::uint64_t), std::uint64_t argument = 0);

// Gives an env time until it is no longer ready (or `rounds` slices are over) and returns its state. One yield would
// not do: it gives away the rest of a slice, which may be next to nothing.
abi::EnvState run(CapSlot env, std::uint64_t rounds = 200);
inline abi::EnvState run(Domain& d, std::uint64_t rounds = 200) { return run(d.env, rounds); }
// start and run; expects it to halt without failures of its own, and returns.
void run_body(Domain& d, void (*body)(std::uint64_t), std::uint64_t argument = 0, Where at = here());

// Takes everything apart and expects all to be paid back.
void destroy(Domain& d, Where at = here());

// The next env sits in the same space and table as the maker: a second thread, in tests of processors and time.
struct Thread {
  CapSlot env;
  FrameNumber area_frame;
  abi::UserArea* area = nullptr;
  std::uint64_t stack_top = 0;
};
[[nodiscard]] Thread make_thread();
// Enters `entry` with rdi = argument; it must not return.
void start(Thread& t, void (*entry)(std::uint64_t), std::uint64_t argument = 0);
void destroy(Thread& t);

}  // namespace guest
