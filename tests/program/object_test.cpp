// SPDX-License-Identifier: MIT
// Objects of clang through the loader, the verifier, and both ways of running.
#include <gtest/gtest.h>

#include <fstream>

#include "libos/parts/program/load.hpp"
#include "tests/program/harness.hpp"

namespace program_test {
namespace {

namespace parts = ::parts::program;
using parts::Fault;

std::vector<std::byte> file(const std::string& name) {
  std::ifstream in{std::string{PROGRAM_OBJECTS} + "/" + name, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const auto* start = reinterpret_cast<const std::byte*>(bytes.data());
  return {start, start + bytes.size()};
}

struct Loaded {
  explicit Loaded(const std::vector<std::byte>& bytes, std::string_view name) : object{*parts::Object::open(bytes)} {
    code.resize(abi::max_program_length);
    loader.emplace(object, code);
    const auto result = loader->load(name);
    if (!result) {
      failure = result.error();
      return;
    }
    code.resize(loader->length());
    header = loader->header();
    for (const auto& region : header.regions)
      if (region.count != 0) options.regions.push_back(region);
    options.kind = header.kind;
    for (std::uint32_t i = 0; i < header.region_count; ++i) {
      contents.emplace_back(header.regions[i].count * base::page_size, std::byte{0xff});
      loader->fill(i, contents.back());
    }
  }
  parts::Object object;
  std::vector<bpf::Instruction> code;
  std::optional<parts::Loader> loader;
  std::optional<parts::Failure> failure;
  abi::ProgramHeader header{};
  Options options;
  std::vector<std::vector<std::byte>> contents;
};

std::uint64_t word_at(const std::vector<std::byte>& bytes, std::size_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TEST(Object, MapsVariablesConstantsAndCalls) {
  const auto bytes = file("counts.c.o");
  Loaded loaded{bytes, "count_packet"};
  ASSERT_FALSE(loaded.failure) << describe(loaded.failure->fault);
  EXPECT_EQ(loaded.header.kind, abi::ProgramKind::filter);
  ASSERT_EQ(loaded.loader->regions().size(), 3u);
  const auto find = [&](std::string_view name) {
    const auto regions = loaded.loader->regions();
    const auto found = std::find_if(regions.begin(), regions.end(), [&](const auto& r) { return r.name == name; });
    return static_cast<std::size_t>(found - regions.begin());
  };
  const std::size_t map = find("counts"), variables = find("variables"), constants = find("constants");
  ASSERT_LT(map, 3u);
  ASSERT_LT(variables, 3u);
  ASSERT_LT(constants, 3u);
  EXPECT_EQ(loaded.loader->regions()[map].bytes, 256u * 16);
  EXPECT_FALSE(loaded.loader->regions()[constants].writable);
  const Program program{loaded.code, loaded.options};
  ASSERT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
  auto contents = loaded.contents;
  std::vector<std::byte> packet(60);
  for (int round = 1; round <= 20; ++round) {
    packet[9] = std::byte{5};
    const Outcome one = program.interpret(packet, contents), other = program.execute(packet, contents);
    ASSERT_EQ(one.fault, Refusal::none);
    ASSERT_TRUE(one == other);
    ASSERT_EQ(one.value, round * 60 > 1000 ? 0u : 9u) << round;
    contents = one.regions;
    EXPECT_EQ(word_at(contents[map], 5 * 16), static_cast<std::uint64_t>(round));
    EXPECT_EQ(word_at(contents[map], 5 * 16 + 8), static_cast<std::uint64_t>(round) * 60);
  }
  EXPECT_EQ(program.interpret(std::vector<std::byte>(19), contents).value, 0u);
}

TEST(Object, SecondProgramAlone) {
  const auto bytes = file("counts.c.o");
  const Loaded loaded{bytes, "sum"};
  ASSERT_FALSE(loaded.failure);
  EXPECT_EQ(loaded.header.kind, abi::ProgramKind::function);
  EXPECT_EQ(loaded.header.region_count, 0u);
  const Program program{loaded.code, loaded.options};
  ASSERT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
  const std::vector<std::byte> block(70, std::byte{2});
  EXPECT_EQ(program.execute(block).value, 128u);
  EXPECT_TRUE(program.interpret(block) == program.execute(block));
}

TEST(Object, SourceLines) {
  const auto bytes = file("counts.c.o");
  const Loaded loaded{bytes, "filter/counts"};
  ASSERT_FALSE(loaded.failure);
  std::size_t found = 0;
  for (std::uint32_t i = 0; i < loaded.code.size(); ++i) {
    const parts::Origin origin = loaded.loader->origin(i);
    const auto line = loaded.loader->btf().line_of(loaded.object.section(origin.section).name, origin.offset);
    ASSERT_TRUE(line.has_value()) << i;
    EXPECT_TRUE(line->file.ends_with("counts.c"));
    if (line->text.find("all[kind].packets++") != std::string_view::npos) ++found;
  }
  EXPECT_GT(found, 0u);
}

TEST(Object, WhatItDoesNotTake) {
  const auto bytes = file("damage.c.o");
  const auto fault = [&](std::string_view name) {
    const Loaded loaded{bytes, name};
    return loaded.failure ? std::optional{loaded.failure->fault} : std::nullopt;
  };
  EXPECT_EQ(fault("calls_elsewhere"), Fault::unknown_symbol);
  EXPECT_EQ(fault("reads_elsewhere"), Fault::unknown_symbol);
  EXPECT_EQ(fault("uses_hash"), Fault::no_map_description);
  EXPECT_EQ(fault("pointers"), Fault::pointer_in_data);
  EXPECT_EQ(fault("code_address"), Fault::code_address);
  EXPECT_EQ(fault("too_large"), Fault::region_too_large);
  EXPECT_EQ(fault("filter"), Fault::which_program);
  EXPECT_EQ(fault(""), Fault::which_program);
  EXPECT_EQ(fault("nobody"), Fault::no_program);
  EXPECT_EQ(fault("outside"), std::nullopt);
  const Loaded outside{bytes, "outside"};
  EXPECT_EQ((Program{outside.code, outside.options}.refusal()), Refusal::read_only);
}

TEST(Object, OtherFiles) {
  const auto fault = [](const std::vector<std::byte>& bytes) { return parts::Object::open(bytes).error().fault; };
  EXPECT_EQ(fault({}), Fault::not_elf);
  EXPECT_EQ(fault(std::vector<std::byte>(100, std::byte{'E'})), Fault::not_elf);
  auto bytes = file("counts.c.o");
  auto other = bytes;
  other[18] = std::byte{62};  // x86-64
  EXPECT_EQ(fault(other), Fault::not_bpf);
  other = bytes;
  other.resize(other.size() - 1);  // the section headers stand last
  EXPECT_EQ(fault(other), Fault::damaged);
}

// Every byte of the object damaged in turn, and every length: an answer, whatever it is.
TEST(Object, DamagedFiles) {
  const auto bytes = file("counts.c.o");
  const auto attempt = [](const std::vector<std::byte>& damaged) {
    const auto object = parts::Object::open(damaged);
    if (!object) return;
    std::vector<bpf::Instruction> code(abi::max_program_length);
    parts::Loader loader{*object, code};
    if (!loader.load("count_packet")) return;
    ASSERT_LE(loader.length(), code.size());
    std::vector<std::byte> out(base::page_size);
    for (std::uint32_t i = 0; i < loader.header().region_count; ++i) loader.fill(i, out);
    code.resize(loader.length());
    for (std::uint32_t i = 0; i < loader.length(); i += 5) {
      const parts::Origin origin = loader.origin(i);
      (void)loader.btf().line_of(object->section(origin.section).name, origin.offset);
    }
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const std::byte change : {std::byte{0xff}, std::byte{0x01}}) {
      auto damaged = bytes;
      damaged[i] ^= change;
      attempt(damaged);
    }
    if (i % 8 == 0) attempt({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i)});
  }
}

}  // namespace
}  // namespace program_test
