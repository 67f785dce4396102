// SPDX-License-Identifier: MIT
#include "libos/exos/quick_calls.hpp"

#include "libos/exos/calls.hpp"

namespace exos {

namespace {

// Which call is which answer. getppid is none, for its answer changes when somebody else ends.
constexpr std::array<std::uint8_t, quick_numbers> offsets = [] {
  constexpr struct { std::size_t number; QuickAnswer answer; } calls[]{
      {39, QuickAnswer::pid}, {186, QuickAnswer::tid}, {102, QuickAnswer::uid}, {107, QuickAnswer::euid},
      {104, QuickAnswer::gid}, {108, QuickAnswer::egid}};
  std::array<std::uint8_t, quick_numbers> all{};
  for (const auto& call : calls)
    all[call.number - quick_first] = static_cast<std::uint8_t>(std::to_underlying(call.answer) * sizeof(std::uint32_t));
  return all;
}();

void set(TaskArea& area, QuickAnswer which, std::uint32_t answer) {
  std::atomic_ref{area.quick[std::to_underlying(which)]}.store(answer, std::memory_order_relaxed);  // its task may be reading
}

}  // namespace

// For the entry code.
extern "C" {
extern const std::array<std::uint8_t, quick_numbers> exos_quick_calls;
[[gnu::used]] constinit const std::array<std::uint8_t, quick_numbers> exos_quick_calls = offsets;
}

void refresh_quick_answers(Task& task) {
  TaskArea& area = task_area(*task.area);
  const Process& process = *task.process;
  area.quick[std::to_underlying(QuickAnswer::none)] = no_quick_answer;
  const bool allowed = !task.watched;
  const auto answer = [&](QuickAnswer which, std::uint32_t value) { set(area, which, allowed ? value : no_quick_answer); };
  answer(QuickAnswer::pid, process.pid);
  answer(QuickAnswer::tid, task.tid);
  answer(QuickAnswer::uid, process.uid);
  answer(QuickAnswer::euid, process.euid);
  answer(QuickAnswer::gid, process.gid);
  answer(QuickAnswer::egid, process.egid);
}

void refresh_quick_answers(Process& process) {
  for (Task& task : process.tasks) refresh_quick_answers(task);
}

}  // namespace exos
