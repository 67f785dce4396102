// SPDX-License-Identifier: MIT
// The rows of `exo bench kernel`.
#include "exo/bench_kernel.hpp"

namespace exo {
namespace {

constexpr double zeroed_page = 512;  // rep stosq counts once for each of its 512 words

constexpr double more_contexts = 63;   // than one
// What program_run copies for each: the context in; zeros, and then the result, out. A word of 8 bytes counts once.
constexpr double copied_result = 6, copied_word = 1 + copied_result, copied_packet = 8 + copied_result;

constexpr KernelRow rows[] = {
    {"nop", "null Aegis call, round trip", 60, "Linux getpid 322"},
    {"exception", "exception to the handler's first instruction", 80, "Aegis 1995: 18 (MIPS)"},
    {"protection_fault", "page-protection fault, handler, fixed, back", 350, "Linux SIGSEGV + mprotect 16,190"},
    {"dirty", "dirty query", 10, "Linux pagemap 32,730"},
    {"protect_1", "protect 1 page", 250, "Linux mprotect 9,290"},
    {"protect_1_pair", "protect 1 page, unprotect it", 500, ""},
    {"protect_1_list", "protect 1 page by a list of one operation", 0, ""},
    {"protect_100", "protect 100 pages", 2500, "Linux mprotect 25,406"},
    {"unprotect_100", "unprotect 100 pages", 2500, "Linux mprotect 25,406"},
    {"appel1", "Appel1: trap, protect another, unprotect; per page", 700, "Linux 21,492"},
    {"appel2", "Appel2: protect 100, trap, unprotect; per page", 450, "Linux 13,146"},
    {"map_unmap", "map a fresh page, unmap it (zeroing apart)", 500, "Linux mmap + touch + munmap 18,825", zeroed_page},
    {"map_unmap_100", "the same for 100 pages (zeroing apart)", 0, "", 100 * zeroed_page},
    {"map_again", "map an own frame, unmap it, one call", 0, ""},
    {"frame_alloc_free", "allocate a frame, free it (zeroing apart)", 0, "", zeroed_page},
    {"transfer_registers", "synchronous transfer, one way, message in registers", 150, "seL4: call 775, reply 646 cycles"},
    {"transfer", "synchronous transfer, one way, 10 words", 150, "seL4: call 775, reply 646 cycles"},
    {"transfer_served", "the same there and back, with a handler in C++", 0, ""},
    {"foreign", "foreign call reflected to the library, and back", 120, "Linux getpid 322"},
    {"foreign_rewritten", "foreign call from a rewritten site, and back", 40, "Linux getpid 322"},
    {"env_create_destroy", "env create + destroy", 15000, "Linux fork + exit + wait 272,414"},
    {"domain_create_destroy", "account, space, table, env: create + destroy", 0, "Linux fork + exit + wait 272,414"},
    {"yield_same_space", "directed yield, same space, one way", 0, "Linux sched_yield switch 1,767"},
    {"yield_other_space", "directed yield, other space, one way", 0, "Linux sched_yield switch 1,767"},
    {"wake_sleep", "wake a sleeper, yield to it, it sleeps", 0, "Linux futex ping-pong 8,980"},
    {"wake", "wake one that does not sleep", 0, ""},
    {"wait_word", "env_wait for a word that is true already", 0, ""},
    {"ring", "ring: put and take 64 bytes, nobody sleeps", 0, "Linux pipe round trip 11,241"},
    {"program_load", "load a program of 4,096 instructions", 5'000'000, ""},
    {"program_run", "program_run, one comparison, whole call", 0, ""},
    {"predicate", "predicate of one comparison (copying apart)", 40, "", copied_word, {"program_run", more_contexts}},
    {"filter_run", "program_run, filter of ten comparisons", 0, ""},
    {"filter", "filter of ten comparisons (copying apart)", 60, "", copied_packet, {"filter_run", more_contexts}},
    {"watch_true", "env_watch by a predicate that is true already", 0, ""},
    {"page_signal", "page_signal, nobody waits", 0, ""},
    {"watch_look", "page_signal, for each sleeper on a predicate", 0, "", 0, {"page_signal", 64}},
    {"cap_derive", "derive a capability", 0, ""},
    {"cap_drop", "drop a capability", 0, ""},
    {"cap_revoke", "revoke, for each derived capability", 0, ""},
    {"cap_read", "read a capability", 0, ""},
    {"account_read", "read an account", 0, ""},
    {"envs_yield", "directed yield, one way, beside N envs that sleep", 0, ""},
    {"envs_create", "env create + destroy, beside N envs that sleep", 0, ""},
    {"filters", "filter of N comparisons, with a 64th of the call and the copying", 0, ""},
    {"watchers", "page_signal, N sleep on a predicate and sleep on", 0, ""},
    {"stride_next", "stride scheduler: choose one of three, switch to it, and back", 0, ""},
    {"stride_3", "stride scheduler 3:2:1: share of the first, per mille", 0, "500 wanted"},
    {"stride_2", "stride scheduler 3:2:1: share of the second, per mille", 0, "333 wanted"},
    {"stride_1", "stride scheduler 3:2:1: share of the third, per mille", 0, "167 wanted"},
    {"stride_error", "stride scheduler 3:2:1: farthest that one was ever off, in slices", 1, "1 is the method's bound"},
};

}  // namespace

std::span<const KernelRow> kernel_rows() { return rows; }

}  // namespace exo
