// SPDX-License-Identifier: MIT
// Loads programs on the host as the kernel would, and runs them both ways on memory that nobody else uses.
#pragma once

#include <memory>
#include <vector>

#include "kernel/program/interpreter.hpp"
#include "kernel/program/native.hpp"

namespace program_test {

using namespace aegis::program;
namespace bpf = abi::bpf;

using Code = std::vector<bpf::Instruction>;

// A few letters for writing programs by hand.
namespace code {
inline bpf::Instruction alu64(unsigned op, unsigned dst, std::int64_t k, int off = 0) { return bpf::make(bpf::alu64 | op, dst, 0, off, k); }
inline bpf::Instruction alu64x(unsigned op, unsigned dst, unsigned src, int off = 0) { return bpf::make(bpf::alu64 | op | bpf::by_x, dst, src, off, 0); }
inline bpf::Instruction alu32(unsigned op, unsigned dst, std::int64_t k, int off = 0) { return bpf::make(bpf::alu | op, dst, 0, off, k); }
inline bpf::Instruction alu32x(unsigned op, unsigned dst, unsigned src, int off = 0) { return bpf::make(bpf::alu | op | bpf::by_x, dst, src, off, 0); }
inline bpf::Instruction mov(unsigned dst, std::int64_t k) { return alu64(bpf::mov, dst, k); }
inline bpf::Instruction movx(unsigned dst, unsigned src) { return alu64x(bpf::mov, dst, src); }
inline bpf::Instruction jump(int off) { return bpf::make(bpf::jmp | bpf::ja, 0, 0, off, 0); }
inline bpf::Instruction when(unsigned op, unsigned dst, std::int64_t k, int off) { return bpf::make(bpf::jmp | op, dst, 0, off, k); }
inline bpf::Instruction whenx(unsigned op, unsigned dst, unsigned src, int off) { return bpf::make(bpf::jmp | op | bpf::by_x, dst, src, off, 0); }
inline bpf::Instruction when32(unsigned op, unsigned dst, std::int64_t k, int off) { return bpf::make(bpf::jmp32 | op, dst, 0, off, k); }
inline bpf::Instruction load(unsigned size, unsigned dst, unsigned src, int off) { return bpf::make(bpf::ldx | bpf::mem | size, dst, src, off, 0); }
inline bpf::Instruction store(unsigned size, unsigned dst, int off, unsigned src) { return bpf::make(bpf::stx | bpf::mem | size, dst, src, off, 0); }
inline bpf::Instruction store_k(unsigned size, unsigned dst, int off, std::int64_t k) { return bpf::make(bpf::st | bpf::mem | size, dst, 0, off, k); }
inline bpf::Instruction update(unsigned size, unsigned dst, int off, unsigned src, std::int32_t op) { return bpf::make(bpf::stx | bpf::atomic | size, dst, src, off, op); }
inline bpf::Instruction helper(int number) { return bpf::make(bpf::jmp | bpf::call, 0, bpf::call_helper, 0, number); }
inline bpf::Instruction call(int distance) { return bpf::make(bpf::jmp | bpf::call, 0, bpf::call_local, 0, distance); }
inline bpf::Instruction exit() { return bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0); }
inline void wide(Code& out, unsigned dst, std::uint64_t value, unsigned form = 0) {
  out.push_back(bpf::make(bpf::load_immediate, dst, form, 0, static_cast<std::int32_t>(value)));
  out.push_back(bpf::make(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32)));
}
}  // namespace code

struct Options {
  abi::ProgramKind kind = abi::ProgramKind::function;
  std::uint32_t min_context = 0;
  std::uint32_t steps = 0;  // 0: as many as the kind allows
  std::vector<abi::ProgramRegion> regions{};
  std::size_t workspace = 0;  // 0: enough for any program of this length
};

struct Outcome {
  ProgramEnd end = ProgramEnd::value;
  std::uint64_t value = 0;
  Refusal fault = Refusal::none;
  std::vector<std::byte> context;               // afterwards
  std::vector<std::vector<std::byte>> regions;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class Program {
 public:
  Program(Code code, const Options& options = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] bool accepted() const { return refusal_ == Refusal::none; }
  [[nodiscard]] const Code& code() const { return code_; }
  [[nodiscard]] Refusal refusal() const { return refusal_; }
  [[nodiscard]] std::uint32_t refused_at() const { return refused_at_; }
  [[nodiscard]] std::uint64_t work() const { return verifier_->work(); }
  [[nodiscard]] std::size_t workspace_used() const { return verifier_->workspace_used(); }
  [[nodiscard]] std::span<const std::byte> native() const { return {native_, native_size_}; }
  [[nodiscard]] std::size_t entry() const { return entry_; }

  // Each on its own copy of the context and of the regions' bytes (padded with zeros), which lie between fences.
  [[nodiscard]] Outcome interpret(std::span<const std::byte> context, std::span<const std::vector<std::byte>> regions = {}) const;
  [[nodiscard]] Outcome execute(std::span<const std::byte> context, std::span<const std::vector<std::byte>> regions = {}) const;

 private:
  class World;
  void generate();
  void keep_beliefs();
  static void check_beliefs(void* self, std::uint32_t at, std::span<const Register> registers);

  Code code_;
  abi::ProgramHeader header_{};
  std::vector<std::uint64_t> workspace_;
  std::vector<std::uint32_t> beliefs_;  // by instruction: where the verifier's state for it lies in the workspace, or 0
  mutable std::size_t context_size_ = 0;
  std::unique_ptr<Verifier> verifier_;
  Refusal refusal_ = Refusal::none;
  std::uint32_t refused_at_ = 0;
  std::byte* native_ = nullptr;
  std::size_t native_size_ = 0, mapped_ = 0, entry_ = 0;
};

}  // namespace program_test
