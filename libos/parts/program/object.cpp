// SPDX-License-Identifier: MIT
#include "libos/parts/program/object.hpp"

namespace parts::program {

namespace elf = base::elf;

namespace {
constexpr std::uint16_t type_relocatable = 1, machine_bpf = 247;
constexpr std::uint32_t sht_rel = 9, sht_nobits = 8;
constexpr unsigned type_function = 2, bind_global = 1, bind_weak = 2;
}  // namespace

std::string_view text_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const auto* start = reinterpret_cast<const char*>(bytes.data() + offset);
  const auto* end = static_cast<const char*>(std::memchr(start, 0, bytes.size() - offset));
  return end == nullptr ? std::string_view{} : std::string_view{start, static_cast<std::size_t>(end - start)};
}

Result<Object> Object::open(std::span<const std::byte> file) {
  if (file.size() < 4 || std::memcmp(file.data(), "\177ELF", 4) != 0) return base::Unexpected{Failure{Fault::not_elf}};
  const auto header = read_at<elf::FileHeader>(file, 0);
  if (!header) return base::Unexpected{Failure{Fault::damaged}};
  if (header->ident[4] != 2 || header->ident[5] != 1 || header->machine != machine_bpf ||
      header->type != type_relocatable)
    return base::Unexpected{Failure{Fault::not_bpf}};
  const std::uint64_t table = std::uint64_t{header->shnum} * sizeof(elf::SectionHeader);
  if (header->shentsize != sizeof(elf::SectionHeader) || header->shnum == 0 ||
      !base::range_within(header->shoff, table, file.size()))
    return base::Unexpected{Failure{Fault::damaged}};
  Object object;
  object.file_ = file;
  object.sections_ = header->shoff;
  object.section_count_ = header->shnum;
  object.section_names_ = object.section(header->shstrndx).bytes;
  for (std::uint32_t i = 0; i < object.section_count_; ++i) {
    const Section section = object.section(i);
    if (section.type != elf::sht_symtab) continue;
    object.symbols_ = section.bytes;
    object.symbol_names_ = object.section(section.link).bytes;
    object.symbol_count_ =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(section.bytes.size() / sizeof(elf::Symbol), ~0u));
    return object;
  }
  return base::Unexpected{Failure{Fault::damaged}};
}

Section Object::section(std::uint32_t index) const {
  if (index >= section_count_) return {};
  const auto header = read_at<elf::SectionHeader>(file_, sections_ + std::uint64_t{index} * sizeof(elf::SectionHeader));
  if (!header) return {};
  Section section{.index = index,
                  .name = text_at(section_names_, header->name),
                  .type = header->type,
                  .link = header->link,
                  .info = header->info,
                  .flags = header->flags,
                  .size = header->size,
                  .alignment = std::max<std::uint64_t>(header->addralign, 1)};
  if (header->type == sht_nobits) return section;
  if (!base::range_within(header->offset, header->size, file_.size())) return {};
  section.bytes = file_.subspan(header->offset, header->size);
  return section;
}

Section Object::find(std::string_view name) const {
  for (std::uint32_t i = 1; i < section_count_; ++i)
    if (const Section found = section(i); found.name == name) return found;
  return {};
}

Symbol Object::symbol(std::uint32_t index) const {
  const auto found =
      index < symbol_count_ ? read_at<elf::Symbol>(symbols_, std::uint64_t{index} * sizeof(elf::Symbol)) : std::nullopt;
  if (!found) return {};
  const unsigned bind = found->info >> 4u;
  return {.name = text_at(symbol_names_, found->name),
          .section = found->shndx,
          .value = found->value,
          .size = found->size,
          .is_function = (found->info & 15u) == type_function,
          .is_global = bind == bind_global || bind == bind_weak};
}

std::optional<Symbol> Object::function_at(std::uint32_t section, std::uint64_t offset) const {
  for (std::uint32_t i = 1; i < symbol_count_; ++i)
    if (const Symbol found = symbol(i); found.is_function && found.section == section && found.value == offset)
      return found;
  return std::nullopt;
}

Section Object::relocations_of(std::uint32_t section_index) const {
  for (std::uint32_t i = 1; i < section_count_; ++i)
    if (const Section table = section(i); table.type == sht_rel && table.info == section_index) return table;
  return {};
}

Relocation Object::relocation(const Section& table, std::size_t index) {
  const std::uint64_t offset = read_at<std::uint64_t>(table.bytes, index * 16).value_or(0);
  const std::uint64_t info = read_at<std::uint64_t>(table.bytes, index * 16 + 8).value_or(0);
  return {offset, static_cast<std::uint32_t>(info), static_cast<std::uint32_t>(info >> 32)};
}

}  // namespace parts::program
