// SPDX-License-Identifier: MIT
#include "kernel/core/wait.hpp"

#include "kernel/core/program.hpp"
#include "kernel/core/space.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t look_steps = 3, wake_steps = 8;  // of a budget
constexpr std::uint64_t program_steps = 8;               // that a program makes for one of a budget
static_assert(abi::max_watch_words * sizeof(std::uint64_t) == abi::rules_of(abi::ProgramKind::predicate)->max_context);

bool is_true(const abi::WaitWord& wanted, std::uint64_t word) {
  word &= wanted.mask;
  switch (wanted.compare) {
    case abi::Compare::equal: return word == wanted.value;
    case abi::Compare::not_equal: return word != wanted.value;
    case abi::Compare::below: return word < wanted.value;
    case abi::Compare::at_least: return word >= wanted.value;
  }
  return false;
}

std::uint64_t read_word(const std::uint64_t* word) {
  // Pairs with the writer's release, in ring 3.
  return std::atomic_ref{*const_cast<std::uint64_t*>(word)}.load(std::memory_order_acquire);
}

// Whose time the processor spends in the kernel now: it is not to pay for what is done for another.
void charge_look(Kernel& k, Cpu& cpu, Env& env, std::uint64_t ns) {
  env.info->run_ns += ns;
  owner_of(k, frame_index(&env)).run_ns += ns;
  if (cpu.loaded != nullptr) cpu.since = Nanoseconds{cpu.since.raw() + ns};
}

std::optional<std::uint64_t> run_predicate(Kernel& k, Env& env) {
  const Wait& wait = env.wait;
  Cpu& cpu = arch::this_cpu();
  ProgramRoom& room = *cpu.room;
  for (std::uint32_t i = 0; i < wait.count; ++i) room.words[i] = read_word(wait.words[i]);
  room.forget_words_from(wait.count);
  auto& program = object_at<Program>(wait.program);
  program.enter(room.run, frame_index(&env));
  Program::Tally tally;
  abi::ProgramResult result{};
  program.execute(room.run, reinterpret_cast<std::byte*>(room.words), wait.count * std::uint32_t{sizeof(std::uint64_t)}, {&result, 1}, tally);
  const std::uint64_t ns = arch::now().raw() - room.run.now;
  program.count(tally, ns);
  charge_look(k, cpu, env, ns);
  if (result.end != 0) [[unlikely]] return abi::Watched{abi::wait_failed, static_cast<std::uint32_t>(result.end)}.pack();
  if (result.value == 0) return std::nullopt;
  return abi::Watched{abi::wait_true, static_cast<std::uint32_t>(result.value)}.pack();
}

std::optional<std::uint64_t> compare_words(const Wait& wait) {
  for (std::uint32_t i = 0; i < wait.count; ++i)
    if (is_true(wait.conditions[i], read_word(wait.words[i]))) return i;
  return std::nullopt;
}

void finish_wait(Kernel& k, Env& env, std::uint64_t value) {
  forget_wait(k, env);
  env.context.registers.rax = static_cast<std::uint64_t>(Error::none);
  env.context.registers.rdx = value;
}

void wake_with(Kernel& k, Env& env, std::uint64_t value) {
  k.sleepers.remove(env);
  finish_wait(k, env, value);
  env.become_ready(k);
}

// Looks, and takes off what that was.
std::optional<std::uint64_t> look_for(Kernel& k, Env& env, std::uint64_t& budget) {
  const Program* program = env.wait.program != 0 ? &object_at<Program>(env.wait.program) : nullptr;
  const std::uint64_t before = program != nullptr ? program->info->steps : 0;
  const auto value = look(k, env);
  spend(budget, look_steps + (program != nullptr ? (program->info->steps - before) / program_steps : 0));
  return value;
}

}  // namespace

Result<Word> find_word(const Space& space, std::uint64_t va) {
  std::uint64_t* table = space.top_table();
  for (std::uint32_t level = 4;; --level) {
    const std::uint64_t entry = std::atomic_ref{table[entry_index(va, level)]}.load(std::memory_order_relaxed);
    if (!is_present(entry)) return fail(Error::bad_address);
    const bool large = level == 2 && is_large(entry);
    if (level > 1 && !large) {
      table = table_at(entry);
      continue;
    }
    std::uint64_t frame = pte_frame(entry).raw();
    if (large) frame = base::align_down<std::uint64_t>(frame, table_entries) + entry_index(va, 1);
    return Word{FrameNumber{frame}, entry};
  }
}

Status begin_wait(Kernel& k, Env& env, const Wish& wish) {
  const auto& space = object_at<Space>(env.space);
  Wait& wait = env.wait;
  for (std::size_t i = 0; i < wish.words.size(); ++i) {
    const FrameNumber frame = TRY(find_word(space, wish.words[i])).frame;
    if (is_condemned(k.frames[frame])) return fail(Error::bad_address);
    wait.words[i] = reinterpret_cast<const std::uint64_t*>(arch::frame_memory(frame) + wish.words[i] % abi::page_size);
  }
  // point of no return
  wait.count = static_cast<std::uint32_t>(wish.words.size());
  wait.program = wish.program != nullptr ? frame_index(wish.program) : 0;
  std::ranges::copy(wish.conditions, wait.conditions.begin());
  return {};
}

void watch_words(Kernel& k, Env& env) {
  const Wait& wait = env.wait;
  for (const std::uint64_t* word : std::span{wait.words}.first(wait.count)) watch(k, env, arch::frame_of(word));
  if (wait.program != 0) watch(k, env, FrameNumber{wait.program});
}

void forget_wait(Kernel& k, Env& env) {
  unwatch_all(k, env);
  env.wait.count = 0;
}

std::optional<std::uint64_t> look(Kernel& k, Env& env) {
  return env.wait.program != 0 ? run_predicate(k, env) : compare_words(env.wait);
}

void end_wait(Kernel& k, Env& env, std::uint64_t otherwise) {
  if (env.wait.count == 0) return;
  finish_wait(k, env, look(k, env).value_or(otherwise));
}

bool wakes_by_look(Kernel& k, Env& env) {
  if (env.state != RunState::sleeping || env.wait.count == 0) return false;
  const auto value = look(k, env);
  if (!value) return false;
  k.sleepers.remove(env);
  finish_wait(k, env, *value);
  env.set_state(RunState::ready);
  return true;
}

Status signal(Kernel& k, Env& by, FrameNumber frame, std::uint64_t& budget) {
  if (by.signalled != frame.raw()) by.signalled_at = k.looks;
  by.signalled = static_cast<std::uint32_t>(frame.raw());
  while (Env* env = first_watcher(k, frame, by.signalled_at)) {
    if (budget == 0) return fail(Error::again);
    pass_watcher(k, frame);
    const auto value = look_for(k, *env, budget);
    if (!value) continue;
    spend(budget, wake_steps);
    wake_with(k, *env, *value);
  }
  by.signalled = 0;
  return {};
}

Status end_watches(Kernel& k, FrameNumber frame, std::uint64_t why, std::uint64_t& budget) {
  while (Env* env = first_watcher(k, frame)) {
    if (budget == 0) return fail(Error::again);
    spend(budget, wake_steps);
    wake_with(k, *env, why);
  }
  return {};
}

}  // namespace aegis
