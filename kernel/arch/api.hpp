// SPDX-License-Identifier: MIT
// All that the machine-independent core sees of a machine. kernel/arch/x86_64 implements it for hardware,
// tests/unit/fake_arch for the host. Nothing here takes the kernel lock; all of it may be called with it held.
#pragma once

#include "abi/syscall.hpp"

namespace aegis {
struct Cpu;    // core/cpu.hpp
struct Env;    // core/env.hpp
struct Space;  // core/space.hpp
}  // namespace aegis

namespace aegis::arch {

using abi::FrameNumber;
using abi::Nanoseconds;
using CpuId = base::Strong<struct CpuIdTag, std::uint32_t, base::Ordered, base::Offsets>;

// A processor's worth of user state. General registers are saved on every entry from which another env may go on;
// `vector` when another env is about to use the unit.
struct Context {
  abi::Registers registers{};
  // What the entry code does without the core, from the env's entries: see bind_entries.
  std::uint64_t* foreign_frame = nullptr;      // foreign_rip of its user area; nullptr: no foreign entry
  std::uint64_t foreign_entry = 0;
  abi::EventFrame* exception_frame = nullptr;  // of its user area; nullptr: exceptions go the long way
  std::uint64_t exception_entry = 0;
  alignas(64) std::byte vector[2816]{};      // XSAVE area; the machine's size is checked against it at boot
};

// --- memory ------------------------------------------------------------------------------------------------------
// The kernel's view of a frame (the direct map; on the host an array).
[[nodiscard]] std::byte* frame_memory(FrameNumber frame);
[[nodiscard]] FrameNumber frame_of(const void* memory);  // inverse of frame_memory
void zero_frame(FrameNumber frame);
void copy_frame(FrameNumber to, FrameNumber from);

// Fault-fixed copies from and to the current user space. False: some byte was not accessible (for copy_to_user, bytes
// before it may have been written). The caller has checked that the range lies below abi::user_end.
[[nodiscard]] bool copy_from_user(void* to, std::uint64_t from, std::size_t size);
[[nodiscard]] bool copy_to_user(std::uint64_t to, const void* from, std::size_t size);

// --- address spaces ----------------------------------------------------------------------------------------------
// Fills a new top-level table: kernel entries shared by all, the recursive window; user entries stay empty.
void prepare_top_table(FrameNumber top);
// Makes the processor use the space's tables, and remember translations of it under `tag` (less than tag_count(), which
// is 1 where the processor has no tags). What it remembers under the tag is kept, if it can be, or forgotten. Frame 0: the
// kernel's own tables, with no user half, so that nobody's top table is in use.
inline constexpr std::uint32_t max_tags = 16;
[[nodiscard]] std::uint32_t tag_count();
enum class Remembered : bool { kept, forgotten };
void load_space(FrameNumber top, std::uint32_t tag, Remembered remembered);
void load_untagged_space(FrameNumber top);  // not frame 0, and only without tags
// Forgets translations of [start, start + pages) (0 pages: everything) on every processor in `cpus` (bit = CpuId), this
// one included if its bit is set: of the tag that is in use there. Returns when all have done so. Entries were changed
// before the call.
void flush_translations(std::uint64_t cpus, std::uint64_t start, std::uint64_t pages);
// An atomic exchange of an entry, since the processor sets accessed and dirty bits under our feet.
[[nodiscard]] std::uint64_t exchange_entry(std::uint64_t* entry, std::uint64_t value);

// --- programs ----------------------------------------------------------------------------------------------------
// Native code of verified programs. Sealed, a run of frames can be executed and not written, by nobody and by no other
// address; unsealed, it is memory like any other. Returns when that is so on every processor.
void seal_code(FrameNumber first, std::uint64_t count);
void unseal_code(FrameNumber first, std::uint64_t count);
// Calls it with the one argument that it takes, a program::Run.
[[nodiscard]] std::uint64_t run_code(const std::byte* entry, void* run);
[[nodiscard]] std::uint64_t random_word();  // as good as the machine has

// --- processors and time -----------------------------------------------------------------------------------------
[[nodiscard]] Cpu& this_cpu();
[[nodiscard]] Cpu& cpu(CpuId id);
[[nodiscard]] std::uint32_t cpu_count();
[[nodiscard]] Nanoseconds now();
[[nodiscard]] std::uint64_t time_stamp();  // the raw counter behind now()
// One event per processor: traps::timer() runs at or soon after the deadline. Replaces what was set before.
void set_timer(Nanoseconds deadline);
// Makes another processor enter the kernel and call traps::poked().
void poke(CpuId id);
// Waits for an interrupt and handles it (by calling back into traps). Only from traps::next(), with the lock released.
void idle();
// One step of waiting for a lock: pauses, and answers other processors' flush requests, without which they would wait
// for us for ever.
void relax();

// --- envs --------------------------------------------------------------------------------------------------------
void init_context(Context& context);                 // registers 0, initial vector state
// The vector unit and the segment bases, which ring 3 changes by itself, out of the processor and into it.
void save_user_state(Context& context);
void load_user_state(const Context& context);
void load_bases(const Context& context);             // of the env that is loaded already
// After its entries have changed.
void bind_entries(Env& env);

// --- devices the core multiplexes ----------------------------------------------------------------------------------
// Bytes taken or given without waiting; 0 when there is no room or nothing there. The memory is the kernel's.
[[nodiscard]] std::size_t console_write(std::span<const std::byte> bytes);
[[nodiscard]] std::size_t console_read(std::span<std::byte> bytes);
void log_write(std::string_view text);
[[noreturn]] void power_off(std::uint32_t code);
[[noreturn]] void panic(const char* what, const char* file, int line);

}  // namespace aegis::arch

#define AEGIS_ASSERT(condition) \
  do { if (!(condition)) [[unlikely]] ::aegis::arch::panic(#condition, __FILE__, __LINE__); } while (false)
