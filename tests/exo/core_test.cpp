// SPDX-License-Identifier: MIT
// Core files on the host's side: what a guest sends becomes a file or is refused, and damaged ones tell nothing.
#include <elf.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "exo/core_receiver.hpp"
#include "exo/debug_core.hpp"
#include "scratch.hpp"

namespace {

using abi::link::Core;
using exo::CoreReceiver;

exo::Frame frame(Core kind, std::string payload = {}) {
  return {abi::link::Channel::core, static_cast<std::uint8_t>(kind), std::move(payload)};
}
std::string skip(std::uint64_t size) { return {reinterpret_cast<const char*>(&size), sizeof size}; }
class CoreReceiverTest : public Scratch {};
class ProgramOfCoreTest : public Scratch {};

TEST_F(CoreReceiverTest, WritesWhatComesInOrder) {
  CoreReceiver cores{folder_.string()};
  EXPECT_EQ(cores.take(frame(Core::begin, "core.x.1")), "");
  EXPECT_EQ(cores.take(frame(Core::data, "ab")), "");
  EXPECT_EQ(cores.take(frame(Core::skip, skip(3))), "");
  EXPECT_EQ(cores.take(frame(Core::data, "c")), "");
  EXPECT_EQ(cores.take(frame(Core::skip, skip(2))), "");
  EXPECT_NE(cores.take(frame(Core::end)).value_or("").find("core.x.1"), std::string::npos);
  EXPECT_EQ(read(folder_.string() + "/core.x.1"), (std::string{"ab\0\0\0c\0\0", 8}));
}

TEST_F(CoreReceiverTest, MakesNamesHarmless) {
  const std::string inner = folder_.string() + "/inner";
  std::filesystem::create_directory(inner);
  CoreReceiver cores{inner};
  for (const std::string& name : {std::string{"../up"}, std::string{"core.a/b"}, std::string{"core.\n\x1b[2J"}, std::string(5000, 'n')}) {
    EXPECT_EQ(cores.take(frame(Core::begin, name)), "");
    EXPECT_NE(cores.take(frame(Core::end)), "");
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{folder_.string()}, {}), 1);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{inner}, {}), 4);
}

TEST_F(CoreReceiverTest, DoesNotWriteThroughLinks) {
  std::ofstream{folder_.string() + "/precious"} << "mine";
  std::filesystem::create_symlink(folder_.string() + "/precious", folder_.string() + "/core.x.1");
  CoreReceiver cores{folder_.string()};
  EXPECT_EQ(cores.take(frame(Core::begin, "core.x.1")), "");
  EXPECT_EQ(cores.take(frame(Core::data, "theirs")), "");
  EXPECT_NE(cores.take(frame(Core::end)), "");
  EXPECT_EQ(read(folder_.string() + "/precious"), "mine");
}

TEST_F(CoreReceiverTest, KeepsNothingThatIsNotWhole) {
  {
    CoreReceiver cores{folder_.string()};
    EXPECT_EQ(cores.take(frame(Core::begin, "core.x.1")), "");
    EXPECT_EQ(cores.take(frame(Core::begin, "core.x.2")), "");
    EXPECT_EQ(cores.take(frame(Core::data, "ab")), "");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.string()));
}

TEST_F(CoreReceiverTest, RefusesWhatIsOutOfOrder) {
  CoreReceiver cores{folder_.string()}, unwanted{""};
  EXPECT_FALSE(unwanted.take(frame(Core::begin, "core.x.1")));
  EXPECT_FALSE(cores.take(frame(Core::data, "ab")));
  EXPECT_FALSE(cores.take(frame(Core::end)));
  EXPECT_EQ(cores.take(frame(Core::begin, "core.x.1")), "");
  EXPECT_FALSE(cores.take(frame(Core::skip, "short")));
  EXPECT_EQ(cores.take(frame(Core::skip, skip(1))), "");
  EXPECT_FALSE(cores.take(frame(Core::skip, skip(~std::uint64_t{0}))));
  EXPECT_FALSE(cores.take(frame(static_cast<Core>(77))));
}

// Every prefix of a core, and it with every byte changed, is read without harm.
TEST_F(ProgramOfCoreTest, DoesNotTrustTheFile) {
  const std::string path = folder_.string() + "/core";
  struct [[gnu::packed]] {
    Elf64_Ehdr file{};
    Elf64_Phdr notes{};
    Elf64_Nhdr aux_head{5, 32, NT_AUXV};
    char aux_name[8]{"CORE"};
    Elf64_auxv_t aux[2]{{AT_ENTRY, {0x1010}}, {AT_NULL, {0}}};
    Elf64_Nhdr files_head{5, 2 * 8 + 3 * 8 + 8, NT_FILE};
    char files_name[8]{"CORE"};
    std::uint64_t files[5]{1, 4096, 0x1000, 0x2000, 0};
    char name[8]{"/bin/ab"};
  } core;
  std::memcpy(core.file.e_ident, ELFMAG, SELFMAG);
  core.file.e_type = ET_CORE, core.file.e_machine = EM_X86_64, core.file.e_phnum = 1, core.file.e_phoff = sizeof core.file;
  core.notes = {.p_type = PT_NOTE, .p_offset = offsetof(decltype(core), aux_head),
                .p_filesz = sizeof core - offsetof(decltype(core), aux_head)};
  const std::string whole{reinterpret_cast<const char*>(&core), sizeof core};
  const auto program = [&](const std::string& bytes) {
    std::ofstream{path, std::ios::binary} << bytes;
    return exo::program_of_core(path).value_or("not a core");
  };
  EXPECT_EQ(program(whole), "/bin/ab");
  for (std::size_t size = 0; size < whole.size() - sizeof core.name; ++size) EXPECT_NE(program(whole.substr(0, size)), "/bin/ab");
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const char change : {'\0', '\x7f', '\xff'}) {
      std::string bytes = whole;
      bytes[i] = change;
      static_cast<void>(program(bytes));
    }
}

}  // namespace
