// SPDX-License-Identifier: MIT
#include "kernel/core/program.hpp"

#include "kernel/core/cpu.hpp"
#include "kernel/core/wait.hpp"
#include "kernel/program/native.hpp"

namespace aegis {
namespace {

using abi::ProgramState;
using abi::bpf::Instruction;

constexpr std::uint64_t verifier_steps = 64, generator_steps = 256;  // in one piece
constexpr std::uint64_t state_room = 1024;                           // for what is known at one target of a jump
constexpr std::uint64_t most_states = 1024 * 1024;                   // bytes for them

// In the first of the work frames: what loading has come to. Behind it the code, then the verifier's workspace.
struct Work {
  program::Verifier verifier;
  std::optional<program::Generator> measure, write;
};
constexpr std::uint64_t code_offset = base::align_up<std::uint64_t>(sizeof(Work), 64);

std::byte* memory_of(std::uint32_t frame) { return arch::frame_memory(FrameNumber{frame}); }
Work& work_of(std::uint32_t frame) { return *reinterpret_cast<Work*>(memory_of(frame)); }

std::uint64_t workspace_offset(std::uint32_t length) { return code_offset + length * sizeof(Instruction); }

// What the verifier keeps grows with the targets of jumps, of which there are at most so many.
std::uint64_t work_bytes(std::uint32_t length, std::uint64_t jumps) {
  const std::uint64_t states = (jumps + 1) * state_room;
  return workspace_offset(length) + program::Verifier::least_workspace(length) + (states < most_states ? states : most_states);
}

bool is_possible(const abi::ProgramHeader& header) {
  if (abi::rules_of(header.kind) == nullptr || header.length == 0 || header.length > abi::max_program_length) return false;
  if (header.region_count > abi::max_program_regions || header.reserved != 0) return false;
  for (std::uint32_t i = 0; i < header.region_count; ++i)
    if (header.regions[i].count == 0 || header.regions[i].count > abi::max_region_frames || header.regions[i].writable > 1) return false;
  return true;
}

Status check_region(Kernel& k, Account& payer, const abi::ProgramRegion& region) {
  if (!base::range_within(region.first, region.count, k.frames.count())) return fail(Error::out_of_range);
  for (std::uint64_t f = region.first; f < region.first + region.count; ++f) {
    const FrameInfo& info = k.frames[FrameNumber{f}];
    if (info.owner != frame_index(&payer) || info.use != FrameUse::plain || is_condemned(info)) return fail(Error::out_of_range);
    if (info.pins >= 0xffff - abi::max_program_regions) return fail(Error::over_limit);  // one program may name it often; one is for watch.hpp
  }
  return {};
}

template <typename F>
void each_region_frame(Kernel& k, const abi::ProgramHeader& header, F each) {
  for (std::uint32_t i = 0; i < header.region_count; ++i)
    for (std::uint64_t f = 0; f < header.regions[i].count; ++f) each(k.frames[FrameNumber{header.regions[i].first + f}]);
}

void release_parts(Kernel& k, std::uint32_t first, std::uint32_t count) {
  for (FrameNumber f{first}; f < FrameNumber{first} + count; ++f) release_frame(k, f);
}

}  // namespace

Result<Program*> Program::create(Kernel& k, Account& payer, const abi::ProgramHeader& header, FrameNumber where) {
  if (!is_possible(header)) return fail(Error::bad_argument);
  for (std::uint32_t i = 0; i < header.region_count; ++i) TRY_VOID(check_region(k, payer, header.regions[i]));
  // Every instruction may be a jump; what the verifier does not need goes back with the verdict.
  const auto frames = static_cast<std::uint32_t>(base::pages_for(work_bytes(header.length, header.length)));
  if (payer.room(Resource::programs) == 0 || payer.room_for_objects() < frames + 1) return fail(Error::over_limit);
  if (k.frames.free_count() < frames + 1) return fail(Error::no_frame);
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::program));
  const auto run = payer.allocate_parts(k, frames, FrameUse::program_part, Contents::overwritten);
  if (!run.has_value()) {
    release_frame(k, frame);
    return fail(run.error());
  }
  // point of no return
  auto* made = new (arch::frame_memory(frame)) Program{.header = header, .work = static_cast<std::uint32_t>(run->raw()), .work_frames = frames};
  for (FrameNumber f = *run; f < *run + frames; ++f) k.frames[f].aux = frame_index(made);
  charge(k, payer, Resource::programs, frame.raw(), 1);
  each_region_frame(k, header, [](FrameInfo& info) { ++info.pins; });
  return made;
}

std::span<Instruction> Program::code_copy() const {
  return {reinterpret_cast<Instruction*>(memory_of(work) + code_offset), header.length};
}

void Program::begin_verifying() {
  std::byte* start = memory_of(work);
  const std::uint64_t at = workspace_offset(header.length);
  const std::span workspace{start + at, static_cast<std::size_t>(work_frames * base::page_size - at)};
  new (start) Work{.verifier{header, code_copy(), workspace}, .measure{}, .write{}};
}

Status Program::advance(Kernel& k) {
  if (state != ProgramState::loading) return {};
  Work& at = work_of(work);
  std::uint64_t budget = verifier_steps;
  if (!at.measure) {
    switch (at.verifier.advance(budget)) {
      case program::Progress::more: return fail(Error::again);
      case program::Progress::accepted: break;
      case program::Progress::refused:
        refusal = at.verifier.refusal();
        refused_at = at.verifier.refused_at();
        state = ProgramState::refused;
        release_work(k);
        return {};
    }
    const auto notes = at.verifier.notes();
    first_length = at.verifier.functions().length(0);
    at.measure.emplace(program::Source{header, code_copy(), {const_cast<program::Note*>(notes.data()), notes.size()}, at.verifier.functions()},
                       std::span<std::byte>{}, 1);
    return fail(Error::again);
  }
  budget = generator_steps;
  if (!at.write) {
    if (at.measure->advance(budget)) TRY_VOID(make_code(k));
    return fail(Error::again);
  }
  if (!at.write->advance(budget)) return fail(Error::again);
  // point of no return
  entry = static_cast<std::uint32_t>(at.write->entry());
  arch::seal_code(FrameNumber{code}, code_frames);
  release_work(k);
  state = ProgramState::ready;
  return {};
}

Status Program::make_code(Kernel& k) {
  Work& at = work_of(work);
  Account& payer = owner_of(k, frame_index(this));
  code_bytes = static_cast<std::uint32_t>(at.measure->size());
  const auto frames = static_cast<std::uint32_t>(base::pages_for(code_bytes));
  const FrameNumber run = TRY(payer.allocate_parts(k, frames, FrameUse::program_part, Contents::zeroed));
  // point of no return
  code = static_cast<std::uint32_t>(run.raw());
  code_frames = frames;
  for (FrameNumber f = run; f < run + frames; ++f) k.frames[f].aux = frame_index(this);
  const auto notes = at.verifier.notes();
  at.write.emplace(program::Source{header, code_copy(), {const_cast<program::Note*>(notes.data()), notes.size()}, at.verifier.functions()},
                   std::span{memory_of(code), code_bytes}, arch::random_word());
  return {};
}

void Program::release_work(Kernel& k) {
  if (work == 0) return;
  release_parts(k, std::exchange(work, 0), std::exchange(work_frames, 0));
}

Status Program::destroy(Kernel& k, std::uint64_t& budget) {
  if (budget == 0) return fail(Error::again);
  dying = true;
  TRY_VOID(end_watches(k, arch::frame_of(this), abi::wait_ended, budget));
  if (inside != 0) return fail(Error::again);
  // point of no return
  spend(budget, (work_frames + code_frames) / 4 + 1);
  release_work(k);
  if (state == ProgramState::ready) arch::unseal_code(FrameNumber{code}, code_frames);
  if (code != 0) release_parts(k, code, code_frames);
  each_region_frame(k, header, [](FrameInfo& info) { --info.pins; });
  pay_back(k, owner_of(k, frame_index(this)), Resource::programs, frame_index(this));
  release_frame(k, arch::frame_of(this));
  return {};
}

abi::ProgramInfo Program::read() const {
  return {.kind = header.kind, .length = header.length, .state = static_cast<std::uint32_t>(state),
          .refusal = static_cast<std::uint32_t>(refusal), .refused_at = refused_at, .code_bytes = code_bytes,
          .frames = std::uint64_t{1} + work_frames + code_frames, .runs = runs, .steps = steps, .outside = outside,
          .exhausted = exhausted, .run_ns = run_ns};
}

// --- running ------------------------------------------------------------------------------------------------------------

void Program::enter(program::Run& run, std::uint64_t caller) const {
  for (std::uint32_t i = 0; i < header.region_count; ++i)
    run.regions[program::slot_of(program::data_region(i))] = {
        arch::frame_memory(FrameNumber{header.regions[i].first}), header.regions[i].count * base::page_size};
  run.now = arch::now().raw();
  run.caller = caller;
}

abi::ProgramResult Program::execute(program::Run& run, program::Memory context, Tally& tally) const {
  ++tally.runs;
  if (context.size < header.min_context) {
    ++tally.outside;
    return {0, static_cast<std::uint64_t>(abi::ProgramEnd::outside)};
  }
  run.prepare(context, header.steps, first_length);
  const std::uint64_t value = arch::run_code(memory_of(code) + entry, &run);
  tally.steps += static_cast<std::uint64_t>(std::int64_t{header.steps} - run.fuel);
  if (run.end != 0) [[unlikely]] ++(static_cast<abi::ProgramEnd>(run.end) == abi::ProgramEnd::steps ? tally.exhausted : tally.outside);
  return {value, run.end};
}

void Program::count(const Tally& tally, std::uint64_t ns) {
  runs += tally.runs;
  steps += tally.steps;
  outside += tally.outside;
  exhausted += tally.exhausted;
  run_ns += ns;
}

}  // namespace aegis
