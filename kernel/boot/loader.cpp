// SPDX-License-Identifier: MIT
#include "kernel/boot/loader.hpp"

#include "base/bits.hpp"
#include "kernel/dev/log.hpp"

namespace aegis::boot {
namespace {

using arch::direct;
using arch::PhysicalAddress;

constexpr std::uint32_t pvh_magic = 0x336e'c578, multiboot2_magic = 0x36d7'6289;
constexpr std::uint64_t reach = std::uint64_t{1} << 32;  // of the boot page tables
constexpr std::uint32_t usable = 1;                      // memory type, the same in both protocols

struct StartInfo {  // [pvh] hvm_start_info, version 1
  std::uint32_t magic, version, flags, module_count;
  std::uint64_t modules, command_line, rsdp, memory_map;
  std::uint32_t memory_map_count, reserved;
};
static_assert(sizeof(StartInfo) == 56);
struct PvhModule {
  std::uint64_t start, size, command_line, reserved;
};
struct PvhMemory {
  std::uint64_t start, size;
  std::uint32_t type, reserved;
};
static_assert(sizeof(PvhMemory) == 24);

struct Tag {  // [multiboot2 3.4]
  std::uint32_t type, size;
};
enum class TagType : std::uint32_t {
  end = 0,
  command_line = 1,
  module = 3,
  memory_map = 6,
  old_rsdp = 14,
  new_rsdp = 15
};
struct ModuleTag {
  Tag tag;
  std::uint32_t start, end;
};
struct MemoryTag {
  Tag tag;
  std::uint32_t entry_size, entry_version;
};
struct MultibootMemory {
  std::uint64_t start, size;
  std::uint32_t type, reserved;
};

// Keeps the list sorted and joins what touches. A map with more pieces than fit loses the smallest need: the last.
void add_memory(LoaderInfo& info, std::uint64_t start, std::uint64_t size) {
  constexpr std::uint64_t address_limit = std::uint64_t{1} << 46;
  if (!base::range_within(start, size, address_limit)) return;
  const std::uint64_t end = base::align_down(start + size, base::page_size);
  start = base::align_up(start, base::page_size);
  if (start >= end) return;
  std::size_t at = info.ram_count;
  while (at > 0 && info.ram[at - 1].start > start) --at;
  if (at > 0 && info.ram[at - 1].end >= start) {
    if (info.ram[at - 1].end < end) info.ram[at - 1].end = end;
    return;
  }
  if (info.ram_count == info.ram.size()) {
    dev::log("aegis: memory map too long: ", dev::Hex{start}, " is left out\n");
    return;
  }
  for (std::size_t i = info.ram_count++; i > at; --i) info.ram[i] = info.ram[i - 1];
  info.ram[at] = {start, end};
}

void set_command_line(LoaderInfo& info, const char* text, std::size_t limit) {
  std::size_t n = 0;
  for (; n < limit && n < info.command_line.size() && text[n] != '\0'; ++n) info.command_line[n] = text[n];
  info.command_line_size = n;
}

bool read_pvh(std::uint32_t address, LoaderInfo& out) {
  const auto& start = *direct<StartInfo>(PhysicalAddress{address});
  if (start.magic != pvh_magic || start.version < 1) return false;
  if (start.memory_map >= reach || start.modules >= reach || start.command_line >= reach) return false;
  const auto* memory = direct<PvhMemory>(PhysicalAddress{start.memory_map});
  for (std::uint32_t i = 0; i < start.memory_map_count; ++i)
    if (memory[i].type == usable) add_memory(out, memory[i].start, memory[i].size);
  if (start.module_count > 0) {
    const auto& module = *direct<PvhModule>(PhysicalAddress{start.modules});
    out.archive = {module.start, module.start + module.size};
  }
  if (start.command_line != 0)
    set_command_line(out, direct<char>(PhysicalAddress{start.command_line}), out.command_line.size());
  out.rsdp = start.rsdp;
  return true;
}

void read_multiboot_memory(const MemoryTag& tag, LoaderInfo& out) {
  if (tag.entry_size < sizeof(MultibootMemory)) return;
  const auto* bytes = reinterpret_cast<const std::byte*>(&tag);
  for (std::uint64_t at = sizeof(MemoryTag); at + tag.entry_size <= tag.tag.size; at += tag.entry_size) {
    const auto& memory = *reinterpret_cast<const MultibootMemory*>(bytes + at);
    if (memory.type == usable) add_memory(out, memory.start, memory.size);
  }
}

bool read_multiboot(std::uint32_t address, LoaderInfo& out) {
  const std::uint64_t end = std::uint64_t{address} + *direct<std::uint32_t>(PhysicalAddress{address});
  for (std::uint64_t at = std::uint64_t{address} + 8; at + sizeof(Tag) <= end && end < reach;) {
    const auto& tag = *direct<Tag>(PhysicalAddress{at});
    if (tag.size < sizeof(Tag)) return false;
    switch (static_cast<TagType>(tag.type)) {
      case TagType::end: return out.ram_count > 0;
      case TagType::command_line:
        set_command_line(out, direct<char>(PhysicalAddress{at + sizeof(Tag)}), tag.size - sizeof(Tag));
        break;
      case TagType::module: {
        const auto& module = reinterpret_cast<const ModuleTag&>(tag);
        if (out.archive.start == out.archive.end) out.archive = {module.start, module.end};
        break;
      }
      case TagType::memory_map: read_multiboot_memory(reinterpret_cast<const MemoryTag&>(tag), out); break;
      case TagType::old_rsdp:
        if (out.rsdp == 0) out.rsdp = at + sizeof(Tag);
        break;
      case TagType::new_rsdp: out.rsdp = at + sizeof(Tag); break;
    }
    at += base::align_up<std::uint64_t>(tag.size, 8);
  }
  return out.ram_count > 0;
}

}  // namespace

bool read_loader(std::uint32_t magic, std::uint32_t info, LoaderInfo& out) {
  if (magic == pvh_magic) return read_pvh(info, out) && out.ram_count > 0;
  if (magic == multiboot2_magic) return read_multiboot(info, out);
  return false;
}

std::string_view LoaderInfo::option(std::string_view name) const {
  std::string_view rest = command();
  while (!rest.empty()) {
    const std::size_t end = rest.find(' ');
    const std::string_view word = rest.substr(0, end);
    if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=')
      return word.substr(name.size() + 1);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace aegis::boot
