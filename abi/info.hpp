// SPDX-License-Identifier: MIT
// The information pages: kernel tables that may be mapped read-only under the information capability.
#pragma once

#include "abi/types.hpp"

namespace abi {

inline constexpr std::uint64_t info_magic = 0x0031'5349'4745'4100;  // "\0AEGIS1"
inline constexpr std::uint32_t info_version = 3;
inline constexpr std::uint32_t slices_per_cpu = 64;
inline constexpr std::uint32_t max_cpus = 64;

// The first information frame. Time: ns = (rdtsc() - tsc_base) * tsc_mul >> tsc_shift (128-bit product).
struct SystemInfo {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t size;             // of this struct
  std::uint64_t frames;           // physical frames that the frame table describes: 0 .. frames-1
  std::uint64_t free_frames;      // free right now
  std::uint64_t kernel_frames;    // owned by the kernel since boot
  std::uint64_t info_base;        // first information frame: this page; the frame table follows
  std::uint64_t info_count;
  std::uint64_t frame_table_offset;  // bytes from the start of this page to the FrameInfo array
  std::uint64_t tsc_base;
  std::uint64_t tsc_mul;
  std::uint32_t tsc_shift;
  std::uint32_t cpus;
  std::uint64_t wall_base_ns;     // UTC nanoseconds since 1970 at ns == 0
  std::uint64_t slice_ns;         // length of a time slice
  std::uint64_t grace_ns;         // how long an epilogue may take
  std::uint64_t boot_tsc;         // TSC at the kernel's first instruction
  std::uint32_t xcr0;             // vector state that the kernel switches
  std::uint32_t xsave_size;
  std::uint64_t features;         // cpu_* bits below
  // The other tables, in bytes from the start of this page, each on pages of its own, so that a frames capability can be
  // derived for it alone: what one sees of others is what one holds.
  std::uint64_t slice_table_offset;  // SliceOwner[cpus * slices_per_cpu]
  std::uint64_t env_table_offset;    // EnvInfo[env_table_count]
  std::uint64_t env_table_count;
  std::uint64_t cpu_table_offset;    // CpuInfo[cpus], each cpu_info_size bytes from the last
  std::uint64_t cpu_info_size;
  std::uint64_t trace_offset;        // TraceRing of each processor, trace_size bytes from the last
  std::uint64_t trace_size;
  std::uint64_t trace_mask;          // what they take (trace_bit)
  std::uint64_t program_table_offset;  // ProgramEntry[program_table_count]
  std::uint64_t program_table_count;
};
inline constexpr std::uint64_t cpu_pku = 1u << 0, cpu_fsgsbase = 1u << 1, cpu_avx = 1u << 2, cpu_rdrand = 1u << 3,
                               cpu_pcid = 1u << 4;

enum class FrameUse : std::uint8_t {
  free = 0,
  reserved = 1,    // no RAM, firmware, kernel image
  plain = 2,       // owned by an account, contents are its own
  page_table = 3,
  space = 4, env = 5, table = 6, table_leaf = 7, account = 8,
  info = 9,        // information pages
  table_index = 10,
  program = 11,
  program_part = 12,  // native code, or what a program needs while it is loaded; aux: the program
};

// One per physical frame, index = frame number.
struct FrameInfo {
  std::uint32_t owner;        // frame number of the owning account; 0: the kernel
  std::uint32_t generation;   // of the object that lives here; grows when it dies
  std::uint32_t maps;         // plain: entries that map it; page tables: entries in use; table leaves: their number in
                              // the table; table indexes: the number of their first leaf
  std::uint16_t pins;         // uses by the kernel that forbid freeing
  std::uint16_t refs;         // frames capabilities that cover it
  FrameUse use;
  std::uint8_t level;         // page tables: 1 = entries map pages ... 4 = top
  std::uint16_t flags;        // frame_* bits below
  std::uint32_t aux;          // page tables: frame number of their space; table leaves, indexes: of their table
};
static_assert(sizeof(FrameInfo) == 24);
inline constexpr std::uint16_t frame_condemned = 1u << 0;  // is being taken by force: cannot be mapped or shared any more
inline constexpr std::uint16_t frame_abroad = 1u << 1;     // since somebody mapped it first, a space of another account than the owner's did

// Who owns a position of a slice vector. `env` 0: nobody.
struct SliceOwner {
  std::uint32_t env;         // frame number
  std::uint32_t generation;  // of the env's frame
};
static_assert(sizeof(SliceOwner) == 8);

// One per env that is alive; `env` 0: the entry is free.
struct EnvInfo {
  std::uint32_t env;         // frame number
  std::uint32_t account;     // frame number
  std::uint32_t space;       // frame number
  std::uint32_t state;       // RunState
  std::uint64_t run_ns;      // time on processors (without the current stay)
  std::uint64_t calls;       // Aegis calls
  std::uint64_t exceptions;  // delivered to it
  std::uint32_t slices;      // of its own that began
  std::uint32_t switches;    // times that it got a processor
  std::uint32_t overruns;    // epilogues that did not end in time
  std::uint32_t strikes;     // the part of them that is not forgiven (overrun_limit)
  std::uint32_t upcalls;     // delivered
  std::uint32_t transfers;   // protected control transfers that it made
};
static_assert(sizeof(EnvInfo) == 64);

// One per program that is there; `program` 0: the entry is free.
struct ProgramEntry {
  std::uint32_t program;     // frame number
  std::uint32_t account;     // frame number
  std::uint32_t kind;        // ProgramKind
  std::uint32_t state;       // ProgramState
  std::uint32_t length;      // instructions
  std::uint32_t code_bytes;  // of native code
  std::uint64_t runs;
  std::uint64_t steps;       // of all runs (ProgramEnd::steps)
  std::uint64_t outside;     // runs that ended so
  std::uint64_t exhausted;   // runs that met the step limit
  std::uint64_t run_ns;      // time of all runs
};
static_assert(sizeof(ProgramEntry) == 64);

// One per processor; at `calls` follows a counter for each Aegis call.
struct CpuInfo {
  std::uint64_t idle_ns;       // in the idle instruction (without the current stay)
  std::uint64_t switches;    // an env got the processor
  std::uint64_t exceptions;
  std::uint64_t interrupts;
  std::uint64_t flushes;     // translation shoot-downs asked of others
  std::uint64_t pokes;       // sent to it
  std::uint64_t space_loads; // writes of cr3 that changed the space
  std::uint64_t idle_since_ns; // when the current stay began; 0: it is not idle
  std::uint64_t kept_loads;  // space_loads that kept what the processor remembered under the space's tag
  std::uint64_t flushed;     // translation shoot-downs that others asked of it
  std::uint64_t calls[];     // by call number
};
static_assert(sizeof(CpuInfo) == 80);

}  // namespace abi
