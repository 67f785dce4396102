// SPDX-License-Identifier: MIT
// ptrace: who may ask for what. How a traced task stops is in trace/.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/calls/ptrace_registers.hpp"
#include "libos/exos/memory_visit.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {

namespace {

using trace::Stop;
using trace::Trace;

enum Request : std::uint32_t {
  trace_me = 0, peek_text = 1, peek_data = 2, peek_user = 3, poke_text = 4, poke_data = 5, poke_user = 6, cont = 7, kill = 8,
  single_step = 9, get_regs = 12, set_regs = 13, get_fp_regs = 14, set_fp_regs = 15, attach = 16, detach = 17, to_call = 24,
  emulate = 31, emulate_step = 32, set_options = 0x4200, get_message = 0x4201, get_info = 0x4202, set_info = 0x4203,
  get_set = 0x4204, set_set = 0x4205, seize = 0x4206, interrupt = 0x4207, listen = 0x4208, peek_info = 0x4209, get_mask = 0x420a,
  set_mask = 0x420b, get_call_info = 0x420e, get_sequences = 0x420f
};

constexpr std::uint32_t last_signal = 64;
constexpr std::uint64_t mask_size = 8;

// --- who traces whom --------------------------------------------------------------------------------------------------
Task* creator_of(Process& process) {
  if (process.parent == nullptr || process.parent->exited) return nullptr;
  Task* creator = find_task(process.creator);
  return creator != nullptr && creator->process == process.parent ? creator : process.parent->tasks.front();
}

Status start_by_parent() {
  Task& self = current();
  Task* parent = creator_of(*self.process);
  if (self.trace != nullptr || parent == nullptr) return Fail{Errno::perm};
  return trace::begin(self, *parent, 0, false);
}

// A task that its process's group stop holds comes out of it, and stands for its tracer.
void take_out_of_group_stop(Task& task) {
  if (!task.process->stopped || task.state != TaskState::stopped) return;
  task.trace->group_stop_wanted = true;
  sched::make_ready(task);
}

Status start(Task& task, std::uint32_t options, bool seized) {
  const bool library_only = task.library_work != nullptr;
  if (task.process == &current_process() || library_only || task.exiting || task.trace != nullptr) return Fail{Errno::perm};
  if (!trace::may_access(*task.process)) return Fail{Errno::perm};
  TRY_VOID(trace::begin(task, current(), options, seized));
  take_out_of_group_stop(task);
  if (!seized) send_signal(task, {.signo = static_cast<std::int32_t>(sig_stop), .code = 0x80});
  return {};
}

// --- memory, signals, the call ----------------------------------------------------------------------------------------
CallResult read_word(Task& task, std::uint64_t from, std::uint64_t to) {
  std::uint64_t word;
  if (!read_memory(*task.process->memory, &word, from, sizeof word)) return Fail{Errno::io};
  return nothing(write_user(to, word));
}
CallResult write_word(Task& task, std::uint64_t to, std::uint64_t word) {
  if (!poke_memory(*task.process->memory, to, &word, sizeof word)) return Fail{Errno::io};
  return 0;
}

CallResult give_info(const Trace& trace, std::uint64_t to) {
  if (trace.info == nullptr) return Fail{Errno::inval};
  UserSignalInfo info = to_user(*trace.info);
  if (trace.stop != Stop::signal) info.raw[0] = trace.info->address;   // who stopped: the task itself
  return nothing(write_user(to, info));
}
CallResult take_info(Trace& trace, std::uint64_t from) {
  const auto given = TRY(read_user<UserSignalInfo>(from));
  if (trace.info == nullptr) return Fail{Errno::inval};
  SignalInfo info = from_user(given);
  info.address = given.raw[0];
  info.status = given.child.status;
  *trace.info = info;
  return 0;
}

struct PeekArguments { std::uint64_t offset; std::uint32_t flags; std::int32_t count; };

// Of the signals that wait for the task, or (flag) for its process, in the order of their numbers.
CallResult give_pending(Task& task, std::uint64_t at, std::uint64_t to) {
  constexpr std::uint32_t shared = 1;
  const auto wanted = TRY(read_user<PeekArguments>(at));
  if ((wanted.flags & ~shared) != 0 || wanted.count < 0) return Fail{Errno::inval};
  const PendingSignals& pending = (wanted.flags & shared) != 0 ? task.process->pending : task.signals.pending;
  std::uint64_t index = 0, done = 0;
  const auto give = [&](const SignalInfo& info) -> Status {
    if (index++ < wanted.offset || done >= static_cast<std::uint64_t>(wanted.count)) return {};
    return write_user(to + done++ * sizeof(UserSignalInfo), to_user(info));
  };
  for (std::uint32_t signal = 1; signal < 32; ++signal)
    if ((pending.set >> (signal - 1) & 1) != 0) TRY_VOID(give(pending.info[signal - 1]));
  for (const QueuedSignal* queued = pending.queued; queued != nullptr; queued = queued->next) TRY_VOID(give(queued->info));
  return done;
}

CallResult give_mask(const Task& task, std::uint64_t size, std::uint64_t to) {
  if (size != mask_size) return Fail{Errno::inval};
  return nothing(write_user(to, task.signals.restore_mask ? task.signals.saved_mask : task.signals.mask));
}
CallResult take_mask(Task& task, std::uint64_t size, std::uint64_t from) {
  if (size != mask_size) return Fail{Errno::inval};
  constexpr std::uint64_t unmaskable = std::uint64_t{1} << (sig_kill - 1) | std::uint64_t{1} << (sig_stop - 1);
  task.signals.mask = TRY(read_user<std::uint64_t>(from)) & ~unmaskable;
  task.signals.restore_mask = false;
  return 0;
}

struct CallInfo {                  // struct ptrace_syscall_info
  std::uint8_t kind, pad[3];
  std::uint32_t architecture;
  std::uint64_t rip, rsp;
  union {
    struct { std::uint64_t number, arguments[6]; } entry;
    struct { std::int64_t result; std::uint8_t is_error; } exit;
  };
};

CallResult give_call_info(const Task& task, std::uint64_t size, std::uint64_t to) {
  constexpr std::uint32_t x86_64 = 0xc000'003e;
  constexpr std::uint8_t none = 0, entry = 1, exit = 2;
  constexpr std::int64_t largest_error = 4095;
  const Frame& f = *task.frame;
  CallInfo info{.kind = none, .pad = {}, .architecture = x86_64, .rip = f.rip, .rsp = f.rsp, .entry = {}};
  std::uint64_t length = offsetof(CallInfo, entry);
  const bool told_apart = (task.trace->options & trace::option_system_good) != 0;
  if (told_apart && task.trace->stop == Stop::call_enter) {
    info.kind = entry;
    info.entry = {f.call, {f.rdi, f.rsi, f.rdx, f.r10, f.r8, f.r9}};
    length += sizeof info.entry;
  } else if (told_apart && task.trace->stop == Stop::call_exit) {
    info.kind = exit;
    const auto result = static_cast<std::int64_t>(f.rax);
    info.exit = {result, result < 0 && result >= -largest_error};
    length = offsetof(CallInfo, exit.is_error) + 1;
  }
  TRY_VOID(copy_out(to, &info, std::min(size, length)));
  return length;
}

CallResult give_sequences(const Task& task, std::uint64_t size, std::uint64_t to) {
  const struct { std::uint64_t area; std::uint32_t size, signature, flags, pad; } about{
      task.rseq_area, task.rseq_area != 0 ? 32u : 0u, task.rseq_area != 0 ? task.rseq_signature : 0, 0, 0};
  TRY_VOID(copy_out(to, &about, std::min<std::uint64_t>(size, sizeof about)));
  return sizeof about;
}

// --- going on ---------------------------------------------------------------------------------------------------------
CallResult go_on(Task& task, trace::Resume resume, std::uint64_t signal) {
  if (signal > last_signal) return Fail{Errno::io};
  task.trace->resume = resume;
  trace::let_go(task, static_cast<std::uint32_t>(signal));
  return 0;
}

CallResult release(Task& task, std::uint64_t signal) {
  if (signal > last_signal) return Fail{Errno::io};
  trace::end(*task.trace);
  trace::let_go(task, static_cast<std::uint32_t>(signal));
  return 0;
}

CallResult ask_to_stop(Task& task) {
  if (!task.trace->seized) return Fail{Errno::io};
  task.trace->trap_wanted = true;
  if (task.trace->listening) trace::let_go(task, 0);
  else sched::interrupt(task);
  return 0;
}

// It stays where it is, and its tracer is told of the next change of the group's stop.
CallResult stay_stopped(Task& task) {
  Trace& trace = *task.trace;
  if (!trace.seized || trace.code >> 8 != trace::event_stop) return Fail{Errno::io};
  trace.listening = true;
  if (trace.trap_wanted) trace::let_go(task, 0);
  return 0;
}

CallResult take_options(Trace& trace, std::uint64_t options) {
  if ((options & ~std::uint64_t{trace::known_options}) != 0) return Fail{Errno::inval};
  trace.options = static_cast<std::uint32_t>(options);
  return 0;
}

// Of a task that stands in a stop of this tracer's.
CallResult ask(Task& task, std::uint32_t request, std::uint64_t address, std::uint64_t data) {
  Trace& trace = *task.trace;
  switch (request) {
    case peek_text: case peek_data: return read_word(task, address, data);
    case poke_text: case poke_data: return write_word(task, address, data);
    case peek_user: return trace::peek_user(task, address, data);
    case poke_user: return trace::poke_user(task, address, data);
    case get_regs: return trace::get_registers(task, data);
    case set_regs: return trace::take_registers(task, data);
    case get_fp_regs: return trace::get_vector_registers(task, data);
    case set_fp_regs: return trace::take_vector_registers(task, data);
    case get_set: return trace::get_register_set(task, address, data);
    case set_set: return trace::take_register_set(task, address, data);
    case cont: return go_on(task, trace::Resume::run, data);
    case to_call: return go_on(task, trace::Resume::to_call, data);
    case single_step: return go_on(task, trace::Resume::step, data);
    case emulate: return go_on(task, trace::Resume::skip_call, data);
    case emulate_step: return go_on(task, trace::Resume::skip_call_and_step, data);
    case detach: return release(task, data);
    case listen: return stay_stopped(task);
    case set_options: return take_options(trace, data);
    case get_message: return nothing(write_user(data, trace.message));
    case get_info: return give_info(trace, data);
    case set_info: return take_info(trace, data);
    case peek_info: return give_pending(task, address, data);
    case get_mask: return give_mask(task, address, data);
    case set_mask: return take_mask(task, address, data);
    case get_call_info: return give_call_info(task, address, data);
    case get_sequences: return give_sequences(task, address, data);
    default: return Fail{Errno::io};
  }
}

}  // namespace

CallResult linux_ptrace(const Arguments& a) {
  const std::uint32_t request = as_u32(a.a);
  if (request == trace_me) return nothing(start_by_parent());
  Task* task = as_i32(a.b) > 0 ? find_task(as_u32(a.b)) : nullptr;
  if (task == nullptr) return Fail{Errno::srch};
  if (request == attach) return nothing(start(*task, 0, false));
  if (request == seize) {
    if (a.c != 0 || (a.d & ~std::uint64_t{trace::known_options}) != 0) return Fail{Errno::io};
    return nothing(start(*task, static_cast<std::uint32_t>(a.d), true));
  }
  if (task->trace == nullptr || task->trace->tracer != &current()) return Fail{Errno::srch};
  if (request == kill) {
    send_signal(*task, {.signo = static_cast<std::int32_t>(sig_kill)});
    return 0;
  }
  if (request == interrupt) return ask_to_stop(*task);
  if (!task->standing || task->trace->listening) return Fail{Errno::srch};
  return ask(*task, request, a.c, a.d);
}

}  // namespace exos
