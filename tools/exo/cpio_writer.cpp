// SPDX-License-Identifier: MIT
#include "exo/cpio_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <vector>

#include "base/bits.hpp"
#include "exo/descriptor.hpp"

namespace exo {
namespace {

constexpr std::uint64_t header_size = 110;
constexpr std::uint64_t largest_file = 0xffff'ffff;

std::uint32_t type_bits(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::directory: return S_IFDIR;
    case Node::Kind::file: case Node::Kind::text: return S_IFREG;
    case Node::Kind::link: return S_IFLNK;
    case Node::Kind::pipe: return S_IFIFO;
  }
  return S_IFREG;
}

}  // namespace

Status CpioWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write the boot archive");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    position_ += static_cast<std::uint64_t>(n);
  }
  return {};
}

Status CpioWriter::pad(std::uint64_t alignment) {
  static constexpr std::array<char, 4> zeroes{};
  return write({zeroes.data(), static_cast<std::size_t>(base::align_up(position_, alignment) - position_)});
}

Status CpioWriter::header(const std::string& name, const Header& f) {
  if (f.size > largest_file) return fail(own_failure, name + " is over 4 GiB: too large for the boot archive");
  TRY_VOID(pad(4));
  std::uint64_t name_size = name.size() + 1;
  const std::uint64_t name_at = position_ + header_size;
  const bool has_pages = data_ == Data::on_pages && (f.mode & S_IFMT) == S_IFREG && f.size != 0;
  const std::uint64_t data_at = base::align_up<std::uint64_t>(name_at + name_size, has_pages ? base::page_size : 4);
  if (has_pages) name_size = data_at - name_at;
  std::array<char, header_size + 1> text{};
  std::snprintf(text.data(), text.size(), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", f.inode, f.mode,
                f.uid, f.gid, f.links, f.mtime, static_cast<unsigned>(f.size), 0u, 0u, f.major, f.minor,
                static_cast<unsigned>(name_size), 0u);
  std::string whole{text.data(), header_size};
  whole += name;
  whole.resize(static_cast<std::size_t>(data_at - position_), '\0');
  return write(whole);
}

Status CpioWriter::copy(const std::string& host, std::uint64_t size) {
  const Descriptor in{::open(host.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!in) return fail_errno("cannot read " + host);
  static thread_local std::vector<char> buffer(1 << 20);
  while (size > 0) {
    const ssize_t n =
        ::read(in.get(), buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size())));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + host);
    if (n == 0) return fail(own_failure, host + " shrank while it was read: try again");
    TRY_VOID(write({buffer.data(), static_cast<std::size_t>(n)}));
    size -= static_cast<std::uint64_t>(n);
  }
  return {};
}

Status CpioWriter::add_bytes(const std::string& name, std::string_view data, std::uint32_t mode) {
  TRY_VOID(header(name, {.inode = next_inode_++, .mode = mode, .size = data.size()}));
  return write(data);
}

Status CpioWriter::add_device(const std::string& name, std::uint32_t major, std::uint32_t minor) {
  return header(name, {.inode = next_inode_++, .mode = S_IFCHR | 0600, .major = major, .minor = minor});
}

Status CpioWriter::add_host_file(const std::string& name, const std::string& host) {
  struct stat status{};
  if (::stat(host.c_str(), &status) != 0) return fail_errno("cannot read " + host);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  TRY_VOID(header(name, {.inode = next_inode_++, .mode = 0100755, .size = size}));
  return copy(host, size);
}

Status CpioWriter::add_tree(const std::string& prefix, const Tree& tree) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> linked;  // names of a host inode in this tree
  for (const auto& [path, node] : tree.nodes())
    if (node.kind == Node::Kind::file && node.links > 1) ++linked[{node.device, node.inode}];
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> written;  // its inode number in the archive

  for (const auto& [path, node] : tree.nodes()) {
    const std::string name = path.empty() ? prefix : prefix + "/" + path;
    Header h{.inode = next_inode_++, .mode = type_bits(node.kind) | node.mode, .uid = node.uid, .gid = node.gid,
             .mtime = node.mtime, .size = node.size};
    if (node.kind == Node::Kind::directory || node.kind == Node::Kind::pipe) {
      h.size = 0;
      TRY_VOID(header(name, h));
      continue;
    }
    if (node.kind != Node::Kind::file) {
      h.size = node.text.size();
      TRY_VOID(header(name, h));
      TRY_VOID(write(node.text));
      continue;
    }
    const std::pair key{node.device, node.inode};
    if (const auto names = linked.find(key); names != linked.end() && names->second > 1) {
      h.links = names->second;
      const auto [first, is_new] = written.try_emplace(key, h.inode);
      h.inode = first->second;
      if (!is_new) h.size = 0;
    }
    TRY_VOID(header(name, h));
    TRY_VOID(copy(node.host, h.size));
  }
  return {};
}

Status CpioWriter::finish() {
  TRY_VOID(header("TRAILER!!!", {}));
  return pad(4);
}

}  // namespace exo
