// SPDX-License-Identifier: MIT
// Bringing processors up, and what runs on each of them between the core and the entry code.
#pragma once

#include "kernel/arch/x86_64/per_cpu.hpp"

namespace aegis::arch {

// Stacks and task state for a processor that is about to run.
void prepare_processor(PerCpu& processor, std::uint32_t apic_id);
// On the processor itself: control registers, segments, local APIC.
void initialise_processor(PerCpu& processor);
// Starts the processors with these local APIC ids (the own one is skipped); they wait in processor_main for release.
void start_processors(std::span<const std::uint32_t> apic_ids);
// Lets the started processors join, and takes this one along: for ever, in the core's hands.
[[noreturn]] void run_processors();

void answer_flush();                   // flush.cpp: does what another processor asked for
void stop_other_processors();          // panic.cpp
[[nodiscard]] bool stop_requested();   // a panicking processor wants silence

// Only from a function that never returns. The low byte is zero, which stops overruns by strings.
[[gnu::no_stack_protector]] void seed_stack_protector();

extern "C" [[noreturn]] void continue_on_stack(std::uint64_t stack_end, void (*function)());

}  // namespace aegis::arch
