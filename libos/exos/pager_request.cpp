// SPDX-License-Identifier: MIT
// Requests for memory: the kernel writes one into the account's page and wakes the root env, which answers it here. What
// cannot be given at once is tried for again until shortly before the deadline; then the largest process ends for it,
// rather than that force takes pages at random. Is something owed even so, nobody runs while force is at work, so that who
// has lost pages can be told by counting.
#include "base/format.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/timer.hpp"

namespace exos::pager {

namespace {

constexpr std::uint64_t spare_room = 64;              // frames beyond what was asked, so that the programs can go on at once
constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t try_again_ns = 50 * ns_per_ms;
constexpr std::uint64_t longest_last_call_ns = 500 * ns_per_ms;   // before the deadline: processes end from here on
constexpr std::uint64_t hold_ns = 5 * ns_per_ms;                  // before the deadline: nobody runs from here on
constexpr std::uint64_t longest_hold_ns = 1000 * ns_per_ms;
using Line = base::Text<200>;

constinit volatile abi::RevocationPage* page = nullptr;
constinit Timer again;

struct Open {
  abi::RevocationRequest request;      // as it was read: sequence tells the last that was answered
  std::uint64_t seen_ns = 0;
  bool unmet = false;                  // something is still owed
  bool told = false, held = false;     // told: the line about it was printed; held: the processes were counted
};
constinit Open open{};
constinit std::uint64_t known_losses = 0;

// Still to be given of the request for frames that is open; 0: none is.
std::uint64_t frames_wanted() {
  const auto info = own::account.usage();
  if (!info || info->request_resource != 1 + static_cast<std::uint64_t>(abi::Resource::frames)) return 0;
  return info->request_left;
}

std::uint64_t give(std::uint64_t wanted) {
  while (wanted != 0) {
    if (evict_for_request(open.request, wanted + spare_room) == 0 && shrink_for_request() == 0) return wanted;
    wanted = frames_wanted();
  }
  return 0;
}

void tell_unmet(std::uint64_t wanted) {
  if (std::exchange(open.told, true)) return;
  const swap::Use use = swap::use();
  const Line line{"exo: {} of {} pages that were asked back cannot be given: {}\n", wanted, open.request.count,
                  use.total == 0 ? "there is no swap (--swap SIZE)" : "the swap is full (a larger --swap gives more)"};
  link::log_line(line.view());
}

void end_for(Process& process, std::string_view why) {
  std::string_view name = "a process";
  if (!process.tasks.empty()) name = process.tasks.front()->name;
  const Line line{"exo: {} (pid {}): killed: {}\n", name, process.pid, why};
  link::log_line(line.view());
  send_signal(process, {.signo = static_cast<std::int32_t>(sig_kill)});
}

// The first process ends the container: only when there is no other.
void end_largest() {
  Process* largest = nullptr;
  std::uint64_t most = 0;
  Visitor visitor;
  for (Process& process : processes()) {
    if (process.exited || !process.memory) continue;
    if (!process.tasks.empty() && process.tasks.front()->exiting_by_kill) return;   // its memory is on the way
    const std::uint64_t pages = own_pages(*process.memory, visitor);
    const bool last_resort = largest == first_process();
    if (largest != nullptr && !last_resort && (&process == first_process() || pages <= most)) continue;
    largest = &process;
    most = pages;
  }
  visitor.go_home();
  if (largest != nullptr) end_for(*largest, "its memory was asked back, and nothing else can be given");
}

void count_all() {
  Visitor visitor;
  for (Memory& memory : all_memories()) memory.counted_pages = own_pages(memory, visitor);
}

// Nobody ran since they were counted: who has fewer pages has lost them.
void end_losers(std::uint64_t lost) {
  std::uint64_t found = 0;
  Visitor visitor;
  for (Process& process : processes()) {
    if (process.exited || !process.memory) continue;
    const std::uint64_t pages = own_pages(*process.memory, visitor);
    if (open.held && pages >= process.memory->counted_pages) continue;
    if (open.held) found += process.memory->counted_pages - pages;
    visitor.go_home();
    end_for(process, open.held ? "pages of it were taken by force" : "pages were taken by force before they could be given");
  }
  if (open.held && found < lost) {
    visitor.go_home();
    library_crash("pages of the library itself were taken by force");
  }
}

// Until force is done, or was not used.
void hold() {
  count_all();
  open.held = true;
  const std::uint64_t end = open.request.deadline_ns + longest_hold_ns;
  while (frames_wanted() != 0 && now().raw() < end)
    static_cast<void>(rt::sleep(abi::Nanoseconds{std::min(now().raw() + ns_per_ms, end)}));
}

void look_again_at(std::uint64_t ns) {
  again.fire = [](Timer&) {};
  arm(again, abi::Nanoseconds{ns});
}

void go_on() {
  const std::uint64_t left = give(frames_wanted());
  open.unmet = left != 0;
  if (left == 0) return;
  tell_unmet(left);
  const std::uint64_t time = now().raw(), deadline = open.request.deadline_ns;
  const std::uint64_t grace = deadline > open.seen_ns ? deadline - open.seen_ns : 0;
  const std::uint64_t last_call = deadline - std::min(grace / 4, longest_last_call_ns);
  if (time + hold_ns >= deadline) return hold();
  if (time >= last_call) end_largest();
  look_again_at(std::min(time + try_again_ns, time < last_call ? last_call : deadline - hold_ns));
}

}  // namespace

void start(const abi::container::StartInfo& info) {
  swap::start(info.swap_va, info.swap_pages);
  auto* fresh = static_cast<abi::RevocationPage*>(allocate_pages(1));
  if (fresh == nullptr) return;
  const auto bound = own::account.bind(own::self, frame_of_page(fresh));
  if (bound) page = fresh;
  else release_pages(fresh, 1);
}

void service() {
  if (page == nullptr) return;
  if (page->request.sequence != open.request.sequence) {
    open = {.request = {page->request.sequence, page->request.resource, page->request.first, page->request.count,
                        page->request.deadline_ns},
            .seen_ns = now().raw(), .unmet = page->request.resource == static_cast<std::uint64_t>(abi::Resource::frames)};
    cancel(again);
  }
  if (open.unmet && !again.armed()) go_on();
  if (page->lost_units == known_losses) return;
  const std::uint64_t lost = page->lost_units - known_losses;
  known_losses = page->lost_units;
  page->loss_count = 0;
  end_losers(lost);
}

}  // namespace exos::pager
