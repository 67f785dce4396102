// SPDX-License-Identifier: MIT
// The child starts in entry.cpp with the vector state that its parent has now, and returns to the program from a copy of
// the parent's Frame with rax = 0.
#include "libos/exos/fork.hpp"

#include "libos/exos/calls.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/shares.hpp"
#include "libos/exos/trace/registers.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {

namespace {

constexpr std::uint64_t clone_vm = 0x100, clone_fs = 0x200, clone_files = 0x400, clone_sighand = 0x800, clone_pidfd = 0x1000,
    clone_vfork = 0x4000, clone_parent = 0x8000, clone_thread = 0x10000, clone_newns = 0x20000, clone_settls = 0x80000,
    clone_parent_settid = 0x100000, clone_child_cleartid = 0x200000, clone_child_settid = 0x1000000,
    clone_new_anything = 0x7e000000, clone_clear_sighand = 0x1'0000'0000, clone_into_cgroup = 0x2'0000'0000;

Status check(const CloneRequest& request) {
  const std::uint64_t flags = request.flags;
  if (const std::uint64_t missing = flags & (clone_newns | clone_new_anything | clone_into_cgroup); missing != 0) {
    tell_missing("clone with flags", missing, Errno::inval);
    return Fail{Errno::inval};
  }
  if ((flags & clone_pidfd) != 0 && (flags & clone_thread) != 0) return Fail{Errno::inval};
  if ((flags & clone_sighand) != 0 && (flags & clone_vm) == 0) return Fail{Errno::inval};
  if ((flags & clone_thread) != 0 && (flags & clone_sighand) == 0) return Fail{Errno::inval};
  if ((flags & clone_sighand) != 0 && (flags & clone_clear_sighand) != 0) return Fail{Errno::inval};
  if (request.exit_signal > 64) return Fail{Errno::inval};
  return {};
}

// A process as the parent's copy, without tasks; not in the table yet.
Result<Process*> copy_process(const Process& parent, const CloneRequest& request) {
  Process* process = make<Process>();
  if (process == nullptr) return Fail{Errno::nomem};
  const auto fill = [&]() -> Status {
    if ((request.flags & clone_sighand) != 0) {
      process->actions = parent.actions;
    } else {
      process->actions = Ref<SignalActions>{make<SignalActions>()};
      if (!process->actions) return Fail{Errno::nomem};
      std::memcpy(process->actions->action, parent.actions->action, sizeof parent.actions->action);
      if ((request.flags & clone_clear_sighand) != 0) reset_actions_for_exec(*process->actions);
    }
    for (const std::uint32_t group : parent.groups) TRY_VOID(process->groups.push_back(group));
    process->memory = (request.flags & clone_vm) != 0 ? parent.memory : TRY(Ref<Memory>{parent.memory}->fork());
    return {};
  };
  if (const Status filled = fill(); !filled) {
    destroy(process);
    return Fail{filled.error()};
  }
  process->group = parent.group;
  process->session = parent.session;
  process->terminal = parent.terminal;
  process->uid = parent.uid, process->euid = parent.euid, process->suid = parent.suid;
  process->gid = parent.gid, process->egid = parent.egid, process->sgid = parent.sgid;
  std::memcpy(process->limits, parent.limits, sizeof parent.limits);
  process->start_ns = now().raw();
  process->dumpable = parent.dumpable;
  process->nice = parent.nice;
  process->personality = parent.personality;
  process->no_new_privileges = parent.no_new_privileges;
  process->timer_slack_ns = parent.timer_slack_ns;
  process->io_priority = parent.io_priority;
  process->exit_signal = static_cast<std::uint32_t>(request.exit_signal);
  return process;
}

Status share_files(const Task& parent, Task& child, std::uint64_t flags) {
  child.files = (flags & clone_files) != 0 ? parent.files : TRY(parent.files->copy());
  child.paths = (flags & clone_fs) != 0 ? parent.paths : TRY(parent.paths->copy());
  return {};
}

void inherit(const Task& parent, Task& child, const CloneRequest& request) {
  std::memcpy(child.name, parent.name, sizeof child.name);
  child.affinity = parent.affinity;
  child.policy = parent.policy;
  shares::set_weight(child);
  child.signals.mask = parent.signals.mask;
  if ((request.flags & clone_vm) == 0 || (request.flags & clone_vfork) != 0) {  // the alternate stack goes with the memory
    child.signals.stack_base = parent.signals.stack_base;
    child.signals.stack_size = parent.signals.stack_size;
    child.signals.stack_flags = parent.signals.stack_flags;
  }
  if ((request.flags & clone_vm) == 0) {
    child.rseq_area = parent.rseq_area;
    child.rseq_signature = parent.rseq_signature;
    child.rseq_processor = parent.rseq_processor;
  }
  if ((request.flags & clone_settls) != 0) child.fs_base = request.tls;
  else asm volatile("rdfsbase %0" : "=r"(child.fs_base));
  if ((request.flags & clone_child_cleartid) != 0) child.clear_child_tid = request.child_tid;
  if ((request.flags & clone_child_settid) != 0) child.set_child_tid = request.child_tid;
  *child.frame = *parent.frame;
  child.frame->rax = 0;
  if (parent.stepping) child.frame->rflags &= ~trace::trap_flag;
  if (child.trace == nullptr) child.frame->call = child.frame->vector = ~std::uint64_t{0};
  if (request.stack_pointer != 0) child.frame->rsp = request.stack_pointer;
}

void discard_task(Task& task) {
  if (task.trace != nullptr) trace::end(*task.trace);
  task.in_process.unlink();
  --task.process->tasks_alive;
  task.process = nullptr;
  task.files = {};
  task.paths = {};
  sched::bury(task);
}

// CLONE_PIDFD.
Status give_descriptor(Task& parent, Process& child, std::uint64_t address, std::optional<std::uint64_t>& descriptor) {
  descriptor = TRY(parent.files->add(TRY(make_process_file(child, 0)), true));
  return write_user(address, static_cast<std::int32_t>(*descriptor));
}

// The parent of a vfork stands still until the child has its own program or is gone.
void wait_for_vfork(Task& self, Task& child) {
  child.vfork_waiter = &self;
  self.in_vfork = true;
  while (self.in_vfork && !self.exiting && !self.exiting_by_kill) static_cast<void>(sched::block(abi::forever, Interruptible::no));
  if (self.in_vfork) child.vfork_waiter = nullptr;
  self.in_vfork = false;
}

}  // namespace

CallResult clone_task(const CloneRequest& request) {
  TRY_VOID(check(request));
  Task& self = current();
  Process& parent = *self.process;
  const bool thread = (request.flags & clone_thread) != 0;
  Process* process = thread ? &parent : TRY(copy_process(parent, request));
  auto made = create_task(*process, *process->memory);
  if (!made) {
    if (!thread) destroy(process);
    return Fail{made.error()};
  }
  Task& child = **made;
  Status ready = share_files(self, child, request.flags);
  if ((request.flags & clone_parent_settid) != 0) static_cast<void>(write_user(request.parent_tid, child.tid));   // as Linux: no failure
  if (ready && self.trace != nullptr) [[unlikely]] ready = trace::follow(self, child, request);
  std::optional<std::uint64_t> descriptor;
  if (ready && (request.flags & clone_pidfd) != 0) ready = give_descriptor(self, *process, request.pidfd, descriptor);
  if (!ready) {
    if (descriptor) static_cast<void>(self.files->close(*descriptor));
    discard_task(child);
    if (!thread && process->handle) process->handle->process = nullptr;
    if (!thread) destroy(process);
    return Fail{ready.error()};
  }
  // point of no return
  inherit(self, child, request);
  if (!thread) {
    process->pid = child.tid;
    process->creator = self.tid;
    process->parent = (request.flags & clone_parent) != 0 && parent.parent != nullptr ? parent.parent : &parent;
    processes().push_back(*process);
  }
  const std::uint32_t tid = child.tid;
  std::byte* vector_state = vector_buffer(*child.area);
  save_vector(vector_state);
  start_task(child, vector_state);
  if (self.trace != nullptr) [[unlikely]] trace::cloned(self, tid, request);
  if ((request.flags & clone_vfork) != 0) {
    wait_for_vfork(self, child);
    if (self.trace != nullptr) [[unlikely]] trace::vfork_done(self, tid);
  }
  return tid;
}

}  // namespace exos
