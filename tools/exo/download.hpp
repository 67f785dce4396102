// SPDX-License-Identifier: MIT
// Programs for the kernel's engine of downloaded code, on the host: read from an object of `clang -target bpf` or from
// a filter in tcpdump's language, judged by the kernel's own verifier, turned into the kernel's own native code.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "kernel/program/interpreter.hpp"
#include "kernel/program/native.hpp"

namespace exo {

namespace engine = aegis::program;

// What the command line says about programs.
struct DownloadOptions {
  std::string object;  // a file, or empty: then `filter`
  std::string filter;
  std::string program;  // a function or its section; empty: all of the object
  std::string kind;     // empty: what the section says
  std::uint32_t min_context = 0, steps = 0;
};

struct SourcePlace {
  std::string file, text, function;  // empty where nothing is known
  std::uint32_t line = 0;
};

struct Download {
  std::string name, file;
  abi::ProgramHeader header{};
  std::vector<abi::bpf::Instruction> code;
  std::vector<SourcePlace> places;  // by instruction
  std::vector<std::string> region_names;
  std::vector<std::vector<std::byte>> regions;  // what they hold at first
};

[[nodiscard]] Result<std::vector<Download>> read_downloads(const DownloadOptions& options);
[[nodiscard]] std::string kind_name(abi::ProgramKind kind);

// The verdict, and for an accepted program its native code.
class Verified {
 public:
  explicit Verified(const Download& download);
  [[nodiscard]] bool accepted() const { return verifier_->refusal() == abi::Refusal::none; }
  [[nodiscard]] const engine::Verifier& verifier() const { return *verifier_; }
  [[nodiscard]] std::span<const std::byte> native() const { return native_; }
  // Where the native code of an instruction begins; [code.size()] is the end of the last.
  [[nodiscard]] std::size_t native_at(std::size_t instruction) const { return native_at_[instruction]; }

 private:
  void generate(const Download& download);

  std::vector<std::uint64_t> workspace_;
  std::unique_ptr<engine::Verifier> verifier_;
  std::vector<std::byte> native_;
  std::vector<std::size_t> native_at_;
};

// Why it is refused: the source line, the instruction and what the verifier knew of the registers, without "exo: ".
[[nodiscard]] std::string explain(const Download& download, const Verified& verified);
// Its data regions: "counts: 1 page; constants: 1 page, read-only"; "-" for none.
[[nodiscard]] std::string data_text(const Download& download);
// One line about an accepted program.
[[nodiscard]] std::string summary(const Download& download, const Verified& verified);

// One instruction as text, jumps by the number of the instruction that they lead to.
[[nodiscard]] std::string instruction_text(const Download& download, std::size_t index);
[[nodiscard]] std::string value_text(const Download& download, const engine::Value& value, std::uint64_t frame_top);

}  // namespace exo
