// SPDX-License-Identifier: MIT
// From the entry code to the handlers of the call table, and back.
#include "libos/exos/calls.hpp"

#include "libos/exos/call_classes.hpp"
#include "libos/exos/call_summary.hpp"
#include "libos/exos/copy_routines.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/exec.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/protection_keys.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/rseq.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/strace.hpp"
#include "libos/exos/trace/trace.hpp"
#include "libos/exos/userfault.hpp"
#include "base/format.hpp"

namespace exos {

namespace {

constexpr std::size_t table_size = call_count;
constinit bool watching = false;
using Handler = CallResult (*)(const Arguments&);

constexpr std::array<Handler, table_size> table = [] {
  std::array<Handler, table_size> rows{};
#define LINUX_CALL(number, name, level, format, note) rows[number] = linux_##name;
  LINUX_CALLS(LINUX_CALL)
#undef LINUX_CALL
  return rows;
}();
constinit std::array<bool, table_size> told_missing{};

// One line per number and container.
CallResult missing(std::uint64_t number) {
  if (number < table_size && !std::exchange(told_missing[number], true)) {
    base::Text<128> line{"exo: {}: Linux call {}", std::string_view{current().name}, number};
    if (!call_name(number).name.empty()) line.print(" ({})", call_name(number).name);
    line.append(" is missing (ENOSYS)\n");
    link::log_line(line.view());
  }
  return Fail{Errno::nosys};
}

std::uint64_t to_register(const CallResult& result) {
  return result ? *result : static_cast<std::uint64_t>(-static_cast<std::int64_t>(result.error()));
}

[[gnu::always_inline]] inline CallResult call_handler(std::uint64_t number, const Arguments& arguments) {
  if (number >= table_size || table[number] == nullptr) [[unlikely]] return missing(number);
  return table[number](arguments);
}

}  // namespace

[[nodiscard]] std::uint64_t run_any_call(Task& task, Frame& frame);

CallResult dispatch(std::uint64_t number, const Arguments& arguments) { return call_handler(number, arguments); }

void tell_missing(std::string_view what, std::uint64_t which, Errno answer) {
  struct Told { std::string_view what; std::uint64_t which; };
  static constinit std::array<Told, 32> told{};
  static constinit std::size_t count = 0;
  for (std::size_t i = 0; i < count; ++i) if (told[i].what == what && told[i].which == which) return;
  if (count == told.size()) return;
  told[count++] = {what, which};
  base::Text<160> line{"exo: {}: Linux call {} {:#x} is ", std::string_view{current().name}, what, which};
  if (answer == Errno{}) line.append("ignored\n");
  else line.print("missing (error {})\n", static_cast<std::int32_t>(answer));
  link::log_line(line.view());
}

void watch_calls() { watching = true; }
bool calls_watched() { return watching; }

// --- called by entry.cpp ----------------------------------------------------------------------------------------------
extern "C" {
// The entry has saved all registers.
[[gnu::used, clang::preserve_none]] void exos_call(Frame* frame);
[[gnu::used, clang::preserve_none]] void exos_trapped_call(Frame* frame);
[[gnu::used]] void exos_attention(Frame* frame);
[[gnu::used]] void exos_program_exception(Frame* frame);
[[gnu::used]] void exos_bad_return(Frame* frame, std::uint64_t vector);
[[gnu::used]] void exos_preempted(Frame* frame);
[[gnu::used]] void exos_task_started(Frame* frame);
[[gnu::used]] void exos_library_exception(Frame* frame);
}

namespace {

static_assert(offsetof(Frame, rdi) + offsetof(Arguments, f) == offsetof(Frame, r9) && offsetof(Frame, r10) == offsetof(Frame, rdi) + offsetof(Arguments, d));

constexpr std::int32_t si_kernel = 0x80, fpe_intdiv = 1, fpe_fltinv = 7, ill_illopn = 2, trap_trace = 2, bus_adraln = 1;

// The signal that an exception other than a page fault is. [intel/vol3 6.3.1]
SignalInfo signal_of(const Frame& frame) {
  const auto make_info = [&](std::uint32_t signal, std::int32_t code) {
    return SignalInfo{.signo = static_cast<std::int32_t>(signal), .code = code, .address = frame.rip};
  };
  switch (frame.vector) {
    case 0: return make_info(sig_fpe, fpe_intdiv);
    case 1: return make_info(sig_trap, trap_trace);
    case 3: return make_info(sig_trap, si_kernel);
    case 6: return make_info(sig_ill, ill_illopn);
    case 16: case 19: return make_info(sig_fpe, fpe_fltinv);
    case 17: return make_info(sig_bus, bus_adraln);
    case 4: case 5: case 10: case 11: case 12: case 13: return {.signo = static_cast<std::int32_t>(sig_segv), .code = si_kernel};
    default: return make_info(sig_ill, ill_illopn);
  }
}

constexpr std::uint32_t bus_adrerr = 0x100 | 2;
constexpr std::uint32_t resolved = 0, no_memory = 0x200;   // besides Memory::fault's codes
constexpr std::uint32_t segv_accerr = 2, segv_pkuerr = 4;

enum class FaultOf { program, copy, copy_at_once };

// A userfaultfd's reader is to answer. True: to be tried again. A copy that must not wait is noted.
[[gnu::noinline]] bool wait_for_reader(Memory& memory, std::uint64_t address, std::uint32_t code, FaultOf of) {
  if (of == FaultOf::program) return userfault::await_page(memory, address, code, userfault::By::program);
  if (of == FaultOf::copy && !CopiesFail::in_force()) return userfault::await_page(memory, address, code, userfault::By::library);
  constexpr std::uint64_t write = 2;
  current().awaited = base::align_down(address, abi::page_size) | ((code & userfault::fault_write) != 0 ? write : 0);
  return false;
}

// Nothing can go to make room. Who has the most has the least right to more; the others wait a little: he will ask before long, and end.
// False: there is nobody to wait for, or not any more.
bool wait_for_largest(std::uint32_t& turns) {
  constexpr std::uint32_t most_turns = 50, turn_ns = 2'000'000;
  const Memory& own = *current_process().memory;
  bool is_largest = true;
  for (const Process& other : processes()) is_largest = is_largest && (!other.memory || other.memory->resident <= own.resident);
  if (is_largest || turns == most_turns || current().exiting || current().exiting_by_kill) return false;
  ++turns;
  static_cast<void>(sched::block(abi::Nanoseconds{now().raw() + turn_ns}, Interruptible::no));
  return true;
}

// Of a page fault: `resolved`, so that who took it can go on as if nothing had been, or why not.
std::uint32_t resolve_page_fault(Process& process, std::uint64_t address, std::uint64_t error, FaultOf of) {
  for (;;) {
    std::uint32_t code = resolved;
    if (process.memory->fault(address, error, code)) {
      ++process.minor_faults;
      return resolved;
    }
    if ((code & userfault::is_awaited) == 0) [[likely]] return code;
    if (!wait_for_reader(*process.memory, address, code, of)) return bus_adrerr;
    if (of == FaultOf::program) return resolved;   // it tries again by itself, when its signals have been handled
  }
}

SignalInfo signal_of_page_fault(const Process& process, std::uint32_t code, std::uint64_t address) {
  constexpr std::uint32_t bus = 0x100;
  return {.signo = static_cast<std::int32_t>((code & bus) != 0 ? sig_bus : sig_segv), .code = static_cast<std::int32_t>(code & 0xff),
          .value = code == segv_pkuerr ? process.memory->find(address)->key : 0u, .address = address};
}

// The fault's handler is entered at once where nothing else is to be looked at on the way back.
void raise_fault(Task& task, const SignalInfo& info) {
  const auto signal = static_cast<std::uint32_t>(info.signo) - 1;
  const SignalAction& action = task.process->actions->action[signal];
  const bool looked_at = std::atomic_ref{task_area(*task.area).attention}.load(std::memory_order_relaxed) != 0 || task.watched;
  if (looked_at || action.handler <= 1 || (task.signals.mask >> signal & 1) != 0) [[unlikely]] return send_fault(info);
  deliver(task, info, action);
}

// A fault of the program itself, who holds nothing of the library's and so can wait.
std::uint32_t resolve_patiently(Process& process, std::uint64_t address, std::uint64_t error) {
  std::uint32_t turns = 0, code = resolved;
  do code = resolve_page_fault(process, address, error, FaultOf::program);
  while (code == no_memory && wait_for_largest(turns));
  return code;
}

// The call failed for want of memory, and so has changed nothing: made again as long as others can make room.
CallResult dispatch_with_room(std::uint64_t number, const Arguments& arguments, CallResult result) {
  constexpr std::uint64_t least = 64, most = 4096;
  const auto for_want = [](Errno error) { return error == Errno::nomem || error == Errno::nospc || error == Errno::again; };
  std::uint32_t turns = 0;
  for (std::uint64_t wanted = least; !result && for_want(result.error());) {
    const bool made = wanted <= most && pager::make_room(room_for_files() + wanted);
    if (made) wanted *= 2;
    else if (!wait_for_largest(turns)) return result;
    const std::uint64_t failures = memory_failures;
    result = dispatch(number, arguments);
    if (memory_failures == failures) return result;
  }
  return result;
}

// For --strace and --syscall-summary.
[[gnu::noinline]] CallResult run_shown(std::uint64_t number, const Arguments& given) {
  const Arguments arguments = given;   // the call may replace the frame
  strace_enter(number, arguments);
  summary_count(number);
  const std::uint64_t begun_ns = now().raw(), failures = memory_failures;
  CallResult result = dispatch(number, arguments);
  if (!result && memory_failures != failures) result = dispatch_with_room(number, arguments, result);
  summary_add(number, now().raw() - begun_ns, result);
  strace_call(number, arguments, result);
  return result;
}

// A call that came through the kernel: its site is patched.
[[gnu::always_inline]] inline void take_trapped(Task& task, Frame& frame) {
  constexpr std::uint64_t trap_flag = 1 << 8;
  task.area->foreign_rip = 0;
  if ((task.area->foreign_rflags & trap_flag) != 0) {   // the program single-steps: TF comes back on the full way
    frame.rflags = task.area->foreign_rflags;
    sched::ask_attention(task, attention_signal);
  }
  ++task.process->trapped_calls;
  constexpr std::uint64_t rt_sigreturn = 15;   // by code that unwinders look for: it stays as it is (patch_file.cpp)
  if (frame.call != rt_sigreturn) patch_site(*task.process->memory, frame.rip - 2);
}

enum class Way { direct, trapped };

// What the call has put into the frame is what the program continues with, rcx and r11 too: that is the way back of a trapped call,
// and the slow one of others.
[[gnu::always_inline]] inline void leave_frame(Task& task, Way way) {
  task.frame_replaced = false;
  if (way == Way::direct) sched::ask_attention(task, attention_signal);
}

// What becomes of a call that failed, `wanting` memory perhaps: it is made again, or the way back decides whether it is. The
// answer is what the program finds in its register.
[[gnu::noinline]] std::uint64_t settle_failure(Task& task, std::uint64_t number, const Arguments& arguments, CallResult result, bool wanting) {
  if (wanting && !watching) result = dispatch_with_room(number, arguments, result);
  if (!result && (result.error() == Errno::restart_sys || result.error() == Errno::restart_always || result.error() == Errno::restart_no_handler)) {
    task.pending_restart = result.error();
    sched::ask_attention(task, attention_restart);
  }
  if (task.signals.restore_mask) sched::ask_attention(task, attention_signal);
  return to_register(result);
}

// A call of a task that is watched: shown, or traced, or both.
[[gnu::noinline]] std::uint64_t run_watched(Task& task, Frame& frame) {
  return task.trace != nullptr ? trace::run_call(task, frame) : run_any_call(task, frame);
}

[[gnu::noinline]] void kill_for_memory(Process& process) {
  const base::Text<160> line{"exo: {}: out of memory: killed (a larger -m gives more)\n", std::string_view{current().name}};
  link::log_line(line.view());
  send_signal(process, {.signo = static_cast<std::int32_t>(sig_kill), .code = si_kernel});
}

[[gnu::noinline]] void raise_other_page_fault(Task& task, std::uint32_t code, const Frame& frame) {
  if (code == no_memory) return kill_for_memory(*task.process);
  if (!guard::heals(frame.address, frame.error)) raise_fault(task, signal_of_page_fault(*task.process, code, frame.address));
}

}  // namespace

// The call that the frame says; what the program finds in rax.
std::uint64_t run_any_call(Task& task, Frame& frame) {
  const std::uint64_t number = frame.call, failures = memory_failures;
  const auto& arguments = *reinterpret_cast<const Arguments*>(&frame.rdi);
  const CallResult result = watching ? run_shown(number, arguments) : dispatch(number, arguments);
  return result ? *result : settle_failure(task, number, arguments, result, memory_failures != failures);
}

namespace {

[[gnu::always_inline]] inline void make_call(Frame* frame, Way way) {
  abi::UserArea& area = current_user_area();
  sched::lock(area);
  Task& task = *task_area(area).task;
  task.frame = frame;
  ++task.process->system_calls;
  if (way == Way::trapped) take_trapped(task, *frame);
  const std::uint64_t number = frame->call;
  const auto& arguments = *reinterpret_cast<const Arguments*>(&frame->rdi);
  const std::uint64_t failures = memory_failures;
  CallResult result = task.watched ? CallResult{run_watched(task, *frame)} : call_handler(number, arguments);
  if (!result) [[unlikely]] result = settle_failure(task, number, arguments, result, memory_failures != failures);
  if (task.frame_replaced) [[unlikely]] leave_frame(task, way);
  else frame->rax = *result;
  sched::unlock(area);
}

}  // namespace

[[clang::preserve_none]] void exos_call(Frame* frame) { make_call(frame, Way::direct); }
[[clang::preserve_none]] void exos_trapped_call(Frame* frame) { make_call(frame, Way::trapped); }

void exos_attention(Frame* frame) {
  sched::lock();
  Task& task = current();
  task.frame = frame;
  const std::uint32_t why = std::atomic_ref{task_area(*task.area).attention}.exchange(0, std::memory_order_relaxed);
  if ((why & attention_resched) != 0) {
    sched::end_turn();
    if (frame->call == ~std::uint64_t{0}) leave_sequence(task);
    check_cpu_timers(task);
  }
  tell_processor(task);
  handle_signals();
  sched::unlock();
}

// Without the lock, for which there is no time in the grace period; the way back takes it, and gives the processor away when
// somebody holds it.
void exos_preempted(Frame* frame) {
  Task& task = current();
  task.frame = frame;
  frame->vector = ~std::uint64_t{0};   // as of a call: an upcall's kind is no exception's number
  frame->error = 0;
  ++task_area(*task.area).program_ends;
  sched::ask_attention(task, attention_resched);
}

void exos_program_exception(Frame* frame) {
  abi::UserArea& area = current_user_area();
  sched::lock(area);
  Task& task = *task_area(area).task;
  task.frame = frame;
  constexpr std::uint64_t page_fault = 14;
  constexpr std::uint64_t debug = 1;
  // It was between a site and its stub on another processor when the patched pages went.
  if (frame->vector == page_fault && task.process->memory->unpatched) [[unlikely]]
    frame->rip = site_of(*task.process->memory, frame->rip);
  // One step of the program is a whole call; in the library TF would be the library's own fault.
  if (frame->vector == debug && (step_out(*task.process->memory, frame->rip) || trace::outlived_step(task))) [[unlikely]] return sched::unlock(area);
  if (frame->vector != page_fault) {
    raise_fault(task, signal_of(*frame));
  } else if (const std::uint32_t code = resolve_patiently(*task.process, frame->address, frame->error); code == segv_accerr) {
    raise_fault(task, {.signo = static_cast<std::int32_t>(sig_segv), .code = segv_accerr, .address = frame->address});
  } else if (code != resolved) {
    raise_other_page_fault(task, code, *frame);
  }
  sched::unlock(area);
}

// The way back could not load what the program (by a signal frame, say) asked for.
void exos_bad_return(Frame* frame, std::uint64_t) {
  sched::lock();
  current().frame = frame;
  send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = si_kernel});
  // Handlers would return to the same place; what they find there must be loadable.
  frame->rip &= 0x7fff'ffff'ffff;
  frame->rsp &= 0x7fff'ffff'ffff;
  sched::unlock();
}

// A new task's first step, on its library stack and in its space.
void exos_task_started(Frame* frame) {
  sched::begin();
  Task& task = current();
  task.frame = frame;
  if (task.library_work != nullptr) task.library_work();
  if (std::exchange(task.shut_out, false)) {
    keys::set_initial_rights();
    task.process->actions->action[sig_segv - 1].handler = 0;   // of what it could be called with little is left
    send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = si_kernel});
  }
  if (task.process == first_process() && !task.process->executed) execute_first();
  if (task.set_child_tid != 0) static_cast<void>(write_user(std::exchange(task.set_child_tid, 0), task.tid));
  task.frame_replaced = false;
  sched::unlock();
}

// Only copies to and from the program may fault in the library; everything else is its own error.
void exos_library_exception(Frame* frame) {
  const std::uint64_t after = after_failed_copy(frame->rip);
  constexpr std::uint64_t page_fault = 14, general_protection = 13;
  if (after == 0 || (frame->vector != page_fault && frame->vector != general_protection) || current_or_null() == nullptr)
    library_fault(*frame);
  const FaultOf of = is_copy_at_once(frame->rip, frame->rsp) ? FaultOf::copy_at_once : FaultOf::copy;
  const std::uint32_t code =
      frame->vector == page_fault ? resolve_page_fault(current_process(), frame->address, frame->error, of) : ~std::uint32_t{0};
  if (code == resolved) return;
  if (code == no_memory) kill_for_memory(current_process());
  frame->rip = after;
}

}  // namespace exos
