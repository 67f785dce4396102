// SPDX-License-Identifier: MIT
// The one list of Aegis calls: AEGIS_CALL(number, name, arguments, value, meaning). Numbers are never reused.
//
// `syscall` with rax = call_base + number, arguments in rdi rsi rdx r10 r8 r9; rax returns the Error, rdx the value (0
// where "none"); rcx and r11 are lost, all else is kept. Any other rax is a foreign call. Argument types:
//   slot   u32, a slot of the caller's table      frame   u64, a frame number or any_frame
//   va     u64, a user address                    u64/u32 a number; bits beyond the type are bad_argument
// Order of checks: call number, argument form, slots (bad_slot, empty_slot, stale, wrong_kind, missing_right), state.
#pragma once

// clang-format off
#define AEGIS_CALLS(AEGIS_CALL) \
  AEGIS_CALL( 0, nop,            (), none, \
    "Does nothing.") \
  AEGIS_CALL( 1, account_create, (slot account, slot dst, u64 limit_frames, frame where), none, \
    "Makes a child account; its limit is taken out of the parent's (right: divide). The child's own frame is paid by the parent.") \
  AEGIS_CALL( 2, cap_derive,     (slot src, slot dst, u32 rights, u64 base, u64 count), none, \
    "Derives a capability with rights (a subset, or all_rights) into the own table. frames, slices: range [base, count) relative to nothing (absolute); count 0 keeps the whole range. Others: base and count must be 0.") \
  AEGIS_CALL( 3, cap_grant,      (slot src, slot table, slot dst, u32 rights, u64 base, u64 count), none, \
    "As cap_derive, into another table (right on src: grant; right on table: insert).") \
  AEGIS_CALL( 4, cap_drop,       (slot target), none, \
    "Empties a slot; capabilities derived from it become its parent's. `again` until done.") \
  AEGIS_CALL( 5, cap_revoke,     (slot target), none, \
    "Removes every capability derived from this one, in whatever table; mappings of a revoked frames capability in spaces of accounts other than the owner's are broken. `again` until done.") \
  AEGIS_CALL( 6, cap_read,       (slot target, va out), none, \
    "Writes a CapInfo. A stale capability is read, not an error.") \
  AEGIS_CALL( 7, table_create,   (slot account, slot dst, frame where), none, \
    "Makes an empty capability table without leaves.") \
  AEGIS_CALL( 8, table_grow,     (slot table, u32 leaf, slot account, frame where), none, \
    "Gives the table its leaf number `leaf` (64 slots: 64*leaf ...), paid by account. slot table 0: the own one.") \
  AEGIS_CALL( 9, frame_alloc,    (slot account, frame first, u64 count, u32 align_log2), u64, \
    "Takes `count` (1..max_run) contiguous free frames, zeroed: at `first`, or anywhere aligned to 2^align_log2 (0..18) frames. Value: the first frame.") \
  AEGIS_CALL(10, frame_free,     (slot account, frame first, u64 count), none, \
    "Gives back plain frames that nobody maps, pins or holds a capability to (otherwise busy, and none is freed). count 1..max_run.") \
  AEGIS_CALL(11, frame_cap,      (slot account, slot dst, frame first, u64 count, u32 rights), none, \
    "Makes a frames capability to plain frames that the account owns (right: frames). count 1..max_run.") \
  AEGIS_CALL(12, space_create,   (slot account, slot dst, frame where), none, \
    "Makes an empty address space (two frames; its page tables are charged to the account as they come).") \
  AEGIS_CALL(13, space_update,   (slot space, va ops, u64 count), u64, \
    "Carries out `count` (1..64) SpaceOps in order (right: change; slot 0: the own space). Value, on errors too: SpaceProgress. `again` when the budget is used up.") \
  AEGIS_CALL(14, space_link,     (slot space, u32 index, slot source), none, \
    "Lets `space` (right: change; slot 0: the own space) see slot `index` (512 GiB, 0..255) of `source` (right: share). source 0: unlinks. One who may change `source` changes both.") \
  AEGIS_CALL(15, space_trim,     (slot space, va start, u64 pages), none, \
    "Frees page tables within the range that hold no entry (right: change; slot 0: the own space). `again` until done.") \
  AEGIS_CALL(16, env_create,     (slot account, slot dst, slot space, slot table, frame user_area, frame where), none, \
    "Makes an env in the space (right: run) with the table (right: run) and a user area (a plain frame of the account, which is pinned).") \
  AEGIS_CALL(17, env_configure,  (slot env, va entries), none, \
    "Reads an EnvEntries (right: control; slot 0: the caller itself). `entries.monitor` is a slot of the caller's table.") \
  AEGIS_CALL(18, env_start,      (slot env, va rip, va rsp, u64 argument), none, \
    "Makes an env that is created, stopped, halted or stuck ready at rip with rdi = argument, all other registers 0 and vector state initial.") \
  AEGIS_CALL(19, env_stop,       (slot env), none, \
    "Stops an env wherever it runs (state stopped). env_resume continues it.") \
  AEGIS_CALL(20, env_resume,     (slot env), none, \
    "Makes a stopped or stuck env ready again with its saved registers.") \
  AEGIS_CALL(21, env_read,       (slot env, va out), none, \
    "Writes an EnvState (right: inspect; a running env: wrong_state).") \
  AEGIS_CALL(22, env_write,      (slot env, va registers), none, \
    "Replaces the Registers of an env that is created, stopped or stuck (right: control). Flags outside the arithmetic ones, TF and DF: bad_argument.") \
  AEGIS_CALL(23, env_space,      (slot space), none, \
    "The caller continues in another space (right: run). rip and rsp must mean the same there.") \
  AEGIS_CALL(24, env_halt,       (u64 code), none, \
    "The caller halts with the code; its monitor is woken. Does not return.") \
  AEGIS_CALL(25, env_yield,      (slot target), none, \
    "Gives the rest of the slice to a ready env (right: donate) or, with slot 0, to the slice's owner (the owner itself: the rest is not used). The caller stays ready.") \
  AEGIS_CALL(26, env_sleep,      (u64 deadline_ns, slot target), none, \
    "As env_yield, but the caller sleeps until the deadline (forever: all ones) or a wake; a wake that came before makes it return at once. target 0: the slice's owner gets the rest, or nobody.") \
  AEGIS_CALL(27, env_wake,       (slot env), none, \
    "Ends the env's sleep, or its next one.") \
  AEGIS_CALL(28, slice_bind,     (slot slices, u32 index, slot env), none, \
    "Position `base + index` of the capability's range belongs to env (right there: donate) from its next round on; env 0: to nobody.") \
  AEGIS_CALL(29, object_destroy, (slot target), none, \
    "Ends an account (its frames and objects must be gone, else busy), env, space (unlinked, without envs, else busy) or table; pays everything back. `again` until done.") \
  AEGIS_CALL(30, console_write,  (slot console, va data, u64 size), u64, \
    "Value: bytes taken, at most console_chunk; would_block when none: the bound env is woken when there is room.") \
  AEGIS_CALL(31, console_read,   (slot console, va data, u64 size), u64, \
    "Value: bytes given, at most console_chunk; would_block when there are none: the bound env is woken when some come.") \
  AEGIS_CALL(32, console_bind,   (slot console, slot env), none, \
    "The env (right: wake) that is woken for console events; 0: nobody.") \
  AEGIS_CALL(33, machine_stop,   (slot machine, u32 code), none, \
    "Powers off; QEMU's exit status becomes 2*code+1 where the debug-exit device is there. Does not return.") \
  AEGIS_CALL(34, machine_log,    (slot machine, va text, u64 size), none, \
    "Writes at most 512 bytes to the kernel's log (serial).") \
  AEGIS_CALL(35, account_read,   (slot account, va out), none, \
    "Writes an AccountInfo.")
// clang-format on
