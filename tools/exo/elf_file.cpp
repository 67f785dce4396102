// SPDX-License-Identifier: MIT
#include "exo/elf_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace exo {
namespace elf = base::elf;
namespace {

// [gabi 5, dynamic section]
enum Tag : std::int64_t {
  dt_null = 0, dt_needed = 1, dt_strtab = 5, dt_strsz = 10, dt_soname = 14, dt_rpath = 15, dt_runpath = 29,
  dt_flags_1 = 0x6ffffffb,
};
constexpr std::uint64_t df_1_nodeflib = 0x800;

struct Dynamic {
  std::int64_t tag;
  std::uint64_t value;
};

std::string string_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + offset;
  return {text, ::strnlen(text, bytes.size() - static_cast<std::size_t>(offset))};
}

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t end = std::min(list.find(':', start), list.size());
    if (end > start) parts.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

void read_dynamic(ElfFile& file, const elf::ProgramHeader& segment) {
  const auto bytes = file.file.data();
  if (!base::range_within(segment.offset, segment.filesz, bytes.size())) return;
  std::vector<Dynamic> entries;
  for (std::uint64_t at = 0; at + sizeof(Dynamic) <= segment.filesz; at += sizeof(Dynamic)) {
    Dynamic entry{};
    std::memcpy(&entry, bytes.data() + segment.offset + at, sizeof entry);
    if (entry.tag == dt_null) break;
    entries.push_back(entry);
  }
  std::span<const std::byte> strings;
  std::uint64_t strings_size = ~std::uint64_t{0};
  for (const Dynamic& d : entries) {
    if (d.tag == dt_strtab) strings = file.at(d.value);
    if (d.tag == dt_strsz) strings_size = d.value;
  }
  if (strings_size < strings.size()) strings = strings.first(static_cast<std::size_t>(strings_size));
  for (const Dynamic& d : entries) {
    switch (d.tag) {
      case dt_needed: file.needed.push_back(string_at(strings, d.value)); break;
      case dt_soname: file.soname = string_at(strings, d.value); break;
      case dt_rpath: file.rpath = split_list(string_at(strings, d.value)); break;
      case dt_runpath: file.runpath = split_list(string_at(strings, d.value)); break;
      case dt_flags_1: file.no_default_folders = (d.value & df_1_nodeflib) != 0; break;
      default: break;
    }
  }
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (memory != MAP_FAILED) data_ = {static_cast<const std::byte*>(memory), size};
}

MappedFile::~MappedFile() {
  if (!data_.empty()) ::munmap(const_cast<std::byte*>(data_.data()), data_.size());
}

base::Expected<ElfFile, elf::Fault> ElfFile::open(const std::string& path) {
  ElfFile file;
  file.path = path;
  file.file = MappedFile{path};
  const auto bytes = file.file.data();
  file.view = TRY(elf::check(bytes, bytes.size()));
  for (const elf::ProgramHeader& segment : file.view.segments) {
    if (segment.type == elf::pt_interp && base::range_within(segment.offset, segment.filesz, bytes.size())) {
      const auto text =
          bytes.subspan(static_cast<std::size_t>(segment.offset), static_cast<std::size_t>(segment.filesz));
      file.interpreter = string_at(text, 0);
    }
    if (segment.type == elf::pt_dynamic) read_dynamic(file, segment);
  }
  return file;
}

std::span<const std::byte> ElfFile::at(std::uint64_t address) const {
  for (const elf::ProgramHeader& segment : view.segments) {
    if (segment.type != elf::pt_load || address < segment.vaddr || address - segment.vaddr >= segment.filesz) continue;
    const std::uint64_t skip = address - segment.vaddr;
    return file.data().subspan(static_cast<std::size_t>(segment.offset + skip),
                               static_cast<std::size_t>(segment.filesz - skip));
  }
  return {};
}

}  // namespace exo
