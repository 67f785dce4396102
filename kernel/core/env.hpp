// SPDX-License-Identifier: MIT
// Envs: protection domains that run. One frame each. An env is `running` exactly while it is some processor's current;
// its registers are in `context` whenever the kernel looks at it, vector state and segment bases only when it is on no
// processor (see scheduler.hpp).
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/core/cpu.hpp"
#include "kernel/core/watch.hpp"

namespace aegis {

using abi::RunState;

inline constexpr std::uint64_t initial_flags = 0x202;  // IF, and the bit that is always 1 [intel/vol1 3.4.3]

enum class Pending : std::uint8_t { nothing, stop, end };  // asked of an env that runs on another processor

struct Env {
  arch::Context context;
  FrameNumber user_area{};
  abi::EnvEntries entries{};
  RunState state = RunState::created;
  std::uint32_t upcalls_due = 0;  // bit per Upcall that was posted and not yet delivered
  Pending pending = Pending::nothing;
  bool wake_token = false;        // a wake came while it did not sleep
  ObjectRef monitor;
  std::uint32_t space = 0;        // its own count in the space keeps that alive
  std::uint32_t table = 0;        // and in the table
  std::uint32_t cpu = 0;          // while running
  Nanoseconds deadline{};         // while sleeping
  SleepLink sleep;
  std::uint64_t code = 0, error = 0, address = 0;  // how it halted or got stuck
  abi::EnvInfo* info = nullptr;   // its counters, of which there is no other copy: in the information pages
  std::uint32_t positions = 0;    // of the slice vectors that it owns
  Env* caller = nullptr;          // whose call it answers (transfer.hpp)
  Env* callee = nullptr;          // while calling: who answers
  bool forfeits = false;          // its next slice, for an overrun
  Wait wait;                      // while sleeping: what ends that
  std::uint32_t signalled = 0;    // frame of a signal that it has begun; 0: none
  std::uint64_t signalled_at = 0; // Kernel::looks then

  struct Parts {
    Space& space;
    Table& table;
    FrameNumber user_area;
  };
  [[nodiscard]] static Result<Env*> create(Kernel& k, Account& payer, const Parts& parts, FrameNumber where);
  // `again` while it still runs on another processor. The env that calls may end itself.
  [[nodiscard]] Status destroy(Kernel& k, Cpu& cpu);

  // The entries have been checked by nobody yet; `monitor` is what the slot in them stands for.
  [[nodiscard]] Status configure(Kernel& k, Cpu& cpu, const abi::EnvEntries& entries, ObjectRef monitor);
  [[nodiscard]] Status start(Kernel& k, std::uint64_t rip, std::uint64_t rsp, std::uint64_t argument);
  [[nodiscard]] Status stop(Kernel& k, Cpu& cpu);
  [[nodiscard]] Status resume(Kernel& k);
  [[nodiscard]] Status read(abi::EnvState& out) const;
  [[nodiscard]] Status write(const abi::Registers& registers);
  // The running env goes on in another space.
  void change_space(Kernel& k, Cpu& cpu, Space& to);

  void wake(Kernel& k);  // ends its sleep, or its next one
  void end_sleep(Kernel& k, std::uint64_t wait_value);  // of one that sleeps
  // Of the env that runs; the caller then gives the processor to somebody else.
  void fall_asleep(Kernel& k, Nanoseconds until);
  void halt(Kernel& k, std::uint64_t exit_code);
  void get_stuck(Kernel& k, std::uint64_t vector, std::uint64_t fault_error, std::uint64_t fault_address);
  void become_ready(Kernel& k);

  // Remembers a revoke or repossess upcall, which it gets as soon as it has a processor and its upcall frame is free; ends its
  // sleep for that. Without an entry for such upcalls: nothing.
  void post_upcall(Kernel& k, abi::Upcall what);
  void deliver_due_upcall();  // of the env that has a processor
  [[nodiscard]] bool can_take_upcall() const;  // it has an entry for posted ones, and the frame is free
  [[nodiscard]] bool defers();  // whether it asks for the end of its slice to wait; it is then told that it does
  void overrun(Kernel& k);      // it has left the processor by force

  // With nothing to be told first.
  [[nodiscard]] bool accepts_at_once() const {
    return (static_cast<std::uint64_t>(upcalls_due) << 32 | static_cast<std::uint64_t>(state)) == static_cast<std::uint64_t>(RunState::accepting);
  }

  // All changes of `state` go through here: the information pages show it, and so does the trace.
  void set_state(RunState to);
  void note_state(RunState to) {  // untraced
    state = to;
    info->state = static_cast<std::uint32_t>(to);
  }
  // Makes it continue at its entry for the event, if it has one and is not busy with another of the class.
  [[nodiscard]] bool deliver_exception(std::uint64_t vector, std::uint64_t fault_error, std::uint64_t fault_address);
  [[nodiscard]] bool deliver_upcall(abi::Upcall what, std::uint64_t entry);

 private:
  [[nodiscard]] bool deliver(abi::EventFrame& frame, const abi::EventFrame& event, std::uint64_t entry);
  [[nodiscard]] abi::UserArea& area() const { return *reinterpret_cast<abi::UserArea*>(arch::frame_memory(user_area)); }
  void wake_monitor(Kernel& k);
  [[nodiscard]] bool runs_elsewhere(const Cpu& here) const;
};
static_assert(sizeof(Env) <= abi::page_size);
static_assert(offsetof(Env, context) == 0 && offsetof(arch::Context, registers) == 0);  // the entry code goes by that

}  // namespace aegis
