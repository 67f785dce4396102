// SPDX-License-Identifier: MIT
// The root env: sets the container up, makes the first process, and then schedules for ever.
#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "abi/info.hpp"
#include "abi/link.hpp"
#include "base/cpio.hpp"
#include "base/format.hpp"
#include "libos/exos/copy_routines.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/exec.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/call_summary.hpp"
#include "libos/exos/strace.hpp"
#include "libos/rt/clock.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {

namespace {

using abi::container::StartInfo;

constinit std::uint64_t library_frames = 0;  // used before the first process

const abi::SystemInfo& system_info() { return *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info); }

// In place, unless it is longer than the page of facts: then from the archive.
std::string_view run_text(const StartInfo& start) {
  if (start.command_size <= sizeof start.command) return {start.command, start.command_size};
  base::cpio::Reader reader{{reinterpret_cast<const std::byte*>(start.archive_va), start.archive_size}};
  base::cpio::Entry entry;
  while (reader.next(entry) == base::cpio::Step::entry)
    if (entry.name == "aegis/run") return {reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
  return {};
}

// The root env takes exceptions only to report its own errors.
void prepare_root_area() {
  auto& area = *reinterpret_cast<abi::UserArea*>(abi::map::state_root_area);
  task_area(area) = {.self = &area};
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&exos_exception_entry),
                                .revoke = reinterpret_cast<std::uint64_t>(&exos_upcall_entry),
                                .gs_base = abi::map::state_root_area, .monitor = abi::container::monitor};
  static_cast<void>(rt::configure_self(entries));
}

[[noreturn]] void give_up(std::string_view what, Errno error) {
  const base::Text<160> line{"exo: the container cannot start: {} (error {})\n", what, static_cast<std::int32_t>(error)};
  link::log_line(line.view());
  constexpr std::uint32_t status = 125;
  link::send_now(abi::link::Channel::control, static_cast<std::uint8_t>(abi::link::Control::exited), &status, sizeof status);
  rt::halt(0);
}

}  // namespace

void report_start() {
  const abi::SystemInfo& info = system_info();
  const MemoryUse use = memory_use();
  const abi::link::BootFigures figures{rt::read_tsc() - info.boot_tsc, now().raw() - rt::Clock{info}.at(info.boot_tsc).raw(),
                                       info.kernel_frames, library_frames, use.used - library_frames, info.free_frames};
  link::send_now(abi::link::Channel::control, static_cast<std::uint8_t>(abi::link::Control::started), &figures, sizeof figures);
}

// Called from assembly, which the optimiser of the whole image does not read: so it is for all that is [[gnu::used]].
extern "C" [[noreturn, gnu::used]] void exos_main(const StartInfo* start);
extern "C" [[noreturn]] void exos_main(const StartInfo* start) {
  prepare_root_area();
  heap_start(start->heap_start);
  choose_copies();
  link::start();
  if (system_info().xsave_size > area_vector_size) give_up("the processor's vector state is too large", Errno::inval);
  if (const Status files = files_start(run_text(*start)); !files) give_up("its files", files.error());
  if (run_description().guard) guard::start();
  if (const std::string_view wrong = strace_start(run_description().strace.view()); !wrong.empty()) {
    const base::Text<120> what{"--strace: no call or class is called `{}`", wrong};
    give_up(what.view(), Errno::inval);
  }
  summary_start(run_description().syscall_summary);
  if (strace_wanted() || summary_wanted()) watch_calls();
  pager::start(*start);
  if (const Status others = start_processors(); !others) give_up("its processors", others.error());
  library_frames = memory_use().used;
  if (const auto process = create_first_process(); !process) give_up("its first process", process.error());
  sched::root_loop();
}

extern "C" [[gnu::naked, gnu::section(".text.entry"), gnu::used]] void exos_start() {
  asm volatile("xor %ebp, %ebp\n call exos_main\n ud2\n");
}

}  // namespace exos
