// SPDX-License-Identifier: MIT
#include "exo/debug_core.hpp"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/bits.hpp"
#include "exo/elf_file.hpp"

namespace exo {
namespace {

constexpr const char* usage = "exo debug core FILE [PROGRAM] [-- GDB-ARGUMENTS]";

using Bytes = std::span<const std::byte>;

template <typename T>
std::optional<T> read_at(Bytes bytes, std::uint64_t at) {
  if (!base::range_within(at, sizeof(T), bytes.size())) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The contents of the first note of a type; empty when there is none.
Bytes find_note(Bytes file, const Elf64_Phdr& notes, std::uint32_t type) {
  if (!base::range_within(notes.p_offset, notes.p_filesz, file.size())) return {};
  const Bytes all = file.subspan(notes.p_offset, notes.p_filesz);
  for (std::uint64_t at = 0;;) {
    const auto head = read_at<Elf64_Nhdr>(all, at);
    if (!head) return {};
    const std::uint64_t contents = at + sizeof *head + base::align_up<std::uint64_t>(head->n_namesz, 4);
    if (!base::range_within(contents, head->n_descsz, all.size())) return {};
    if (head->n_type == type) return all.subspan(contents, head->n_descsz);
    at = contents + base::align_up<std::uint64_t>(head->n_descsz, 4);
  }
}

std::uint64_t entry_in(Bytes auxiliary) {
  for (std::uint64_t at = 0;; at += sizeof(Elf64_auxv_t)) {
    const auto entry = read_at<Elf64_auxv_t>(auxiliary, at);
    if (!entry || entry->a_type == AT_NULL) return 0;
    if (entry->a_type == AT_ENTRY) return entry->a_un.a_val;
  }
}

// NT_FILE: how many, page size, start, end and page of each, then the names.
std::string file_at(Bytes files, std::uint64_t address) {
  constexpr std::uint64_t head = 16, record = 24;
  const std::uint64_t count = read_at<std::uint64_t>(files, 0).value_or(0);
  if (count > files.size() / record) return {};
  std::uint64_t name = head + count * record;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto start = read_at<std::uint64_t>(files, head + i * record), end = read_at<std::uint64_t>(files, head + i * record + 8);
    if (!start || !end || name >= files.size()) return {};
    const char* text = reinterpret_cast<const char*>(files.data() + name);
    const std::size_t length = ::strnlen(text, files.size() - name);
    if (*start <= address && address < *end) return {text, length};
    name += length + 1;
  }
  return {};
}

Result<int> start_gdb(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return fail(own_failure, "gdb is not installed: `apt-get install gdb`");
}

}  // namespace

Result<std::string> program_of_core(const std::string& core) {
  if (::access(core.c_str(), R_OK) != 0) return fail_errno("cannot read " + core);
  const MappedFile mapped{core};
  const Bytes file = mapped.data();
  const auto header = read_at<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_CORE || header->e_machine != EM_X86_64)
    return fail(own_failure, core + " is not a core file");
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = read_at<Elf64_Phdr>(file, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) break;
    if (segment->p_type == PT_NOTE) return file_at(find_note(file, *segment, NT_FILE), entry_in(find_note(file, *segment, NT_AUXV)));
  }
  return std::string{};
}

Result<int> debug_core(const std::vector<std::string>& words) {
  const auto dashes = std::ranges::find(words, "--");
  const std::vector<std::string> own{words.begin(), dashes};
  if (own.size() < 2 || own.size() > 3 || own[0] != "core") return fail(own_failure, std::string{"wants "} + usage);
  std::string program = TRY(program_of_core(own[1]));
  if (own.size() == 3) program = own[2];
  if (program.empty()) return fail(own_failure, own[1] + " does not say of which program it is: name it, " + usage);
  if (::access(program.c_str(), R_OK) != 0)
    return fail(own_failure, program + " is not there on this side: say where the program is, " + usage);
  // Libraries are where they are for the guest: it saw the host's. The debugger's own shell files are not asked about.
  std::vector<std::string> command{"gdb", "-q", "-iex", "set debuginfod enabled off"};
  if (dashes != words.end()) command.insert(command.end(), dashes + 1, words.end());
  command.insert(command.end(), {program, own[1]});
  return start_gdb(std::move(command));
}

}  // namespace exo
