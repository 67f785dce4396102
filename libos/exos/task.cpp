// SPDX-License-Identifier: MIT
// Tasks: an env with a user area and a library stack, from creation to burial.
#include "libos/exos/task.hpp"

#include "abi/container.hpp"
#include "libos/exos/calls.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/core_dump.hpp"
#include "libos/exos/futex.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/quick_calls.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/strace.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {

constinit ProcessTable process_table;   // of this name for tools/exo/exos_gdb.py

namespace {

constinit std::uint32_t last_pid = 0;

constexpr std::size_t stack_pages = task_stack_size / abi::page_size + 1;  // the lowest is a guard
constexpr std::size_t kept_stacks = 8;
constinit std::array<std::byte*, kept_stacks> free_stacks{};
constinit std::size_t free_stack_count = 0;

std::byte* allocate_task_stack() {
  if (free_stack_count > 0) return free_stacks[--free_stack_count];
  auto* pages = static_cast<std::byte*>(allocate_pages(stack_pages));
  if (pages == nullptr) return nullptr;
  static_cast<void>(own::space.unmap(reinterpret_cast<std::uint64_t>(pages), 1));
  return pages;
}

Status build(Task& task, const Memory& memory) {
  task.area = guard::allocate_area();
  task.stack = allocate_task_stack();
  if (task.area == nullptr || task.stack == nullptr) return Fail{Errno::nomem};
  const abi::CapSlot slot = TRY(take_slot());
  const auto made = own::account.create_env(slot, memory.space, own::table, frame_of_page(task.area));
  if (!made) {
    return_slot(slot);
    return Fail{to_errno(made.error())};
  }
  task.env = *made;
  const std::uint64_t top = reinterpret_cast<std::uint64_t>(task.stack) + stack_pages * abi::page_size;
  task.frame = reinterpret_cast<Frame*>(top - sizeof(Frame));
  task_area(*task.area) = {.self = task.area, .task = &task, .stack_top = top, .call_top = reinterpret_cast<std::uint64_t>(&task.frame->ss),
                           .frame = task.frame, .env = slot.raw(),
                           .call_entry = reinterpret_cast<std::uint64_t>(guard::entries().call)};
  *task.frame = {.call = ~std::uint64_t{0}, .cs = 0x33, .rflags = 0x202, .ss = 0x2b, .vector = ~std::uint64_t{0}};
  return {};
}

// What it used stays the process's.
void leave_usage(const Task& self) {
  const TaskArea& area = task_area(*self.area);
  CpuTime& cpu = self.process->ended_cpu;
  cpu += self.cpu;
  cpu += {now().raw() - self.started_ns, area.program_ends, area.library_ends};
  self.process->ended_waits += self.waits;
  self.process->ended_preemptions += self.preemptions;
}

// Tasks of the library alone do not keep a process.
bool leaves_workers_only(Process& process, const Task& self) {
  for (const Task& task : process.tasks)
    if (&task != &self && task.library_work == nullptr) return false;
  return true;
}

// The program's view of a task that is gone: its robust locks, and the word that pthread_join waits for.
void announce_end(Task& self) {
  futex::end_robust_list(self);
  futex::leave_locks(self);
  const bool alone = self.process->tasks_alive == 1 && self.process->memory->refs == 1;
  if (self.clear_child_tid == 0 || alone) return;
  if (write_user(self.clear_child_tid, std::uint32_t{0})) static_cast<void>(futex::wake_address(self.clear_child_tid, 1));
}

}  // namespace

ProcessTable& processes() { return process_table; }
Process* first_process() { return process_table.front(); }

void release_task_stack(std::byte* stack) {
  if (free_stack_count < kept_stacks) free_stacks[free_stack_count++] = stack;
  else release_pages(stack, stack_pages);
}

std::size_t shrink_tasks() {
  const std::size_t pages = free_stack_count * (stack_pages - 1);
  while (free_stack_count > 0) release_pages(free_stacks[--free_stack_count], stack_pages);
  return pages;
}

char state_letter(const Process& process, const Task* task) {
  if (process.exited || task == nullptr) return 'Z';
  if (task->standing) return 't';
  if (process.stopped) return 'T';
  return task->state == TaskState::waiting ? 'S' : 'R';
}

Process* find_process(std::uint32_t pid) {
  for (Process& process : process_table) if (process.pid == pid) return &process;
  return nullptr;
}

Task* find_task(std::uint32_t tid) {
  for (Process& process : process_table)
    for (Task& task : process.tasks) if (task.tid == tid) return &task;
  return nullptr;
}

std::uint32_t take_pid() {
  constexpr std::uint32_t most = 4194304;
  const auto taken = [](std::uint32_t pid) {
    for (Process& process : process_table) if (process.pid == pid || process.group == pid || process.session == pid) return true;
    return find_task(pid) != nullptr;
  };
  do last_pid = last_pid >= most ? 2 : last_pid + 1;
  while (taken(last_pid));
  return last_pid;
}

Result<Task*> create_task(Process& process, const Memory& memory) {
  Task* task = make<Task>();
  if (task == nullptr) return Fail{Errno::nomem};
  if (const Status built = build(*task, memory); !built) {
    if (task->stack != nullptr) release_task_stack(task->stack);
    if (task->area != nullptr) guard::release_area(task->area);
    destroy(task);
    return Fail{built.error()};
  }
  task->process = &process;
  task->tid = take_pid();
  process.tasks.push_back(*task);
  ++process.tasks_alive;
  return task;
}

void start_task(Task& task, const std::byte* vector_state) {
  task.watched = task.watched || calls_watched();
  refresh_quick_answers(task);
  const guard::Entries& ways = guard::entries();
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(ways.exception),
                                .foreign = reinterpret_cast<std::uint64_t>(ways.foreign),
                                .prologue = 0,
                                .epilogue = reinterpret_cast<std::uint64_t>(ways.upcall),
                                .gs_base = reinterpret_cast<std::uint64_t>(task.area),
                                .fs_base = task.fs_base,
                                .monitor = own::self.slot(),
                                .receive = abi::no_slot};
  static_cast<void>(task.env.configure(entries));
  static_cast<void>(task.env.start(rt::Va{reinterpret_cast<std::uint64_t>(ways.task)}, task.frame,
                                   reinterpret_cast<std::uint64_t>(vector_state)));
  sched::make_ready(task);
}

void end_of_vfork(Task& child) {
  Task* parent = std::exchange(child.vfork_waiter, nullptr);
  if (parent == nullptr) return;
  parent->in_vfork = false;
  sched::wake(*parent);
}

void kill_other_tasks(Process& process) {
  Task& self = current();
  for (Task& task : process.tasks) {
    if (&task == &self || task.state == TaskState::dead) continue;
    task.exiting = true;
    task.standing = false;
    sched::ask_attention(task, attention_exit);
    if (task.state == TaskState::stopped) sched::make_ready(task);
    else sched::interrupt(task);
  }
}

void end_process(Process& process, Task& last);  // process.cpp

void exit_task(std::uint32_t code) {
  Task& self = current();
  Process& process = *self.process;
  self.exiting = true;
  if (self.trace != nullptr) [[unlikely]] trace::leaving(self, process.group_exit ? process.exit_status : (code & 0xff) << 8);
  if (process.core != nullptr) [[unlikely]] add_to_core(*process.core, self);
  announce_end(self);
  end_of_vfork(self);
  self.files = {};
  self.paths = {};
  discard_pending(self.signals.pending);
  if (process.io_worker != nullptr && !process.group_exit && leaves_workers_only(process, self)) {
    process.group_exit = true;
    process.exit_status = (code & 0xff) << 8;
    kill_other_tasks(process);
  }
  self.in_process.unlink();
  leave_usage(self);
  if (!trace::all().empty()) [[unlikely]] trace::ended(self, process.group_exit ? process.exit_status : (code & 0xff) << 8);
  if (--process.tasks_alive == 0) {
    if (!process.group_exit) process.exit_status = (code & 0xff) << 8;
    end_process(process, self);
  } else {
    self.dead_memory = process.memory;   // its env is in the space until it is buried
    if (process.tasks_alive == 1) process.children_changed.wake_all();  // exec waits for that
  }
  self.process = nullptr;
  sched::bury(self);
  sched::leave();
}

void exit_process(std::uint32_t wait_status) {
  Process& process = current_process();
  if (!process.group_exit) {
    process.group_exit = true;
    process.exit_status = wait_status;
    kill_other_tasks(process);
  }
  exit_task(wait_status >> 8);
}

}  // namespace exos
