// SPDX-License-Identifier: MIT
// The layout is that of Linux' rt_sigframe for x86-64: return address, ucontext, siginfo, and above them, aligned to 64,
// the vector state as xsave writes it, with the words by which unwinders and debuggers find its size.
#include "libos/exos/signal_frame.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/rseq.hpp"
#include "libos/exos/sched.hpp"

namespace exos {

namespace {

struct MachineContext {          // struct sigcontext
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t error, vector, old_mask, address, vector_state, reserved[8];
};
static_assert(sizeof(MachineContext) == 256);

struct SignalFrame {
  std::uint64_t return_address;
  std::uint64_t flags, link;     // ucontext from here
  UserStack stack;
  MachineContext machine;
  std::uint64_t mask;
  UserSignalInfo info;
};
static_assert(sizeof(SignalFrame) == 440);

constexpr std::uint64_t context_flags = 1 | 2 | 4;  // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
constexpr std::uint32_t magic_start = 0x4650'5853, magic_end = 0x4650'5845;
constexpr std::size_t software_words_at = 464;      // in the xsave area: left to software [intel/vol1 10.5.1]
constexpr std::uint64_t program_flags = 0xdd5;      // CF PF AF ZF SF TF DF OF

const abi::SystemInfo& system_info() { return *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info); }

MachineContext machine_context(const Frame& f, std::uint64_t mask, std::uint64_t vector_state) {
  const bool exception = f.call == ~std::uint64_t{0} && f.vector < 32;
  return {f.r8, f.r9, f.r10, f.r11, f.r12, f.r13, f.r14, f.r15, f.rdi, f.rsi, f.rbp, f.rbx, f.rdx, f.rax, f.rcx, f.rsp, f.rip,
          f.rflags, 0x33, 0, 0, 0x2b, exception ? f.error : 0, exception ? f.vector : 0, mask,
          exception && f.vector == 14 ? f.address : 0, vector_state, {}};
}

// Saves the processor's vector state, still the program's, on the program's stack.
Status write_vector_state(std::uint64_t at) {
  const std::uint32_t size = system_info().xsave_size;
  struct { std::uint32_t magic, extended_size; std::uint64_t features; std::uint32_t state_size, pad[7]; } words{
      magic_start, size + 4, system_info().xcr0, size, {}};
  static_assert(sizeof words == 48);
  TRY_VOID(save_vector_out(at, size));
  TRY_VOID(write_user(at + software_words_at, words));
  return write_user(at + size, magic_end);
}

Status read_vector_state(Task& task, std::uint64_t at) {
  if (at != 0 && load_vector_in(at, system_info().xsave_size)) return {};
  std::byte* buffer = vector_buffer(*task.area);
  if (at == 0) {
    make_initial_vector(buffer);
  } else {
    TRY_VOID(copy_in(buffer, at, system_info().xsave_size));
    // It cannot be loaded as it is. What xrstor faults on: components that are off, the compact form, reserved header and MXCSR bits.
    std::uint64_t present;
    std::memcpy(&present, buffer + 512, sizeof present);
    present &= system_info().xcr0;
    std::memset(buffer + 512, 0, 64);
    std::memcpy(buffer + 512, &present, sizeof present);
    std::uint32_t mxcsr;
    std::memcpy(&mxcsr, buffer + 24, sizeof mxcsr);
    mxcsr &= 0xffff;
    std::memcpy(buffer + 24, &mxcsr, sizeof mxcsr);
  }
  load_vector(buffer);
  return {};
}

Status push_frame(const SignalInfo& info, const SignalAction& action, std::uint64_t mask) {
  Task& task = current();
  SignalState& state = task.signals;
  Frame& f = *task.frame;
  std::uint64_t sp = f.rsp - 128;  // the red zone
  const bool switches = (action.flags & sa_onstack) != 0 && (state.stack_flags & 2) == 0 && !on_signal_stack(state, f.rsp);
  if (switches) sp = state.stack_base + state.stack_size;
  const std::uint64_t vector_at = base::align_down<std::uint64_t>(sp - system_info().xsave_size - 4, 64);
  const std::uint64_t at = base::align_down<std::uint64_t>(vector_at - sizeof(SignalFrame), 16) - 8;
  if (on_signal_stack(state, f.rsp) && at < state.stack_base) return Fail{Errno::fault};
  TRY_VOID(write_vector_state(vector_at));
  const UserStack stack{state.stack_base, static_cast<std::int32_t>(state.stack_flags), 0, state.stack_size};
  const SignalFrame frame{action.restorer, context_flags, 0, stack, machine_context(f, mask, vector_at), mask, to_user(info)};
  TRY_VOID(write_user(at, frame));
  f.rdi = static_cast<std::uint64_t>(info.signo);
  f.rsi = at + offsetof(SignalFrame, info);
  f.rdx = at + offsetof(SignalFrame, flags);
  f.rax = 0;
  f.rip = action.handler;
  f.rsp = at;
  f.rflags = 0x202 | (f.rflags & 0x8d5);  // TF and DF are off in a handler
  f.call = ~std::uint64_t{0};
  return {};
}

}  // namespace

bool on_signal_stack(const SignalState& state, std::uint64_t rsp) {
  return (state.stack_flags & 2) == 0 && rsp > state.stack_base && rsp - state.stack_base <= state.stack_size;
}

UserSignalInfo to_user(const SignalInfo& info) {
  UserSignalInfo user{.signo = info.signo, .error = info.error, .code = info.code, .pad = 0, .raw = {}};
  const auto signal = static_cast<std::uint32_t>(info.signo);
  const bool fault = signal == sig_segv || signal == sig_bus || signal == sig_ill || signal == sig_fpe || signal == sig_trap;
  if (fault && info.code > 0) user.fault.address = info.address;
  else if (signal == sig_chld && info.code > 0) user.child = {info.pid, info.uid, info.status, 0, 0, 0};
  else user.queue = {info.pid, info.uid, info.value};
  return user;
}

SignalInfo from_user(const UserSignalInfo& user) {
  return {.signo = user.signo, .code = user.code, .error = user.error, .pid = user.queue.pid, .uid = user.queue.uid,
          .value = user.queue.value};
}

void restart_call(Frame& frame) {
  constexpr std::uint64_t instruction_size = 2;  // `syscall`, or the jump that stands in its place
  frame.rip -= instruction_size;
  frame.rax = frame.call;
  frame.call = ~std::uint64_t{0};
  current().pending_restart = Errno{};
}

void deliver(const SignalInfo& info, const SignalAction& action) {
  Task& task = current();
  SignalState& state = task.signals;
  const auto signal = static_cast<std::uint32_t>(info.signo);
  if (task.pending_restart != Errno{}) {
    const bool asked = task.pending_restart == Errno::restart_sys && (action.flags & sa_restart) != 0;
    if (asked || task.pending_restart == Errno::restart_always) restart_call(*task.frame);
    else task.frame->rax = static_cast<std::uint64_t>(-static_cast<std::int64_t>(Errno::intr));
    task.pending_restart = Errno{};
    task.sleep_end = abi::forever;
  } else if (task.frame->call == ~std::uint64_t{0}) {
    task.frame->rip = site_of(*task.process->memory, task.frame->rip);
  }
  leave_sequence(task);
  const std::uint64_t mask = std::exchange(state.restore_mask, false) ? state.saved_mask : state.mask;
  if (!push_frame(info, action, mask)) {
    // No room for the handler's frame: SIGSEGV by default, whatever its handler is.
    SignalAction& fatal = task.process->actions->action[sig_segv - 1];
    if (signal == sig_segv) fatal.handler = 0;
    return send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = 0x80});
  }
  state.mask |= action.mask;
  if ((action.flags & sa_nodefer) == 0) state.mask |= std::uint64_t{1} << (signal - 1);
  if ((action.flags & sa_resethand) != 0) task.process->actions->action[signal - 1].handler = 0;
}

CallResult return_from_signal() {
  Task& task = current();
  Frame& f = *task.frame;
  SignalFrame frame;
  constexpr std::size_t context = offsetof(SignalFrame, info) - offsetof(SignalFrame, flags);   // what a return goes by
  if (!copy_in(&frame.flags, f.rsp, context) || !read_vector_state(task, frame.machine.vector_state)) {
    send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = 0x80});
    return f.rax;
  }
  const MachineContext& m = frame.machine;
  f = {m.r15, m.r14, m.r13, m.r12, m.rbp, m.rbx, m.rax, m.rdi, m.rsi, m.rdx, m.r10, m.r8, m.r9, m.rcx, m.r11, ~std::uint64_t{0},
       ~std::uint64_t{0}, 0, 0, m.rip, 0x33, 0x202 | (m.rflags & program_flags), m.rsp, 0x2b};
  task.signals.mask = frame.mask & ~(std::uint64_t{1} << (sig_kill - 1) | std::uint64_t{1} << (sig_stop - 1));
  task.signals.stack_base = frame.stack.base;
  task.signals.stack_size = frame.stack.size;
  task.signals.stack_flags = static_cast<std::uint32_t>(frame.stack.flags);
  task.frame_replaced = true;
  sched::ask_attention(task, attention_signal);  // the mask may have opened
  return f.rax;
}

}  // namespace exos
