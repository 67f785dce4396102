// SPDX-License-Identifier: MIT
// The one list of Aegis calls: AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning). Numbers are never
// reused; some are not given out yet. docs/calls/ is generated from it.
//
// `syscall` with rax = call_base + number, arguments in rdi rsi rdx r10 r8 r9; rax returns the Error, rdx the value (0
// where "none"); rcx and r11 are lost, all else is kept (but for the protected control transfers). Any other rax is a
// foreign call. Argument types:
//   slot   u32, a slot of the caller's table      frame   u64, a frame number or any_frame
//   va     u64, a user address                    u64/u32 a number; bits beyond the type are bad_argument
// path: `keeps`: the caller goes on afterwards, so only what the call may change is saved; `switches`: another env may run next.
// rights: per capability argument. errors: besides those that the arguments' types imply: u32, slot: bad_argument; va:
// bad_address; slot: bad_slot, empty_slot, stale, wrong_kind, and where `rights` names any missing_right; slot dst:
// bad_slot, occupied. `-error`: implied, but cannot be. tests/hostile/arguments provokes each of them, and no other.
// Order of checks: call number, argument form, slots (bad_slot, empty_slot, stale, wrong_kind, missing_right), state.
#pragma once

// clang-format off
#define AEGIS_CALLS(AEGIS_CALL) \
  AEGIS_CALL( 0, nop, (), none, keeps, \
    "", "", \
    "Does nothing.") \
  AEGIS_CALL( 1, account_create, (slot account, slot dst, va limits, frame where), none, keeps, \
    "account: divide", "over_limit no_frame bad_argument out_of_range", \
    "Makes a child account with the AccountLimits read from `limits`, which are taken out of the parent's. The child's own frame is paid by the parent.") \
  AEGIS_CALL( 2, cap_derive, (slot src, slot dst, u32 rights, u64 base, u64 count), none, keeps, \
    "", "bad_argument out_of_range over_limit missing_right -wrong_kind", \
    "Derives a capability with rights (a subset, or all_rights) into the own table. frames, slices: range [base, count) relative to nothing (absolute); count 0 keeps the whole range. Others: base and count must be 0.") \
  AEGIS_CALL( 3, cap_grant, (slot src, slot table, slot dst, u32 rights, u64 base, u64 count), none, keeps, \
    "src: grant; table: insert", "bad_argument out_of_range over_limit", \
    "As cap_derive, into another table (right on src: grant; right on table: insert).") \
  AEGIS_CALL( 4, cap_drop, (slot target), none, keeps, \
    "", "again -stale -wrong_kind", \
    "Empties a slot; capabilities derived from it become its parent's. `again` until done.") \
  AEGIS_CALL( 5, cap_revoke, (slot target), none, keeps, \
    "", "again -wrong_kind", \
    "Removes every capability derived from this one, in whatever table. If the caller's account owns the frames that a revoked frames or account capability stands for, or is above their owner, mappings of them in spaces of other accounts than the owner's are broken. `again` until done.") \
  AEGIS_CALL( 6, cap_read, (slot target, va out), none, keeps, \
    "", "-stale -wrong_kind", \
    "Writes a CapInfo. A stale capability is read, not an error.") \
  AEGIS_CALL( 7, table_create, (slot account, slot dst, frame where), none, keeps, \
    "account: allocate", "over_limit no_frame out_of_range", \
    "Makes an empty capability table without leaves.") \
  AEGIS_CALL( 8, table_grow, (slot table, u32 leaf, slot account, frame where), none, keeps, \
    "table: insert (of another); account: allocate", "bad_argument occupied over_limit no_frame out_of_range", \
    "Gives the table its leaf number `leaf` (64 slots: 64*leaf ...), paid by account; leaves from direct_leaves on need an index frame per 512, which comes along. slot table 0: the own one.") \
  AEGIS_CALL( 9, frame_alloc, (slot account, frame first, u64 count, u32 mask, u32 match), u64, keeps, \
    "account: allocate", "bad_argument over_limit no_frame out_of_range", \
    "Takes `count` (1..max_run) contiguous free frames, zeroed: at `first`, or anywhere with (number of the first & mask) == match. mask 2^n - 1, match 0: aligned; a page colour: its bits. mask < 2^18, match within it; with a named first both must be 0. Value: the first frame.") \
  AEGIS_CALL(10, frame_free, (slot account, frame first, u64 count), none, keeps, \
    "account: allocate", "bad_argument out_of_range busy", \
    "Gives back plain frames that nobody maps, pins or holds a capability to (otherwise busy, and none is freed). count 1..max_run.") \
  AEGIS_CALL(11, frame_cap, (slot account, slot dst, frame first, u64 count, u32 rights), none, keeps, \
    "account: frames", "bad_argument out_of_range over_limit missing_right", \
    "Makes a frames capability to plain frames that the account owns (right: frames). count 1..max_cap_run.") \
  AEGIS_CALL(12, space_create, (slot account, slot dst, frame where), none, keeps, \
    "account: allocate", "over_limit no_frame out_of_range", \
    "Makes an empty address space (two frames; its page tables are charged to the account as they come).") \
  AEGIS_CALL(13, space_update, (slot space, va ops, u64 count), u64, keeps, \
    "space: change (of another); authority: by the verb", "bad_argument again occupied out_of_range over_limit no_frame not_mapped wrong_state", \
    "Carries out `count` (1..64) SpaceOps in order (right: change; slot 0: the own space). A protection key among the flags is bad_argument where the processor has none. Value, on errors too: SpaceProgress. `again` when the budget is used up.") \
  AEGIS_CALL(14, space_link, (slot space, u32 index, slot source), none, keeps, \
    "space: change (of another); source: share", "bad_argument occupied wrong_state over_limit", \
    "Lets `space` (right: change; slot 0: the own space) see slot `index` (512 GiB, 0..255) of `source` (right: share). source 0: unlinks. One who may change `source` changes both.") \
  AEGIS_CALL(15, space_trim, (slot space, va start, u64 pages), none, keeps, \
    "space: change (of another)", "bad_argument again", \
    "Frees page tables within the range that hold no entry (right: change; slot 0: the own space). `again` until done.") \
  AEGIS_CALL(16, env_create, (slot account, slot dst, slot space, slot table, frame user_area, frame where), none, keeps, \
    "account: allocate, frames; space: run; table: run", "out_of_range busy over_limit no_frame", \
    "Makes an env in the space (right: run) with the table (right: run) and a user area (a plain frame of the account, which is pinned).") \
  AEGIS_CALL(17, env_configure, (slot env, va entries), none, keeps, \
    "env: control (of another); monitor: wake", "bad_argument wrong_state", \
    "Reads an EnvEntries (slot 0: the caller itself). `entries.monitor` is a slot of the caller's table.") \
  AEGIS_CALL(18, env_start, (slot env, va rip, va rsp, u64 argument), none, keeps, \
    "env: control", "wrong_state", \
    "Makes an env that is created, stopped, halted or stuck ready at rip with rdi = argument, all other registers 0 and vector state initial.") \
  AEGIS_CALL(19, env_stop, (slot env), none, switches, \
    "env: control", "again wrong_state", \
    "Stops an env wherever it runs (state stopped). env_resume continues it.") \
  AEGIS_CALL(20, env_resume, (slot env), none, keeps, \
    "env: control", "wrong_state", \
    "Makes a stopped or stuck env ready again with its saved registers.") \
  AEGIS_CALL(21, env_read, (slot env, va out), none, keeps, \
    "env: inspect", "wrong_state", \
    "Writes an EnvState; a running env: wrong_state (its counters are in the information pages).") \
  AEGIS_CALL(22, env_write, (slot env, va registers), none, keeps, \
    "env: control", "bad_argument wrong_state", \
    "Replaces the Registers of an env that is created, stopped or stuck (right: control). Flags outside the arithmetic ones, TF and DF: bad_argument.") \
  AEGIS_CALL(23, env_space, (slot space), none, switches, \
    "space: run", "", \
    "The caller continues in another space (right: run). rip and rsp must mean the same there.") \
  AEGIS_CALL(24, env_halt, (u64 code), none, switches, \
    "", "", \
    "The caller halts with the code; its monitor is woken. Does not return.") \
  AEGIS_CALL(25, env_yield, (slot target), none, switches, \
    "target: donate", "busy wrong_state", \
    "Gives the rest of the slice to a ready env (right: donate) or, with slot 0, to the slice's owner (the owner itself: the rest is not used). The caller stays ready.") \
  AEGIS_CALL(26, env_sleep, (u64 deadline_ns, slot target), none, switches, \
    "target: donate", "busy wrong_state", \
    "As env_yield, but the caller sleeps until the deadline (forever: all ones) or a wake; a wake that came before makes it return at once. target 0: the slice's owner gets the rest, or nobody.") \
  AEGIS_CALL(27, env_wake, (slot env), none, keeps, \
    "env: wake", "", \
    "Ends the env's sleep, or its next one.") \
  AEGIS_CALL(28, slice_bind, (slot slices, u32 index, slot env), none, keeps, \
    "slices: bind; env: donate", "out_of_range over_limit", \
    "Position `base + index` of the capability's range belongs to env from its next round on, charged to the env's account as one of its slices; env 0: to nobody.") \
  AEGIS_CALL(29, object_destroy, (slot target), none, switches, \
    "target: destroy", "busy again", \
    "Ends an env, a space (envs in it: busy; views of it in other spaces are unlinked), a table (used by envs: busy) or an account with all that it owns: envs, tables, spaces, frames, wherever they are mapped or referred to (child accounts: busy; end them first). Pays everything back. `again` until done.") \
  AEGIS_CALL(30, console_write, (slot console, va data, u64 size), u64, keeps, \
    "console: write", "would_block", \
    "Value: bytes taken, at most console_chunk; would_block when none: the bound env is woken when there is room.") \
  AEGIS_CALL(31, console_read, (slot console, va data, u64 size), u64, keeps, \
    "console: read", "would_block", \
    "Value: bytes given, at most console_chunk; would_block when there are none: the bound env is woken when some come.") \
  AEGIS_CALL(32, console_bind, (slot console, slot env), none, keeps, \
    "console: read or write; env: wake", "", \
    "The env (right: wake) that is woken for console events; 0: nobody.") \
  AEGIS_CALL(33, machine_stop, (slot machine, u32 code), none, switches, \
    "machine: stop", "", \
    "Powers off; QEMU's exit status becomes 2*code+1 where the debug-exit device is there. Does not return.") \
  AEGIS_CALL(34, machine_log, (slot machine, va text, u64 size), none, keeps, \
    "machine: log", "bad_argument", \
    "Writes at most 512 bytes to the kernel's log (serial).") \
  AEGIS_CALL(35, account_read, (slot account, va out), none, keeps, \
    "", "", \
    "Writes an AccountInfo.") \
  AEGIS_CALL(36, account_limit, (slot account, slot child, va limits), none, keeps, \
    "account: divide", "bad_argument over_limit wrong_state", \
    "Replaces the AccountLimits of a child of `account`. Below what is used: over_limit; while resources are being asked back from it, or not its child: wrong_state.") \
  AEGIS_CALL(37, account_claim, (slot account, slot dst, frame object), none, keeps, \
    "account: allocate, frames", "out_of_range", \
    "Makes a capability with all rights to the object (account, env, space, table) that lives in a frame which the account owns, as a child of `account`.") \
  AEGIS_CALL(38, account_bind, (slot account, slot env, frame vector), none, keeps, \
    "account: allocate, frames; env: control", "out_of_range busy wrong_state", \
    "The env (of this account) that gets the account's revoke and repossess upcalls, and the plain frame of the account where request and losses are written (abi::RevocationPage; it is pinned and never taken by force). env 0: nobody (vector must be 0).") \
  AEGIS_CALL(39, account_revoke, (slot account, u32 resource, u64 first, u64 count, u64 deadline_ns), none, keeps, \
    "account: reclaim", "bad_argument out_of_range wrong_state", \
    "Asks `count` units of a resource (frames, slices, programs) back from the account: the units named from `first` on, or any (first all ones). Lowers its limit at once by `count` (never below its minimum: out_of_range) and upcalls its bound env. One request at a time (wrong_state). The caller is woken when the account has given enough.") \
  AEGIS_CALL(40, account_reclaim, (slot account), u64, keeps, \
    "account: reclaim", "again would_block wrong_state", \
    "After the deadline: takes by force what has not been given (before it: would_block), `again` until done. Closes the request. Value: units taken by force. No request: wrong_state.") \
  AEGIS_CALL(41, env_wait, (va words, u32 count, u64 deadline_ns, slot target), u64, switches, \
    "target: donate", "bad_argument busy wrong_state", \
    "As env_sleep, but also ends when one of `count` (1..max_wait_words) WaitWords of the own space compares true; looked at now, when a page of them is signalled, when the caller's slice comes, when somebody yields to it, and at a wake. Value: index of the word that is true, or wait_deadline, wait_woken, wait_revoked, wait_ended. A word that is not mapped: bad_address.") \
  AEGIS_CALL(42, pct_entry, (slot env, slot dst, va rip, u64 badge), none, keeps, \
    "env: control", "", \
    "Makes an entry capability, by which the env can be called at `rip` with the badge.") \
  AEGIS_CALL(43, pct_call, (slot entry, u64 transfer), u64, switches, \
    "entry: call", "bad_argument would_block wrong_state occupied out_of_range over_limit", \
    "Protected control transfer, synchronous: the env behind the entry, which must be accepting (else would_block), goes on at the entry's rip in the caller's time until it replies. rdx r10 r8 r9 rbx rbp r12-r15 pass as they are; see abi/pct.hpp for these, for `transfer`, and for what ends a call without a reply.") \
  AEGIS_CALL(44, pct_send, (slot entry, u64 transfer), none, switches, \
    "entry: call", "bad_argument would_block occupied out_of_range over_limit", \
    "Protected control transfer, asynchronous: as pct_call, but the caller stays ready and no reply is expected; the callee gets the rest of the slice.") \
  AEGIS_CALL(45, pct_reply, (u64 status, u64 transfer), none, switches, \
    "", "bad_argument occupied out_of_range over_limit again bad_slot empty_slot stale missing_right", \
    "Answers the caller, if there is one, with the registers of pct_call and `status`, gives its time back, and accepts the next call. Returns only when it could not be done, or with `again` when it was ended while accepting (an upcall, a stop): the caller has its answer, repeat to accept; the next call enters at its entry's rip with the stack pointer that this call had.") \
  AEGIS_CALL(46, trace_set, (slot machine, u32 mask), none, keeps, \
    "machine: trace", "bad_argument", \
    "Chooses the events (bit per TraceEvent) that the trace rings take.") \
  AEGIS_CALL(47, machine_check, (slot machine), u64, keeps, \
    "machine: trace", "unsupported", \
    "Recounts all of the kernel's tables and compares. Value: the number of violations, each of which is a line in the kernel's log. Only in a kernel built for tests.") \
  AEGIS_CALL(48, program_load, (slot account, slot dst, va header, frame where), none, keeps, \
    "account: allocate, frames", "bad_argument out_of_range over_limit no_frame", \
    "Makes a program (state `loading`) from the ProgramHeader at `header`: its code is copied into frames that the account pays for, its data regions are pinned. program_verify does the rest. A header out of its ranges: bad_argument; a region that is not the account's plain frames: out_of_range.") \
  AEGIS_CALL(49, program_verify, (slot program), u64, keeps, \
    "program: run", "again over_limit no_frame", \
    "Verifies a program that is loading and makes its native code, a bounded piece at each call: `again` until there is a verdict. Value: ProgramVerdict, at once when there is one.") \
  AEGIS_CALL(50, program_run, (slot program, va contexts, u32 size, u32 count, va results), u64, keeps, \
    "program: run", "bad_argument wrong_state", \
    "Runs a ready program on `count` (1..max_program_records) contexts of `size` bytes that lie one behind the other (max_program_bytes together), and writes a ProgramResult for each; contexts of a function are written back. Value: how many were run (begins none after program_run_steps). Not ready: wrong_state.") \
  AEGIS_CALL(51, program_read, (slot program, va out), none, keeps, \
    "program: inspect", "", \
    "Writes a ProgramInfo.") \
  AEGIS_CALL(52, env_watch, (slot program, va words, u32 count, u64 deadline_ns, slot target), u64, switches, \
    "program: run; target: donate", "bad_argument busy wrong_state", \
    "As env_wait, but ends when the program, a ready one of kind predicate (another kind: bad_argument), has a value that is not 0. Its context are the `count` (1..max_watch_words) words whose addresses lie at `words`. The sleeper is charged for each look. Value: abi::Watched.") \
  AEGIS_CALL(53, page_signal, (va address), none, keeps, \
    "", "again missing_right", \
    "Says that the page at `address`, which the caller's space maps writable (else missing_right), has changed: all who wait for words in it are looked at. `again` until that is done; what is written in between needs a signal of its own.") \
  AEGIS_CALL(56, page_update, (slot space, u64 what, slot authority, va address, u64 pages, u64 frame), u64, keeps, \
    "space: change (of another); authority: by the verb", "bad_argument again occupied out_of_range over_limit no_frame not_mapped wrong_state", \
    "One SpaceOp in registers: `what` is its verb and, from bit 32 on, its flags. As space_update of this one (slot space 0: the own space), but for what reading it costs. Value, on errors too: pages done.")
// clang-format on
