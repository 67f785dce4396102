// SPDX-License-Identifier: MIT
#include "exo/archive.hpp"

#include <sys/mman.h>

#include "exo/cpio_writer.hpp"
#include "exo/gaps.hpp"

namespace exo {
namespace {

Result<Descriptor> memory_file() {
  Descriptor file{::memfd_create("exo-archive", MFD_CLOEXEC)};
  if (!file) return fail_errno("cannot make a memory file");
  return file;
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
  TRY_VOID(writer.add_host_file("aegis/init", at.init.string()));
  TRY_VOID(writer.add_host_file("aegis/exos", at.library.string()));
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
