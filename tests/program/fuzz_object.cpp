// SPDX-License-Identifier: MIT
// Objects of clang, damaged by libFuzzer: `fuzz_object CORPUS`, where CORPUS holds objects to start from. The loader
// must answer, inside its memory, and what it makes must fit its own description.
#include <cstdlib>
#include <vector>

#include "libos/parts/program/load.hpp"

namespace {

void must(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace parts::program;
  const std::vector<std::byte> bytes{reinterpret_cast<const std::byte*>(data),
                                     reinterpret_cast<const std::byte*>(data) + size};
  const auto object = Object::open(bytes);
  if (!object) return 0;
  std::vector<abi::bpf::Instruction> code(abi::max_program_length);
  for (const std::string_view name : {"", "filter", "count_packet", "sum"}) {
    Loader loader{*object, code};
    const auto result = loader.load(name);
    if (!result) {
      must(!describe(result.error().fault).empty());
      continue;
    }
    const abi::ProgramHeader header = loader.header();
    must(header.length <= code.size() && header.length > 0 && header.region_count <= abi::max_program_regions);
    for (std::uint32_t i = 0; i < header.region_count; ++i) {
      must(header.regions[i].count > 0 && header.regions[i].count <= abi::max_region_frames);
      std::vector<std::byte> out(header.regions[i].count * base::page_size);
      loader.fill(i, out);
    }
    for (std::uint32_t i = 0; i < header.length; i += 7) {
      const Origin origin = loader.origin(i);
      must(!object->section(origin.section).bytes.empty());
      (void)loader.btf().line_of(object->section(origin.section).name, origin.offset);
    }
  }
  return 0;
}
