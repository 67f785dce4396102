// SPDX-License-Identifier: MIT
#include "exo/archive.hpp"

#include <sys/mman.h>

#include <cstring>
#include <filesystem>

#include "exo/cpio_writer.hpp"
#include "exo/gaps.hpp"

namespace exo {
namespace {

Result<Descriptor> memory_file() {
  Descriptor file{::memfd_create("exo-archive", MFD_CLOEXEC)};
  if (!file) return fail_errno("cannot make a memory file");
  return file;
}

// What a loader reads of one of our own programs: without symbols and debug information, which stay on the host. Less to
// load, and less of the guest's memory for what no guest looks at.
Result<std::string> loadable_part(const std::filesystem::path& path) {
  const auto elf = ElfFile::open(path.string());
  if (!elf.has_value())
    return fail(own_failure, path.string() + " is " + std::string{describe(elf.error())} + ": build it again");
  const auto whole = elf->file.data();
  std::uint64_t end = sizeof(base::elf::FileHeader);
  end = std::max(end, elf->view.header->phoff + elf->view.segments.size_bytes());
  for (const auto& segment : elf->view.segments) end = std::max(end, segment.offset + segment.filesz);
  std::string part{reinterpret_cast<const char*>(whole.data()), std::min<std::size_t>(end, whole.size())};
  base::elf::FileHeader header;
  std::memcpy(&header, part.data(), sizeof header);
  header.shoff = 0, header.shnum = 0, header.shstrndx = 0;
  std::memcpy(part.data(), &header, sizeof header);
  return part;
}

struct GapMember {
  std::string path, contents;
};

std::vector<GapMember> gaps_of_tree(const Tree& tree) {
  std::vector<GapMember> members;
  for (const auto& [path, node] : tree.nodes()) {
    const bool may_hold_code = (node.mode & 0111) != 0 || path.find(".so") != std::string::npos;
    if (node.kind != Node::Kind::file || !may_hold_code) continue;
    const auto file = ElfFile::open(node.host);
    if (!file.has_value()) continue;
    const auto gaps = find_gaps(*file);
    if (!gaps.empty()) members.push_back({"/" + path, encode_gaps(gaps)});
  }
  return members;
}

}  // namespace

Result<Archive> make_archive(const Locations& at, const Tree& tree, RunDescription description) {
  TRY_VOID(require_built(at.init));
  TRY_VOID(require_built(at.library));
  const std::vector<GapMember> gaps = gaps_of_tree(tree);
  for (std::size_t i = 0; i < gaps.size(); ++i)
    description.add("gaps", "aegis/gaps/" + std::to_string(i) + ":" + gaps[i].path);

  Archive archive{.file = TRY(memory_file())};
  CpioWriter writer{archive.file.get()};
  TRY_VOID(writer.add_bytes("aegis/init", TRY(loadable_part(at.init)), 0100755));
  TRY_VOID(writer.add_bytes("aegis/exos", TRY(loadable_part(at.library)), 0100755));
  TRY_VOID(writer.add_bytes("aegis/run", description.text()));
  for (std::size_t i = 0; i < gaps.size(); ++i)
    TRY_VOID(writer.add_bytes("aegis/gaps/" + std::to_string(i), gaps[i].contents));
  TRY_VOID(writer.add_tree("root", tree));
  TRY_VOID(writer.finish());
  archive.size = writer.size();
  return archive;
}

Result<Archive> make_bare_archive(const std::string& first_env) {
  Archive archive{.file = TRY(memory_file())};
  CpioWriter writer{archive.file.get()};
  TRY_VOID(writer.add_host_file("aegis/init", first_env));
  TRY_VOID(writer.finish());
  archive.size = writer.size();
  return archive;
}

}  // namespace exo
