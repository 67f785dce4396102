// SPDX-License-Identifier: MIT
#include "tests/program/harness.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace program_test {
namespace {

constexpr std::size_t fence = 4096;
constexpr std::byte fence_byte{0xa5};

void must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "harness: %s\n", what);
  std::abort();
}

// Calls native code as the kernel does, and looks whether it leaves the registers that are not its own.
std::uint64_t call(const std::byte* entry, Run* run) {
  std::uint64_t value = reinterpret_cast<std::uintptr_t>(entry), changed = 0;
  asm volatile(
      "sub $128, %%rsp\n"  // below what this function may have there
      "mov $0x1111, %%ebx\n mov $0x2222, %%r12d\n mov $0x3333, %%r13d\n mov $0x4444, %%r14d\n mov $0x5555, %%r15d\n"
      "call *%%rax\n"
      "xor $0x1111, %%rbx\n xor $0x2222, %%r12\n xor $0x3333, %%r13\n xor $0x4444, %%r14\n xor $0x5555, %%r15\n"
      "or %%r12, %%rbx\n or %%r13, %%rbx\n or %%r14, %%rbx\n or %%r15, %%rbx\n"
      "add $128, %%rsp\n"
      : "+a"(value), "=&b"(changed), "+D"(run)
      :
      : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
  must(changed == 0, "native code changed registers that it must keep");
  return value;
}

// Bytes with a fence of known ones on both sides.
class Fenced {
 public:
  Fenced(std::span<const std::byte> bytes, std::size_t size) : memory_(size + 2 * fence, fence_byte), size_{size} {
    std::fill_n(memory_.begin() + fence, size, std::byte{0});
    std::copy(bytes.begin(), bytes.end(), memory_.begin() + fence);
  }
  [[nodiscard]] std::byte* data() { return memory_.data() + fence; }
  [[nodiscard]] std::vector<std::byte> contents(std::size_t size) const {
    return {memory_.begin() + fence, memory_.begin() + fence + static_cast<std::ptrdiff_t>(size)};
  }
  [[nodiscard]] bool intact() const {
    const auto whole = [](auto from, auto to) { return std::all_of(from, to, [](std::byte b) { return b == fence_byte; }); };
    return whole(memory_.begin(), memory_.begin() + fence) &&
           whole(memory_.begin() + fence + static_cast<std::ptrdiff_t>(size_), memory_.end());
  }

 private:
  std::vector<std::byte> memory_;
  std::size_t size_;
};

}  // namespace

// The memory of one run.
class Program::World {
 public:
  World(const Program& program, std::span<const std::byte> context, std::span<const std::vector<std::byte>> regions, int stale)
      : context_{context, std::max<std::size_t>(context.size(), abi::rules_of(program.header_.kind)->room)},
        context_size_{context.size()},
        run_{std::make_unique<Run>()} {
    std::memset(run_->stack, stale, sizeof run_->stack);  // must never be seen: differs between the two ways
    run_->prepare({context_.data(), context.size()}, program.header_.steps, program.verifier_->functions().length(0));
    run_->now = 123'456'789'012;
    run_->caller = 77;
    for (std::uint32_t i = 0; i < program.header_.region_count; ++i) {
      const std::size_t size = program.header_.regions[i].count * base::page_size;
      regions_.emplace_back(i < regions.size() ? std::span<const std::byte>{regions[i]} : std::span<const std::byte>{}, size);
      run_->regions[slot_of(data_region(i))] = {regions_.back().data(), size};
      sizes_.push_back(size);
    }
    // The vector may have moved its elements, but not what they point to.
    for (std::uint32_t i = 0; i < program.header_.region_count; ++i)
      run_->regions[slot_of(data_region(i))].start = regions_[i].data();
  }
  Run& run() { return *run_; }
  Outcome outcome(std::uint64_t value, Refusal fault) {
    must(context_.intact(), "wrote beside the context");
    Outcome result{static_cast<ProgramEnd>(run_->end), value, fault, context_.contents(context_size_), {}};
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      must(regions_[i].intact(), "wrote beside a region");
      result.regions.push_back(regions_[i].contents(sizes_[i]));
    }
    return result;
  }

 private:
  Fenced context_;
  std::size_t context_size_;
  std::vector<Fenced> regions_;
  std::vector<std::size_t> sizes_;
  std::unique_ptr<Run> run_;
};

Program::Program(Code code, const Options& options) : code_{std::move(code)}, 
      workspace_((options.workspace != 0 ? options.workspace : Verifier::least_workspace(code_.size()) + 64 + code_.size() * 1800) / 8) {
  header_.kind = options.kind;
  header_.length = static_cast<std::uint32_t>(code_.size());
  const abi::ProgramRules* rules = abi::rules_of(options.kind);
  header_.steps = options.steps != 0 || rules == nullptr ? options.steps : rules->max_steps;
  header_.min_context = options.min_context;
  header_.region_count = static_cast<std::uint32_t>(options.regions.size());
  for (std::size_t i = 0; i < options.regions.size() && i < abi::max_program_regions; ++i) header_.regions[i] = options.regions[i];
  verifier_ = std::make_unique<Verifier>(header_, code_, std::as_writable_bytes(std::span{workspace_}));
  Progress progress = Progress::more;
  while (progress == Progress::more) {
    std::uint64_t steps = 100;
    progress = verifier_->advance(steps);
  }
  refusal_ = verifier_->refusal();
  refused_at_ = verifier_->refused_at();
  must((progress == Progress::refused) == (refusal_ != Refusal::none), "a refusal without a reason, or a reason without one");
  must(accepted() || (name(refusal_) != "unknown" && refused_at_ <= code_.size()), "a reason that nobody knows");
  if (!accepted()) return;
  keep_beliefs();
  generate();
}

// The generator overwrites where the states are.
void Program::keep_beliefs() {
  for (const Note& note : verifier_->notes()) beliefs_.push_back(note.state);
}

// What the verifier knew wherever ways meet must hold of what is really there.
void Program::check_beliefs(void* self, std::uint32_t at, std::span<const Register> registers) {
  const Program& program = *static_cast<const Program*>(self);
  must(at < program.beliefs_.size() && program.verifier_->notes()[at].has(note::reached), "runs what was never reached");
  if (program.beliefs_[at] == 0) return;
  const auto* bytes = reinterpret_cast<const std::byte*>(program.workspace_.data()) + program.beliefs_[at];
  const State& state = *reinterpret_cast<const State*>(bytes);
  must(state.min_context <= program.context_size_, "believes the context to be longer");
  const Functions& functions = program.verifier_->functions();
  const std::uint64_t frame = (functions.depth[functions.at(at)] + 1u) * abi::program_frame_size;
  for (std::size_t r = 0; r < tracked_registers; ++r) {
    const aegis::program::Value& belief = state.reg[r];
    const Register& real = registers[r];
    if (!belief.is_number() && !belief.is_pointer()) continue;
    must(real.set && (real.region == Region::none) == belief.is_number(), "believes in a register of another kind");
    must(belief.what != What::length || real.bits == program.context_size_, "believes a number to be the length");
    std::uint64_t bits = real.bits;
    if (belief.is_pointer()) {
      must(belief.region == real.region, "believes in another region");
      if (real.region == Region::stack) bits += frame - registers[bpf::frame_register].bits;
    }
    const std::uint64_t from_start = bits - belief.range.lo;
    const bool steps_right = belief.range.is_constant() || from_start % (std::uint64_t{1} << belief.range.shift) == 0;
    must(belief.range.contains(bits) && steps_right, "believes in a range that does not hold the value");
  }
}

Program::~Program() {
  if (native_ != nullptr) munmap(native_, mapped_);
}

void Program::generate() {
  const auto notes = verifier_->notes();
  const Source source{header_, code_, {const_cast<Note*>(notes.data()), notes.size()}, verifier_->functions()};
  const auto finish = [](Generator& generator) {
    for (bool done = false; !done;) {
      std::uint64_t steps = 100;
      done = generator.advance(steps);
    }
  };
  Generator measure{source, {}, 1};
  finish(measure);
  native_size_ = measure.size();
  mapped_ = base::align_up<std::size_t>(native_size_, 4096);
  void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(memory != MAP_FAILED, "mmap");
  native_ = static_cast<std::byte*>(memory);
  Generator write{source, {native_, native_size_}, 0x9e3779b97f4a7c15};
  finish(write);
  must(write.size() == native_size_, "two sizes");
  entry_ = write.entry();
  must(mprotect(native_, mapped_, PROT_READ | PROT_EXEC) == 0, "mprotect");
}

Outcome Program::interpret(std::span<const std::byte> context, std::span<const std::vector<std::byte>> regions) const {
  World world{*this, context, regions, 0xee};
  Image image{.code = code_, .first_function_length = verifier_->functions().length(0),
              .rules = *abi::rules_of(header_.kind), .min_context = header_.min_context};
  image.observer = {&Program::check_beliefs, const_cast<Program*>(this)};
  context_size_ = context.size();
  image.writable[slot_of(Region::context)] = image.rules.writable;
  image.writable[slot_of(Region::stack)] = true;
  for (std::uint32_t i = 0; i < header_.region_count; ++i)
    image.writable[slot_of(data_region(i))] = header_.regions[i].writable != 0;
  const Functions& functions = verifier_->functions();
  const Result result = aegis::program::interpret(image, world.run(), {functions.start.data(), functions.count});
  must(result.steps <= header_.steps + std::uint64_t{1}, "more steps than the limit");
  return world.outcome(result.value, result.fault);
}

Outcome Program::execute(std::span<const std::byte> context, std::span<const std::vector<std::byte>> regions) const {
  World world{*this, context, regions, 0x11};
  if (context.size() < header_.min_context) return world.run().end = 1, world.outcome(0, Refusal::none);
  return world.outcome(call(native_ + entry_, &world.run()), Refusal::none);
}

}  // namespace program_test
