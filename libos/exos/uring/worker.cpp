// SPDX-License-Identifier: MIT
#include "libos/exos/uring/worker.hpp"

#include "base/format.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/task.hpp"

namespace exos::uring {

namespace {

[[noreturn]] void work() {
  Task& self = current();
  Worker& own = *self.process->io_worker;
  while (!self.exiting && !self.exiting_by_kill) {
    own.serve();
    if ((std::atomic_ref{current_area().attention}.fetch_and(~attention_resched, std::memory_order_relaxed) & attention_resched) != 0) {
      sched::end_turn();
      continue;   // the world may have changed
    }
    static_cast<void>(sched::block(abi::forever, Interruptible::no));
  }
  own.end();
  exit_task(0);
}

Result<Task*> make_task(Process& process) {
  Task* task = TRY(create_task(process, *process.memory));
  const Task& creator = current();
  task->files = creator.files;
  task->paths = creator.paths;
  task->signals.mask = ~std::uint64_t{0};
  task->library_work = work;
  const base::Text<sizeof task->name> name{"iou-wrk-{}", process.pid};
  std::memcpy(task->name, name.view().data(), name.view().size());
  return task;
}

}  // namespace

Worker* worker() {
  Process& process = current_process();
  if (process.io_worker != nullptr) return process.io_worker;
  Worker* made = make<Worker>();
  if (made == nullptr) return nullptr;
  const auto task = make_task(process);
  if (!task) {
    destroy(made);
    return nullptr;
  }
  made->task = *task;
  process.io_worker = made;
  start_task(**task, nullptr);
  return made;
}

void hand_over(Request& request, Worker& worker) {
  request.worker = &worker;
  worker.waiting.push_back(request);
  if (request.due || request.waiter.woken) sched::wake(*worker.task);
}

// Requests end each other, so the woken ones are taken out before the first is looked at.
void Worker::serve() {
  for (;;) {
    base::List<Request, &Request::in_turn> woken;
    for (Request& request : waiting) {
      if (!request.due && !request.waiter.woken) continue;
      request.in_turn.unlink();
      woken.push_back(request);
    }
    if (woken.empty()) return;
    while (Request* request = woken.pop_front()) {
      const FileRef keeps{request->ring};
      request->worker = nullptr;
      request->ring->retry(*request);
        static_cast<Ring&>(*keeps).run();
    }
  }
}

void Worker::end() {
  while (Request* request = waiting.pop_front()) {
    const FileRef keeps{request->ring};
    request->worker = nullptr;
    request->sqe.flags &= static_cast<std::uint8_t>(~flag::hard_link);   // nobody is there to go on with what is linked to it
    request->ring->complete(*request, -static_cast<std::int32_t>(Errno::canceled));
  }
  current_process().io_worker = nullptr;
  destroy(this);
}

}  // namespace exos::uring
