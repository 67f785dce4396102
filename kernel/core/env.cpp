// SPDX-License-Identifier: MIT
#include "kernel/core/env.hpp"

#include "kernel/core/scheduler.hpp"
#include "kernel/core/slices.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"
#include "kernel/core/trace.hpp"
#include "kernel/core/transfer.hpp"
#include "kernel/core/wait.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t writable_flags = 0xdd5;       // CF PF AF ZF SF TF DF OF

bool is_user_address(std::uint64_t va) { return va < abi::user_end; }

}  // namespace

Result<Env*> Env::create(Kernel& k, Account& payer, const Parts& parts, FrameNumber where) {
  if (!payer.owns(k, parts.user_area)) return fail(Error::out_of_range);
  FrameInfo& area = k.frames[parts.user_area];
  if (area.use != FrameUse::plain || is_condemned(area)) return fail(Error::out_of_range);
  if (area.pins != 0) return fail(Error::busy);
  if (k.envs.full()) return fail(Error::no_frame);
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::env));
  // point of no return
  auto* env = new (arch::frame_memory(frame)) Env;
  arch::init_context(env->context);
  env->user_area = parts.user_area;
  env->space = frame_index(&parts.space);
  env->table = frame_index(&parts.table);
  env->info = &k.envs.take();
  *env->info = {.env = frame_index(env), .account = k.frames[frame].owner, .space = env->space};
  ++area.pins;
  ++parts.space.envs;
  ++parts.table.envs;
  arch::bind_entries(*env);
  return env;
}

bool Env::runs_elsewhere(const Cpu& here) const { return state == RunState::running && cpu != here.id.raw(); }

Status Env::destroy(Kernel& k, Cpu& here) {
  if (runs_elsewhere(here)) {
    pending = Pending::end;
    arch::poke(arch::CpuId{cpu});
    return fail(Error::again);
  }
  // point of no return
  if (state == RunState::running) {
    set_state(RunState::halted);
    give_rest_to_owner(k, here);
  }
  k.sleepers.remove(*this);
  forget_wait(k, *this);
  leave_transfer(*this);
  end_call_of(k, *this);
  if (here.loaded == this) {
    charge_stay(here, *this);
    here.loaded = nullptr;
  }
  release_positions(k, *this);
  --k.frames[user_area].pins;
  --object_at<Space>(space).envs;
  --object_at<Table>(table).envs;
  k.envs.give_back(*info);
  release_frame(k, arch::frame_of(this));
  return {};
}

Status Env::configure(Kernel&, Cpu& here, const abi::EnvEntries& wanted, ObjectRef woken) {
  for (const std::uint64_t va :
       {wanted.exception, wanted.foreign, wanted.prologue, wanted.epilogue, wanted.revoke, wanted.gs_base, wanted.fs_base})
    if (!is_user_address(va)) return fail(Error::bad_address);
  if (runs_elsewhere(here)) return fail(Error::wrong_state);
  // point of no return
  entries = wanted;
  monitor = woken;
  context.registers.gs_base = wanted.gs_base;
  context.registers.fs_base = wanted.fs_base;
  arch::bind_entries(*this);
  if (here.loaded == this) arch::load_bases(context);
  return {};
}

Status Env::start(Kernel& k, std::uint64_t rip, std::uint64_t rsp, std::uint64_t argument) {
  const bool at_rest =
      state == RunState::created || state == RunState::stopped || state == RunState::halted || state == RunState::stuck;
  if (!at_rest) return fail(Error::wrong_state);
  if (!is_user_address(rip)) return fail(Error::bad_address);
  // point of no return
  end_call_of(k, *this);  // it was stopped while it answered one
  arch::init_context(context);
  forfeits = false;
  info->strikes = 0;
  upcalls_due = 0;
  context.registers.rip = rip;
  context.registers.rsp = rsp;
  context.registers.rdi = argument;
  context.registers.rflags = initial_flags;
  context.registers.gs_base = entries.gs_base;
  context.registers.fs_base = entries.fs_base;
  become_ready(k);
  return {};
}

Status Env::stop(Kernel& k, Cpu& here) {
  if (runs_elsewhere(here)) {
    pending = Pending::stop;
    arch::poke(arch::CpuId{cpu});
    return fail(Error::again);
  }
  switch (state) {
    case RunState::stopped: return {};
    case RunState::created: case RunState::halted: case RunState::stuck: return fail(Error::wrong_state);
    case RunState::running: case RunState::ready: case RunState::sleeping: case RunState::accepting: case RunState::calling: break;
  }
  // point of no return
  k.sleepers.remove(*this);
  end_wait(k, *this, abi::wait_woken);
  leave_transfer(*this);
  const bool was_running = state == RunState::running;
  set_state(RunState::stopped);
  if (was_running) give_rest_to_owner(k, here);
  return {};
}

Status Env::resume(Kernel& k) {
  if (state != RunState::stopped && state != RunState::stuck) return fail(Error::wrong_state);
  become_ready(k);
  return {};
}

Status Env::read(abi::EnvState& out) const {
  if (state == RunState::running) return fail(Error::wrong_state);
  out = {.state = state, .reserved = 0, .code = code, .error = error, .address = address,
         .overruns = info->overruns, .run_ns = info->run_ns, .registers = context.registers};
  return {};
}

Status Env::write(const abi::Registers& registers) {
  if (state != RunState::created && state != RunState::stopped && state != RunState::stuck)
    return fail(Error::wrong_state);
  if ((registers.rflags & ~(writable_flags | initial_flags)) != 0) return fail(Error::bad_argument);
  for (const std::uint64_t va : {registers.rip, registers.fs_base, registers.gs_base})
    if (!is_user_address(va)) return fail(Error::bad_address);
  // point of no return
  context.registers = registers;
  context.registers.rflags |= initial_flags;
  if (state == RunState::created) set_state(RunState::stopped);  // it has registers now: env_resume sets it going
  return {};
}

void Env::change_space(Kernel&, Cpu&, Space& to) {
  --object_at<Space>(space).envs;
  ++to.envs;
  space = info->space = frame_index(&to);
}

void Env::set_state(RunState to) {
  note_state(to);
  // That it runs is an event of its own.
  if (to != RunState::running)
    trace(arch::this_cpu(), TraceEvent::env_state, frame_index(this), static_cast<std::uint64_t>(to));
}

void Env::become_ready(Kernel& k) {
  set_state(RunState::ready);
  notice_ready(k, *this);
}

void Env::wake(Kernel& k) {
  if (state != RunState::sleeping) {
    wake_token = true;
    return;
  }
  end_sleep(k, abi::wait_woken);
}

void Env::end_sleep(Kernel& k, std::uint64_t wait_value) {
  k.sleepers.remove(*this);
  end_wait(k, *this, wait_value);
  become_ready(k);
}

void Env::fall_asleep(Kernel& k, Nanoseconds until) {
  set_state(RunState::sleeping);
  deadline = until;
  if (until != abi::forever) k.sleepers.insert(*this);
}

void Env::wake_monitor(Kernel& k) {
  if (Env* watcher = k.frames.live<Env>(monitor)) watcher->wake(k);
}

void Env::halt(Kernel& k, std::uint64_t exit_code) {
  set_state(RunState::halted);
  code = exit_code;
  error = address = 0;
  end_call_of(k, *this);
  wake_monitor(k);
}

void Env::get_stuck(Kernel& k, std::uint64_t vector, std::uint64_t fault_error, std::uint64_t fault_address) {
  set_state(RunState::stuck);
  code = vector;
  error = fault_error;
  address = fault_address;
  end_call_of(k, *this);
  wake_monitor(k);
}

bool Env::deliver(abi::EventFrame& frame, const abi::EventFrame& event, std::uint64_t entry) {
  // The env may write the flag at the same time, on another processor: read once.
  if (entry == 0 || std::atomic_ref{frame.busy}.load(std::memory_order_acquire) != 0) return false;
  abi::Registers& r = context.registers;
  frame = event;
  frame.rip = r.rip;
  frame.rflags = r.rflags;
  frame.rsp = r.rsp;
  r.rip = entry;
  r.rflags = initial_flags;
  return true;
}

void Env::post_upcall(Kernel& k, abi::Upcall what) {
  if (entries.revoke == 0) return;
  upcalls_due |= 1u << static_cast<unsigned>(what);
  if (state == RunState::sleeping) {
    end_sleep(k, abi::wait_woken);
  } else if (state == RunState::accepting && can_take_upcall()) {
    leave_transfer(*this);
    become_ready(k);
  } else if (state == RunState::running) {
    Cpu& here = arch::this_cpu();
    if (cpu == here.id.raw()) here.look_again = true;
    else arch::poke(arch::CpuId{cpu});
  }
}

bool Env::can_take_upcall() const {
  return entries.revoke != 0 && std::atomic_ref{area().upcall.busy}.load(std::memory_order_acquire) == 0;
}

bool Env::defers() {
  if (std::atomic_ref{area().defer}.load(std::memory_order_relaxed) == 0) return false;
  std::atomic_ref{area().deferred}.store(1, std::memory_order_relaxed);  // the same processor reads it
  return true;
}

void Env::overrun(Kernel& k) {
  ++info->overruns;
  if (++info->strikes > abi::overrun_limit) return get_stuck(k, abi::overrun_code, 0, 0);
  forfeits = true;
  become_ready(k);
}

void Env::deliver_due_upcall() {
  if (upcalls_due == 0) return;
  const auto first = static_cast<unsigned>(std::countr_zero(upcalls_due));
  if (entries.revoke == 0 || deliver_upcall(static_cast<abi::Upcall>(first), entries.revoke))
    upcalls_due &= ~(1u << first);
}

bool Env::deliver_exception(std::uint64_t vector, std::uint64_t fault_error, std::uint64_t fault_address) {
  const abi::EventFrame event{.busy = 1, .kind = vector, .error = fault_error, .address = fault_address};
  if (!deliver(area().exception, event, entries.exception)) return false;
  ++info->exceptions;
  return true;
}

bool Env::deliver_upcall(abi::Upcall what, std::uint64_t entry) {
  if (!deliver(area().upcall, {.busy = 1, .kind = static_cast<std::uint64_t>(what)}, entry)) return false;
  ++info->upcalls;
  trace(arch::this_cpu(), TraceEvent::upcall, frame_index(this), static_cast<std::uint64_t>(what));
  return true;
}

}  // namespace aegis
