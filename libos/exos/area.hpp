// SPDX-License-Identifier: MIT
// What the library keeps in the second part of a task's user area, reached by gs. The entry code (entry.cpp) owns it.
#pragma once

#include "abi/env.hpp"
#include "base/std.hpp"

namespace exos {

struct Task;
struct Frame;
struct Processor;

// Answers that the entry code gives by itself, from TaskArea::quick (quick_calls.hpp).
enum class QuickAnswer : std::uint8_t { none, pid, tid, uid, euid, gid, egid };
inline constexpr std::size_t quick_answers = 7;
inline constexpr std::uint32_t no_quick_answer = ~std::uint32_t{0};

// Why the way back to the program must go through C++ (attention word).
inline constexpr std::uint32_t attention_resched = 1, attention_signal = 2, attention_exit = 4, attention_restart = 8,
    attention_processor = 16;   // another processor than before

struct TaskArea {
  abi::UserArea* self;
  Task* task;                    // null in a root env
  std::uint64_t stack_top;       // where the library stack starts, 16-byte aligned
  std::uint64_t call_top;        // where a call's Frame is pushed from: below its ss
  Frame* frame;                  // at the top of that stack: what the exit code loads
  std::uint32_t attention;       // attention_*; also others set bits, from other processors
  std::uint32_t env;             // its capability slot: who holds the container lock
  std::uint64_t exception_rax, upcall_rax;  // scratch of those entries
  std::uint64_t exit_rip;        // where the way back jumps to
  // Ends of slices that found the program, and the library, running; not yet added to the task's time (sched.cpp).
  std::uint32_t program_ends, library_ends;
  std::uint64_t call_entry;      // Entries::call, for the vDSO
  Processor* processor;          // whose root env gives it time now (sched.cpp sets it)
  std::array<std::uint32_t, quick_answers> quick;   // by QuickAnswer; no_quick_answer: not this way
};
static_assert(sizeof(TaskArea) <= 256);

// Above it: the small stack on which an upcall that came inside the library returns, and a buffer for vector state.
inline constexpr std::size_t area_library = offsetof(abi::UserArea, library);
inline constexpr std::size_t area_upcall_stack_top = area_library + 512;
inline constexpr std::size_t area_vector = 1024;
inline constexpr std::size_t area_vector_size = sizeof(abi::UserArea) - area_vector;

[[nodiscard]] inline TaskArea& task_area(abi::UserArea& area) { return *reinterpret_cast<TaskArea*>(area.library); }
[[nodiscard]] inline std::byte* vector_buffer(abi::UserArea& area) {
  return reinterpret_cast<std::byte*>(&area) + area_vector;
}
[[nodiscard]] inline abi::UserArea& current_user_area() {
  using InGs = abi::UserArea* __attribute__((address_space(256)));
  return **reinterpret_cast<InGs*>(area_library + offsetof(TaskArea, self));
}
[[nodiscard]] inline TaskArea& current_area() { return task_area(current_user_area()); }

// entry.cpp; the guarded ones open the state first (guard.hpp)
extern "C" {
void exos_foreign_entry();       // a `syscall` in the program
void exos_call_entry();          // the same for patched sites: r11 = where to return to
void exos_exception_entry();
void exos_upcall_entry();
void exos_task_entry();          // a new task: rsp = its Frame, rdi = vector state to load, or null
void exos_guarded_foreign_entry();
void exos_guarded_call_entry();
void exos_guarded_exception_entry();
void exos_guarded_upcall_entry();
void exos_guarded_task_entry();
}
void save_vector(std::byte* buffer);               // xsave of all enabled components; clears the header first
void load_vector(const std::byte* buffer);         // all but PKRU (protection_keys.hpp)
void make_initial_vector(std::byte* buffer);

}  // namespace exos
