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
  made->info = &k.programs.take();
  *made->info = {.program = frame_index(made), .account = frame_index(&payer), .kind = static_cast<std::uint32_t>(header.kind), .length = header.length};
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
        set_state(ProgramState::refused);
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
  set_state(ProgramState::ready);
  return {};
}

Status Program::make_code(Kernel& k) {
  Work& at = work_of(work);
  Account& payer = owner_of(k, frame_index(this));
  code_bytes = info->code_bytes = static_cast<std::uint32_t>(at.measure->size());
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

void Program::set_state(ProgramState to) {
  state = to;
  info->state = static_cast<std::uint32_t>(to);
}

void Program::release_work(Kernel& k) {
  if (work == 0) return;
  release_parts(k, std::exchange(work, 0), std::exchange(work_frames, 0));
}

Status Program::wind_down(Kernel& k, std::uint64_t& budget) {
  dying = true;
  TRY_VOID(end_watches(k, arch::frame_of(this), abi::wait_ended, budget));
  return inside != 0 || budget == 0 ? fail(Error::again) : Status{};
}

Status Program::destroy(Kernel& k, std::uint64_t& budget) {
  TRY_VOID(wind_down(k, budget));
  // point of no return
  spend(budget, (work_frames + code_frames) / 4 + 1);
  release_work(k);
  if (state == ProgramState::ready) arch::unseal_code(FrameNumber{code}, code_frames);
  if (code != 0) release_parts(k, code, code_frames);
  each_region_frame(k, header, [](FrameInfo& info) { --info.pins; });
  k.programs.give_back(*info);
  pay_back(k, owner_of(k, frame_index(this)), Resource::programs, frame_index(this));
  release_frame(k, arch::frame_of(this));
  return {};
}

abi::ProgramInfo Program::read() const {
  return {.kind = header.kind, .length = header.length, .state = static_cast<std::uint32_t>(state),
          .refusal = static_cast<std::uint32_t>(refusal), .refused_at = refused_at, .code_bytes = code_bytes,
          .frames = std::uint64_t{1} + work_frames + code_frames, .runs = info->runs, .steps = info->steps,
          .outside = info->outside, .exhausted = info->exhausted, .run_ns = info->run_ns};
}

// --- running ------------------------------------------------------------------------------------------------------------

void Program::enter(program::Run& run, std::uint64_t caller) const {
  for (std::uint32_t i = 0; i < header.region_count; ++i)
    run.regions[program::slot_of(program::data_region(i))] = {
        arch::frame_memory(FrameNumber{header.regions[i].first}), header.regions[i].count * base::page_size};
  run.regions[program::slot_of(program::Region::stack)] = {run.stack, sizeof run.stack};
  run.now = arch::now().raw();
  run.caller = caller;
}

std::uint32_t Program::execute(program::Run& run, std::byte* contexts, std::uint32_t size, std::span<abi::ProgramResult> results, Tally& tally) const {
  if (size < header.min_context) {
    for (abi::ProgramResult& result : results) result.end = static_cast<std::uint64_t>(abi::ProgramEnd::outside);
    tally.runs += results.size();
    tally.outside += results.size();
    return static_cast<std::uint32_t>(results.size());
  }
  program::Memory& context = run.regions[program::slot_of(program::Region::context)];
  context.size = size;
  run.end = 0;
  const std::byte* start = memory_of(code) + entry;
  const auto steps = std::int64_t{header.steps}, fuel = steps - first_length;
  abi::ProgramResult* at = results.data();
  abi::ProgramResult* const end = at + results.size();
  std::int64_t left = abi::program_run_steps;
  while (at != end && left > 0) {  // what is in here each evaluation takes
    context.start = contexts;
    run.fuel = fuel;
    at->value = arch::run_code(start, &run);
    left += run.fuel - steps;
    if (run.end != 0) [[unlikely]] tally.note_end(at->end = std::exchange(run.end, 0));
    contexts += size;
    ++at;
  }
  const auto done = static_cast<std::uint32_t>(at - results.data());
  tally.runs += done;
  tally.steps += static_cast<std::uint64_t>(abi::program_run_steps - left);
  return done;
}

void Program::count(const Tally& tally, std::uint64_t ns) {
  info->runs += tally.runs;
  info->steps += tally.steps;
  info->outside += tally.outside;
  info->exhausted += tally.exhausted;
  info->run_ns += ns;
}

}  // namespace aegis
