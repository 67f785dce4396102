// SPDX-License-Identifier: MIT
// Everything that the kernel lock protects. A Kernel& can only be had from a KernelGuard, so a function that takes one
// says by its parameter that the lock is held.
#pragma once

#include "kernel/core/frame_table.hpp"
#include "kernel/core/info_tables.hpp"
#include "kernel/core/lock.hpp"
#include "kernel/core/sleepers.hpp"

namespace aegis {

inline constexpr std::uint64_t slice_ns = 10'000'000;
inline constexpr std::uint64_t grace_ns = 1'000'000;
// Steps of one restartable call before it answers `again`. A step is some tens of instructions.
inline constexpr std::uint64_t step_budget = 256;
constexpr void spend(std::uint64_t& budget, std::uint64_t steps) { budget -= steps < budget ? steps : budget; }

struct ConsoleState {
  ObjectRef bound;                                    // env that is woken for console events
  std::uint32_t begin = 0, end = 0;                   // input that was taken from the device and not yet delivered
  std::array<std::byte, abi::console_chunk> input{};
  std::array<std::byte, abi::console_chunk> output{};
};

// Which sweep comes next, and over what (force.cpp).
enum class ForcePass : std::uint8_t { spare, units, idle, mapped, shared, bindings, free, done };
struct Force {
  ObjectRef account;            // whose units are taken; {}: nobody's
  ForcePass pass = ForcePass::spare;
  bool in_use = false;          // a chosen frame is mapped or has a capability
  std::uint32_t position = 0;   // of the sweep
  std::uint64_t condemned = 0;  // frames chosen in this round
  std::uint64_t taken = 0;      // in this round
  ObjectRef loser;              // account that has losses listed and was not told yet
};

struct Kernel {
  FrameTable frames;
  Sleepers sleepers;
  std::span<ObjectRef> slices;  // owner of each position, in the information pages
  EnvTable envs;
  ProgramTable programs;
  Force force;
  std::uint64_t open_requests = 0;  // accounts that resources are being asked back from
  std::uint64_t idle_cpus = 0;  // bit per processor that waits in idle()
  std::uint64_t looks = 0;          // at sleepers for a frame, and beginnings of waits: tells what was before what
  std::uint64_t watched = 0;        // frames that somebody watches
  std::uint64_t views_changed = 0;  // how often something that linked slots show was taken away
  ConsoleState console;
  std::uint64_t flags_astray = ~std::uint64_t{0};  // that `flags ^ map_read` of a small page must not have: keys among them, or not
  std::byte* recount = nullptr;  // the checker's memory; see check.hpp
};

namespace detail {
extern "C" constinit ShortLock kernel_lock;  // entry.S knows it too
extern "C" constinit Kernel kernel_state;
}  // namespace detail

class [[nodiscard]] KernelGuard {
 public:
  KernelGuard() { detail::kernel_lock.acquire(); }
  ~KernelGuard() { detail::kernel_lock.release(); }
  KernelGuard(const KernelGuard&) = delete;
  KernelGuard& operator=(const KernelGuard&) = delete;
  [[nodiscard]] Kernel& operator*() const { return detail::kernel_state; }
  [[nodiscard]] Kernel* operator->() const { return &**this; }
};

// The lock is somebody else's meanwhile: what was looked up before may be gone afterwards, but for what is kept alive.
class [[nodiscard]] Unlocked {
 public:
  Unlocked() { detail::kernel_lock.release(); }
  ~Unlocked() { detail::kernel_lock.acquire(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;
};

}  // namespace aegis
