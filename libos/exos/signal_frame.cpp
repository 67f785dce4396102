// SPDX-License-Identifier: MIT
// The layout is that of Linux' rt_sigframe for x86-64: return address, ucontext, siginfo, and above them, aligned to 64,
// the vector state as xsave writes it, with the words by which unwinders and debuggers find its size.
#include "libos/exos/signal_frame.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/calls.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/protection_keys.hpp"
#include "libos/exos/rseq.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/user_access.hpp"

namespace exos {

namespace {

struct MachineContext {          // struct sigcontext
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  std::uint64_t segments;        // cs, gs, fs, ss: 16 bits each
  std::uint64_t error, vector, old_mask, address, vector_state, reserved[8];
};
static_assert(sizeof(MachineContext) == 256);

struct SignalFrame {
  std::uint64_t return_address;
  std::uint64_t flags, link;     // ucontext from here
  std::uint64_t stack_base, stack_flags, stack_size;   // stack_t
  MachineContext machine;
  std::uint64_t mask;
  std::uint64_t info[16];        // siginfo_t
};
static_assert(sizeof(SignalFrame) == 440 && sizeof(UserSignalInfo) == sizeof(SignalFrame::info));
constexpr std::size_t context_size = offsetof(SignalFrame, info) - offsetof(SignalFrame, flags);   // what a return goes by

struct VectorArea {              // an xsave area: the parts that are not xsave's [intel/vol1 10.5.1, 13.4.2]
  std::byte legacy[464];
  std::uint64_t software[6], header[8];
};
static_assert(sizeof(VectorArea) == 576);

constexpr std::uint64_t context_flags = 1 | 2 | 4;  // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
constexpr std::uint32_t magic_size = 4, magic_start = 0x4650'5853, magic_end = 0x4650'5845;
constexpr std::uint64_t program_segments = 0x33 | std::uint64_t{0x2b} << 48;
constexpr std::uint64_t program_flags = 0xdd5;      // CF PF AF ZF SF TF DF OF

const abi::SystemInfo& system_info() { return *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info); }

constexpr std::uint64_t no_exception = ~std::uint64_t{0}, debug = 1, page_fault = 14, error_fetch = 1 << 4;   // [intel/vol3 6.3.1, 4.7]

// A call leaves in its frame what an exception before it was.
void tell_no_exception(Frame& f) { f.call = f.vector = ~std::uint64_t{0}; }

// Of an interrupted program, not of a call. Padding and stubs only load an address and jump: most exceptions are not theirs.
bool may_be_in_stub(const Frame& f) {
  if (f.vector == page_fault) return (f.error & error_fetch) != 0;
  return f.vector == no_exception || f.vector == debug;
}

template <typename T>
T* in_program(std::uint64_t at) { return reinterpret_cast<T*>(at); }

// In front of the frame's words: a struct of the program's memory is written to in place, and the first fault ends it.
template <std::size_t n>
[[nodiscard, gnu::always_inline]] inline bool clear(std::uint64_t (&words)[n]) {
  for (std::uint64_t& word : words)
    if (!put_in_place(word, 0)) return false;
  return true;
}

[[nodiscard, gnu::always_inline]] inline bool put_machine(MachineContext& m, const Frame& f, std::uint64_t mask, std::uint64_t vector_at) {
  const bool exception = f.vector != no_exception;
  const std::uint64_t vector = exception ? f.vector : 0, error = exception ? f.error : 0, address = vector == page_fault ? f.address : 0;
  return put_in_place(m.r8, f.r8) && put_in_place(m.r9, f.r9) && put_in_place(m.r10, f.r10) && put_in_place(m.r11, f.r11) &&
         put_in_place(m.r12, f.r12) && put_in_place(m.r13, f.r13) && put_in_place(m.r14, f.r14) && put_in_place(m.r15, f.r15) &&
         put_in_place(m.rdi, f.rdi) && put_in_place(m.rsi, f.rsi) && put_in_place(m.rbp, f.rbp) && put_in_place(m.rbx, f.rbx) &&
         put_in_place(m.rdx, f.rdx) && put_in_place(m.rax, f.rax) && put_in_place(m.rcx, f.rcx) && put_in_place(m.rsp, f.rsp) &&
         put_in_place(m.rip, f.rip) && put_in_place(m.rflags, f.rflags) && put_in_place(m.segments, program_segments) &&
         put_in_place(m.error, error) && put_in_place(m.vector, vector) && put_in_place(m.old_mask, mask) && put_in_place(m.address, address) &&
         put_in_place(m.vector_state, vector_at);   // what is reserved stays as it was, as on Linux
}

[[nodiscard, gnu::always_inline]] inline bool get_machine(Frame& f, const MachineContext& m) {
  return get_in_place(f.r8, m.r8) && get_in_place(f.r9, m.r9) && get_in_place(f.r10, m.r10) && get_in_place(f.r11, m.r11) &&
         get_in_place(f.r12, m.r12) && get_in_place(f.r13, m.r13) && get_in_place(f.r14, m.r14) && get_in_place(f.r15, m.r15) &&
         get_in_place(f.rdi, m.rdi) && get_in_place(f.rsi, m.rsi) && get_in_place(f.rbp, m.rbp) && get_in_place(f.rbx, m.rbx) &&
         get_in_place(f.rdx, m.rdx) && get_in_place(f.rax, m.rax) && get_in_place(f.rcx, m.rcx) && get_in_place(f.rip, m.rip) &&
         get_in_place(f.rflags, m.rflags) && get_in_place(f.rsp, m.rsp);
}

// siginfo_t: the words that some kind of signal has.
using InfoWords = std::array<std::uint64_t, 6>;
constexpr std::uint64_t pair(std::int32_t low, std::uint32_t high) { return static_cast<std::uint32_t>(low) | std::uint64_t{high} << 32; }

[[gnu::always_inline]] inline InfoWords info_words(const SignalInfo& info) {
  const std::uint64_t first = pair(info.signo, static_cast<std::uint32_t>(info.error)), second = static_cast<std::uint32_t>(info.code);
  constexpr std::uint64_t faults = 1u << sig_segv | 1u << sig_bus | 1u << sig_ill | 1u << sig_fpe | 1u << sig_trap;
  const bool by_kernel = info.code > 0;
  if (by_kernel && (faults >> (info.signo & 63) & 1) != 0) return {first, second, info.address, 0, info.value};   // si_pkey
  const std::uint64_t sender = pair(info.pid, info.uid);
  if (by_kernel && info.signo == static_cast<std::int32_t>(sig_chld)) return {first, second, sender, static_cast<std::uint32_t>(info.status)};
  return {first, second, sender, info.value};
}

[[nodiscard, gnu::always_inline]] inline bool put_info(std::uint64_t (&words)[16], const SignalInfo& info) {
  const InfoWords from = info_words(info);
  for (std::size_t i = 0; i < std::size(words); ++i)
    if (!put_in_place(words[i], i < from.size() ? from[i] : 0)) return false;
  return true;
}

// Saves the processor's vector state, still the program's, on the program's stack.
[[nodiscard, gnu::always_inline]] inline bool put_vector_state(std::uint64_t at) {
  auto& area = *in_program<VectorArea>(at);
  const std::uint32_t size = system_info().xsave_size;
  const std::uint64_t end = at + size;
  return clear(area.header) && save_vector_in_place(in_program<std::byte>(at)) &&
         put_in_place(area.software[0], magic_start | std::uint64_t{size + magic_size} << 32) && put_in_place(area.software[1], system_info().xcr0) &&
         put_in_place(area.software[2], size) && put_in_place(area.software[3], 0) && put_in_place(area.software[4], 0) &&
         put_in_place(area.software[5], 0) && put_in_place(*in_program<std::uint32_t>(end), magic_end);
}

[[gnu::noinline]] Status load_repaired_vector_state(Task& task, std::uint64_t at) {
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

// As the frame tells it, or the initial one.
Status load_vector_state(Task& task, std::uint64_t at) {
  const std::size_t size = system_info().xsave_size;
  if (is_program_range(at, size) && load_vector_in_place(in_program<const std::byte>(at))) return {};
  return load_repaired_vector_state(task, at);
}

Status push_frame(Task& task, const SignalInfo& info, const SignalAction& action, std::uint64_t mask) {
  SignalState& state = task.signals;
  Frame& f = *task.frame;
  const std::uint64_t handler = action.handler;   // another thread may change it while the frame waits for a page
  const bool on_it = on_signal_stack(state, f.rsp);
  const bool switches = (action.flags & sa_onstack) != 0 && (state.stack_flags & 2) == 0 && !on_it;
  const std::uint64_t sp = switches ? state.stack_base + state.stack_size : f.rsp - 128;   // below the red zone
  const std::uint64_t vector_at = base::align_down<std::uint64_t>(sp - system_info().xsave_size - magic_size, 64);
  const std::uint64_t at = base::align_down<std::uint64_t>(vector_at - sizeof(SignalFrame), 16) - 8;
  if (on_it && at < state.stack_base) return Fail{Errno::fault};
  if (!is_program_range(at, vector_at + system_info().xsave_size + magic_size - at)) return Fail{Errno::fault};
  auto& frame = *in_program<SignalFrame>(at);
  const bool written = put_vector_state(vector_at) && put_in_place(frame.return_address, action.restorer) &&
                       put_in_place(frame.flags, context_flags) && put_in_place(frame.link, 0) &&
                       put_in_place(frame.stack_base, state.stack_base) && put_in_place(frame.stack_flags, state.stack_flags) &&
                       put_in_place(frame.stack_size, state.stack_size) && put_machine(frame.machine, f, mask, vector_at) &&
                       put_in_place(frame.mask, mask) && put_info(frame.info, info);
  if (!written) return Fail{Errno::fault};
  f.rdi = static_cast<std::uint64_t>(info.signo);
  f.rsi = at + offsetof(SignalFrame, info);
  f.rdx = at + offsetof(SignalFrame, flags);
  f.rax = 0;
  f.rip = handler;
  f.rsp = at;
  f.rflags = 0x202 | (f.rflags & 0x8d5);  // TF and DF are off in a handler
  tell_no_exception(f);
  if (keys::in_use) [[unlikely]] keys::set_initial_rights();
  return {};
}

}  // namespace

bool on_signal_stack(const SignalState& state, std::uint64_t rsp) {
  return (state.stack_flags & 2) == 0 && rsp > state.stack_base && rsp - state.stack_base <= state.stack_size;
}

UserSignalInfo to_user(const SignalInfo& info) {
  const InfoWords words = info_words(info);
  UserSignalInfo user{};
  std::memcpy(&user, words.data(), sizeof words);
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
  tell_no_exception(frame);
  current().pending_restart = Errno{};
}

void deliver(Task& task, const SignalInfo& info, const SignalAction& action) {
  SignalState& state = task.signals;
  const auto signal = static_cast<std::uint32_t>(info.signo);
  if (task.pending_restart != Errno{}) {
    const bool asked = task.pending_restart == Errno::restart_sys && (action.flags & sa_restart) != 0;
    if (asked || task.pending_restart == Errno::restart_always) restart_call(*task.frame);
    else task.frame->rax = static_cast<std::uint64_t>(-static_cast<std::int64_t>(Errno::intr));
    task.pending_restart = Errno{};
    task.sleep_end = abi::forever;
    tell_no_exception(*task.frame);
  } else if (task.frame->call != ~std::uint64_t{0}) {
    tell_no_exception(*task.frame);
  } else if (may_be_in_stub(*task.frame)) {
    task.frame->rip = own_site_of(*task.process->memory, task.frame->rip);
  }
  leave_sequence(task);
  const std::uint64_t mask = std::exchange(state.restore_mask, false) ? state.saved_mask : state.mask;
  if (!push_frame(task, info, action, mask)) {
    // No room for the handler's frame: SIGSEGV by default, whatever its handler is.
    SignalAction& fatal = task.process->actions->action[sig_segv - 1];
    if (signal == sig_segv) fatal.handler = 0;
    return send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = 0x80});
  }
  state.mask |= action.mask;
  if ((action.flags & sa_nodefer) == 0) state.mask |= std::uint64_t{1} << (signal - 1);
  if ((action.flags & sa_resethand) != 0) task.process->actions->action[signal - 1].handler = 0;
}

namespace {

// From the frame on the program's stack, whose context is at f.rsp. What can be wrong with it is found before anything is changed;
// only another thread's unmapping could still come in between.
bool take_frame(Task& task, Frame& f) {
  if (!is_program_range(f.rsp, context_size)) return false;
  const auto& frame = *in_program<const SignalFrame>(f.rsp - offsetof(SignalFrame, flags));
  SignalState& state = task.signals;
  std::uint64_t mask, base, flags, size, vector_at;
  const bool there = get_in_place(mask, frame.mask) && get_in_place(base, frame.stack_base) && get_in_place(flags, frame.stack_flags) &&
                     get_in_place(size, frame.stack_size) && get_in_place(vector_at, frame.machine.vector_state);
  if (!there || !load_vector_state(task, vector_at) || !get_machine(f, frame.machine)) return false;
  if (keys::in_use && !keys::load_rights(vector_at)) [[unlikely]] return false;
  state.mask = mask & ~(std::uint64_t{1} << (sig_kill - 1) | std::uint64_t{1} << (sig_stop - 1));
  state.stack_base = base;
  state.stack_size = size;
  state.stack_flags = static_cast<std::uint32_t>(flags);
  tell_no_exception(f);
  f.rflags = 0x202 | (f.rflags & program_flags);
  return true;
}

}  // namespace

CallResult linux_rt_sigreturn(const Arguments&) {
  Task& task = current();
  Frame& f = *task.frame;
  if (!take_frame(task, f)) {
    send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = 0x80});
    return f.rax;
  }
  task.frame_replaced = true;
  // The mask may have opened.
  if (((task.signals.pending.set | task.process->pending.set) & ~task.signals.mask) != 0) sched::ask_attention(task, attention_signal);
  return f.rax;
}

}  // namespace exos
