// SPDX-License-Identifier: MIT
// Downloaded code. The lock is let go while a program runs for a call, so a long one keeps nobody waiting.
#include "kernel/core/program.hpp"

#include "kernel/sys/calls.hpp"

namespace aegis::sys {
namespace {

using abi::AccountRight;
using abi::ProgramRight;

// What the kernel answers with must be the caller's to write before anything happens; zeros are put there meanwhile.
Status check_writable(va to, std::byte* zeros, std::size_t size) {
  std::memset(zeros, 0, size);
  return copy_bytes_out(to, zeros, size);
}

}  // namespace

Answer Calls::program_load(slot account, slot dst, va header, frame where) {
  const Payer payer = TRY(find_payer(account, AccountRight::allocate, AccountRight::frames));
  Slot& target = *TRY(find_empty(dst));
  const auto wanted = TRY(copy_in<abi::ProgramHeader>(header));
  if (wanted.code > abi::user_end) return fail(Error::bad_address);
  Program* made = TRY(Program::create(k, payer.account, wanted, where));
  const auto code = made->code_copy();
  const Status copied = copy_bytes_in(code.data(), va{wanted.code}, code.size_bytes());
  if (!copied.has_value()) {
    u64 budget = step_budget;
    AEGIS_ASSERT(made->destroy(k, budget).has_value());  // nobody knows of it yet
    return copied;
  }
  // point of no return
  made->begin_verifying();
  publish(payer, target, *made);
  return {};
}

Answer Calls::program_verify(slot program) {
  Program& verified = *TRY(find<Program>(program, ProgramRight::run));
  TRY_VOID(verified.advance(k));
  return answer(verified.verdict().pack());
}

Answer Calls::program_run(slot program, va contexts, u32 size, u32 count, va results) {
  if (count == 0 || count > abi::max_program_records || u64{size} * count > abi::max_program_bytes) return fail(Error::bad_argument);
  Program& run = *TRY(find<Program>(program, ProgramRight::run));
  if (run.state != abi::ProgramState::ready) return fail(Error::wrong_state);
  const abi::ProgramRules& rules = *abi::rules_of(run.header.kind);
  if (size > rules.max_context) return fail(Error::bad_argument);
  ProgramRoom& room = *cpu.room;
  const std::size_t bytes = std::size_t{size} * count;
  TRY_VOID(check_writable(results, reinterpret_cast<std::byte*>(room.results), count * sizeof(abi::ProgramResult)));
  TRY_VOID(copy_bytes_in(room.contexts, contexts, bytes));
  if (rules.writable) TRY_VOID(copy_bytes_out(contexts, room.contexts, bytes));
  std::memset(room.contexts + bytes, 0, rules.room);
  run.enter(room.run, frame_index(&env));
  // point of no return: what the program has done cannot be undone
  ++run.inside;
  Program::Tally tally;
  u32 done = 0;
  const Nanoseconds from = arch::now();
  {
    const Unlocked unlocked;
    done = run.execute(room.run, room.contexts, size, std::span{room.results}.first(count), tally);
  }
  run.count(tally, arch::now() - from);
  --run.inside;
  TRY_VOID(copy_bytes_out(results, room.results, done * sizeof(abi::ProgramResult)));
  if (rules.writable) TRY_VOID(copy_bytes_out(contexts, room.contexts, std::size_t{done} * size));
  return answer(done);
}

Answer Calls::program_read(slot program, va out) {
  const Program& read = *TRY(find<Program>(program, ProgramRight::inspect));
  return copy_out(out, read.read());
}

}  // namespace aegis::sys
