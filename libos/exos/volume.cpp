// SPDX-License-Identifier: MIT
// Streams a directory tree as a newc archive in frames of a fixed buffer. It ends with its trailer only when everything
// was said: what the host has not seen complete it does not use.
#include "libos/exos/volume.hpp"

#include "base/format.hpp"
#include "libos/exos/fs/path.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/pager.hpp"

namespace exos {
namespace {

class Stream {
 public:
  explicit Stream(std::uint8_t volume) : volume_{volume} {}
  void put(const void* bytes, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(bytes);
    while (size > 0) {
      const std::size_t n = size < buffer.size() - used_ ? size : buffer.size() - used_;
      std::memcpy(buffer.data() + used_, from, n);
      used_ += n;
      total_ += n;
      from += n;
      size -= n;
      if (used_ == buffer.size()) send();
    }
  }
  void pad() {
    while (total_ % 4 != 0) put("", 1);
  }
  void send() {
    if (used_ > 0) link::send_now(abi::link::Channel::files, volume_, buffer.data(), used_);
    used_ = 0;
  }

 private:
  static constinit std::array<std::byte, abi::page_size> buffer;
  std::uint8_t volume_;
  std::size_t used_ = 0;
  std::uint64_t total_ = 0;
};
constinit std::array<std::byte, abi::page_size> Stream::buffer{};


class Writer {
 public:
  explicit Writer(Stream& stream) : stream_{stream} {}
  Status tree(Directory& directory, std::string_view path);
  Status member(Inode& inode, std::string_view path);
  void trailer() { header("TRAILER!!!", 0, 0, 1, 0, 0, 0, 0); }

 private:
  void header(std::string_view name, std::uint64_t number, std::uint32_t mode, std::uint32_t links, std::uint32_t uid,
              std::uint32_t gid, std::int64_t mtime, std::uint64_t size);
  Status contents(Inode& inode);
  Stream& stream_;
  Vector<const Inode*> sent_;
};

void Writer::header(std::string_view name, std::uint64_t number, std::uint32_t mode, std::uint32_t links, std::uint32_t uid,
                    std::uint32_t gid, std::int64_t mtime, std::uint64_t size) {
  base::Text<128> text;
  text.print("070701{:08x}{:08x}{:08x}{:08x}", static_cast<std::uint32_t>(number), mode, uid, gid);
  text.print("{:08x}{:08x}{:08x}", links, static_cast<std::uint32_t>(mtime), static_cast<std::uint32_t>(size));
  text.print("{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 0u, 0u, 0u, 0u, static_cast<std::uint32_t>(name.size() + 1), 0u);
  stream_.put(text.view().data(), text.size());
  stream_.put(name.data(), name.size());
  stream_.put("", 1);
  stream_.pad();
}

Status Writer::contents(Inode& inode) {
  static constinit std::array<std::byte, 4096> piece{};
  for (std::uint64_t at = 0; at < inode.size;) {
    Buffer buffer = Buffer::memory(piece.data(), piece.size());
    CallResult read = inode.read(at, buffer);
    constexpr std::uint64_t room = 32;   // its pages come back from the swap object one after the other
    if (!read && read.error() == Errno::nomem && pager::make_room(room)) read = inode.read(at, buffer);
    const std::uint64_t n = TRY(std::move(read));
    if (n == 0) break;
    stream_.put(piece.data(), static_cast<std::size_t>(n));
    at += n;
  }
  stream_.pad();
  return {};
}

Status Writer::member(Inode& inode, std::string_view path) {
  const std::uint32_t type = inode.mode & mode_type;
  if (type != mode_regular && type != mode_directory && type != mode_link && type != mode_fifo) return {};
  if (inode.size > 0xffff'ffff) return Fail{Errno::fbig};
  std::uint64_t size = type == mode_regular || type == mode_link ? inode.size : 0;
  bool again = false;
  if (type == mode_regular && inode.links > 1) {
    for (const Inode* sent : sent_) again = again || sent == &inode;
    if (again) size = 0;
    else TRY_VOID(sent_.push_back(&inode));
  }
  header(path, inode.number, inode.mode, inode.links, inode.uid, inode.gid, inode.modified.seconds, size);
  if (again) return {};
  if (type == mode_regular) return contents(inode);
  if (type == mode_link) {
    const String target = TRY(inode.link_target());
    stream_.put(target.view().data(), target.size());
    stream_.pad();
  }
  return {};
}

// The names of a directory, gathered first: the walk below must not hold a position while it descends.
class NameSink final : public EntrySink {
 public:
  bool entry(std::string_view name, std::uint64_t, std::uint32_t, std::uint64_t) override {
    if (name == "." || name == "..") return true;
    Result<String> copy = String::from(name);
    if (!copy.has_value() || !names.push_back(std::move(*copy)).has_value()) failed = true;
    return !failed;
  }
  Vector<String> names;
  bool failed = false;
};

Status Writer::tree(Directory& directory, std::string_view path) {
  NameSink sink;
  TRY_VOID(directory.list(0, sink));
  if (sink.failed) return Fail{Errno::nomem};
  for (const String& name : sink.names) {
    InodeRef inode = TRY(directory.lookup(name.view()));
    if (inode->device != directory.device) continue;   // another file system over it
    String full = TRY(String::from(path));
    if (!path.empty()) TRY_VOID(full.append("/"));
    TRY_VOID(full.append(name.view()));
    TRY_VOID(member(*inode, full.view()));
    if (Directory* below = as_directory(inode.get()); below != nullptr) TRY_VOID(tree(*below, full.view()));
  }
  return {};
}

Status send_tree(const RunDescription::Volume& volume, const InodeRef& root) {
  PathContext context;
  context.root = context.cwd = root;
  Walk walk = TRY(walk_from(context, root, volume.path.view(), walk_follow, {0, 0}));
  Stream stream{static_cast<std::uint8_t>(volume.index)};
  Writer writer{stream};
  TRY_VOID(writer.member(*walk.inode, "."));
  if (Directory* directory = as_directory(walk.inode.get()); directory != nullptr) TRY_VOID(writer.tree(*directory, {}));
  writer.trailer();
  stream.send();
  return {};
}

}  // namespace

void send_volume(const RunDescription::Volume& volume, const InodeRef& root) {
  const Status sent = send_tree(volume, root);
  if (sent.has_value()) return;
  base::Text<256> line{"exo: {} could not be written back (error {}): nothing on the host was changed", volume.path.view(),
                       static_cast<std::int32_t>(sent.error())};
  link::log_line(line.view());
}

}  // namespace exos
