// SPDX-License-Identifier: MIT
// ELF64 for x86-64: the structures, and the checks that everyone who loads one has to make. [gabi 4.1, x86-64 psABI]
#pragma once

#include "base/bits.hpp"
#include "base/result.hpp"
#include "base/std.hpp"

namespace base::elf {

struct FileHeader {
  std::array<std::uint8_t, 16> ident;
  std::uint16_t type, machine;
  std::uint32_t version;
  std::uint64_t entry, phoff, shoff;
  std::uint32_t flags;
  std::uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
  std::uint32_t type, flags;
  std::uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(ProgramHeader) == 56);

struct SectionHeader {
  std::uint32_t name, type;
  std::uint64_t flags, addr, offset, size;
  std::uint32_t link, info;
  std::uint64_t addralign, entsize;
};
static_assert(sizeof(SectionHeader) == 64);

struct Symbol {
  std::uint32_t name;
  std::uint8_t info, other;
  std::uint16_t shndx;
  std::uint64_t value, size;
};
static_assert(sizeof(Symbol) == 24);

inline constexpr std::uint16_t type_exec = 2, type_dyn = 3, machine_x86_64 = 62;
inline constexpr std::uint32_t pt_load = 1, pt_dynamic = 2, pt_interp = 3, pt_note = 4, pt_phdr = 6, pt_tls = 7,
                               pt_gnu_eh_frame = 0x6474e550, pt_gnu_stack = 0x6474e551;
inline constexpr std::uint32_t pf_x = 1, pf_w = 2, pf_r = 4;
inline constexpr std::uint32_t sht_symtab = 2, sht_strtab = 3, sht_dynsym = 11;

enum class Fault : std::uint8_t {
  not_elf,        // no ELF magic
  other_machine,  // ELF, but 32-bit, big-endian, or not x86-64
  not_program,    // an object file, a core, ...
  truncated,      // a header or a segment lies outside the file
  bad_segment,    // segment sizes or addresses make no sense
};

struct View {
  const FileHeader* header;
  std::span<const ProgramHeader> segments;
};

// Checks an ELF executable or shared object whose first `head.size()` bytes are given and whose file has `file_size`
// bytes; the program headers must lie within `head`. Segment contents are checked against `file_size` only.
[[nodiscard]] inline Expected<View, Fault> check(std::span<const std::byte> head, std::uint64_t file_size) {
  if (head.size() < 4 || std::memcmp(head.data(), "\177ELF", 4) != 0) return Unexpected{Fault::not_elf};
  if (head.size() < sizeof(FileHeader)) return Unexpected{Fault::truncated};
  const auto* header = reinterpret_cast<const FileHeader*>(head.data());
  if (header->ident[4] != 2 || header->ident[5] != 1 || header->machine != machine_x86_64)
    return Unexpected{Fault::other_machine};
  if (header->type != type_exec && header->type != type_dyn) return Unexpected{Fault::not_program};
  if (header->phentsize != sizeof(ProgramHeader) || header->phnum == 0) return Unexpected{Fault::bad_segment};
  const std::uint64_t table = std::uint64_t{header->phnum} * sizeof(ProgramHeader);
  if (!range_within(header->phoff, table, head.size())) return Unexpected{Fault::truncated};
  if (!is_aligned<std::uint64_t>(header->phoff, 8)) return Unexpected{Fault::bad_segment};
  const std::span segments{reinterpret_cast<const ProgramHeader*>(head.data() + header->phoff), header->phnum};
  for (const ProgramHeader& s : segments) {
    if (s.type != pt_load) continue;
    if (!range_within(s.offset, s.filesz, file_size)) return Unexpected{Fault::truncated};
    if (s.memsz < s.filesz || !range_within(s.vaddr, s.memsz, std::uint64_t{1} << 47)) return Unexpected{Fault::bad_segment};
    if (((s.vaddr ^ s.offset) & (page_size - 1)) != 0) return Unexpected{Fault::bad_segment};
  }
  return View{header, segments};
}

[[nodiscard]] constexpr std::string_view describe(Fault fault) {
  switch (fault) {
    case Fault::not_elf: return "not an ELF program";
    case Fault::other_machine: return "an ELF program for another machine (not 64-bit x86)";
    case Fault::not_program: return "an ELF file, but not a program";
    case Fault::truncated: return "a truncated ELF file";
    case Fault::bad_segment: return "an ELF file with damaged segment headers";
  }
  return "a broken ELF file";
}

}  // namespace base::elf
