// SPDX-License-Identifier: MIT
#include "libos/exos/process_report.hpp"

#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

using abi::link::ProcessEntry, abi::link::ProcessReport;

struct Part {
  ProcessReport report;
  std::array<ProcessEntry, abi::link::processes_per_frame> entries;
};

constinit bool wanted = false;
constinit std::uint32_t sent_up_to = 0;   // pids below it have been sent

// Processes are told by rising pids, so that what starts and ends between two frames neither doubles nor hides others.
Process* next_process(std::uint32_t from) {
  Process* next = nullptr;
  for (Process& process : processes())
    if (process.pid >= from && (next == nullptr || process.pid < next->pid)) next = &process;
  return next;
}

void describe(ProcessEntry& entry, Process& process) {
  const Usage used = usage_of(process);
  const Task* task = process.tasks.empty() ? nullptr : process.tasks.front();
  entry = {.pid = process.pid, .parent = process.parent != nullptr ? process.parent->pid : 0, .threads = 0, .state = state_letter(process, task),
           .reserved = {}, .user_ns = used.cpu.user_ns, .system_ns = used.cpu.system_ns, .resident_pages = 0, .total_pages = 0,
           .calls = process.system_calls, .name = "exited"};
  for ([[maybe_unused]] const Task& one : process.tasks) ++entry.threads;
  if (task != nullptr) std::memcpy(entry.name, task->name, sizeof entry.name);
  entry.name[sizeof entry.name - 1] = 0;
  if (!process.memory) return;
  entry.resident_pages = resident_pages(*process.memory).sum();
  entry.total_pages = process.memory->size_pages();
}

void begin(ProcessReport& report) {
  const MemoryUse use = memory_use();
  report = {.time_ns = now().raw(), .used_pages = use.used, .limit_pages = use.limit, .busy_ns = 0,
            .processors = static_cast<std::uint32_t>(processors().size()), .count = 0, .last = 0, .reserved = 0};
  for (const Processor& processor : processors()) report.busy_ns += processor.busy.ns;
}

// One frame; false when there is no room for it.
bool send(Part& frame) {
  begin(frame.report);
  std::uint32_t from = sent_up_to;
  Process* process = next_process(from);
  for (; process != nullptr && frame.report.count < frame.entries.size(); process = next_process(from)) {
    describe(frame.entries[frame.report.count++], *process);
    from = process->pid + 1;
  }
  frame.report.last = process == nullptr ? 1 : 0;
  const std::size_t size = sizeof frame.report + frame.report.count * sizeof(ProcessEntry);
  if (!link::offer_control(abi::link::Control::processes, {reinterpret_cast<const std::byte*>(&frame), size})) return false;
  sent_up_to = from;
  wanted = process != nullptr;
  return true;
}

}  // namespace

void want_process_report() {
  wanted = true;
  sent_up_to = 0;
}

void service_process_report() {
  if (!wanted) [[likely]] return;
  Part* frame = make<Part>();
  while (frame != nullptr && wanted && send(*frame)) {}
  if (frame == nullptr) wanted = false;   // no memory: the host waits in vain, and goes
  destroy(frame);
}

}  // namespace exos
