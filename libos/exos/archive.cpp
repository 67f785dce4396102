// SPDX-License-Identifier: MIT
// Reads the boot archive once and builds the root tree over it; file data stay where they are. See docs/archive.md.
#include "libos/exos/archive.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/link.hpp"

namespace exos::archive {
namespace {

constinit std::span<const std::byte> all;
constinit abi::FrameNumber first_frame;

// Inode numbers of the archive that stand for more than one name, with the inode made for the first.
struct HardLink { std::uint32_t number; InodeRef inode; };

class Builder {
 public:
  explicit Builder(Directory& root) : root_{root} {}
  Status add(const base::cpio::Entry& entry, std::string_view path);

 private:
  Result<Directory*> directory_of(std::string_view path);
  Status add_to(Directory& parent, std::string_view name, const base::cpio::Entry& entry);

  Directory& root_;
  Directory* last_ = nullptr;      // of the entry before: entries of one directory follow one another
  std::string_view last_path_;
  Vector<HardLink> hard_links_;
};

Result<Directory*> Builder::directory_of(std::string_view path) {
  if (last_ != nullptr && path == last_path_) return last_;
  Directory* at = &root_;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (name.empty()) continue;
    Result<InodeRef> next = at->lookup(name);
    if (!next.has_value()) next = at->create(name, mode_directory | 0755, 0, {});
    if (!next.has_value()) return Fail{next.error()};
    Directory* directory = as_directory(next->get());
    if (directory == nullptr) return Fail{Errno::notdir};
    at = directory;
  }
  last_ = at;
  last_path_ = path;
  return at;
}

void take_attributes(Inode& inode, const base::cpio::Entry& entry) {
  inode.mode = entry.mode;
  inode.uid = entry.uid;
  inode.gid = entry.gid;
  inode.accessed = inode.modified = inode.changed = Timespec{entry.mtime, 0};
}

Status Builder::add_to(Directory& parent, std::string_view name, const base::cpio::Entry& entry) {
  const std::uint32_t type = entry.mode & mode_type;
  if (parent.lookup(name).has_value()) {       // a directory that came with one of its members, or a repetition
    InodeRef there = TRY(parent.lookup(name));
    if (type == mode_directory && there->is(mode_directory)) take_attributes(*there, entry);
    return {};
  }
  const bool shared = type == mode_regular && entry.links > 1;
  if (shared) {
    for (HardLink& link : hard_links_) {
      if (link.number != entry.inode) continue;
      if (!entry.data.empty() && link.inode->size == 0)
        static_cast<MemoryFile&>(*link.inode).adopt(entry.data.data(), entry.data.size());
      TRY_VOID(parent.enter(name, *link.inode));
      ++link.inode->links;
      return {};
    }
  }
  const std::string_view target{reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
  if (type != mode_regular && type != mode_directory && type != mode_link && type != mode_fifo) return {};
  InodeRef inode = TRY(parent.create(name, entry.mode, 0, type == mode_link ? target : std::string_view{}));
  take_attributes(*inode, entry);
  if (type == mode_regular) static_cast<MemoryFile&>(*inode).adopt(entry.data.data(), entry.data.size());
  if (shared) TRY_VOID(hard_links_.push_back({entry.inode, inode}));
  return {};
}

Status Builder::add(const base::cpio::Entry& entry, std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) {
    take_attributes(root_, entry);
    return {};
  }
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name == "." || name == ".." || name.size() > name_max) return Fail{Errno::inval};
  Directory* parent = TRY(directory_of(slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash)));
  const Timespec kept = parent->modified;
  TRY_VOID(add_to(*parent, name, entry));
  parent->modified = parent->changed = kept;   // the archive's, not the time of unpacking
  return {};
}

}  // namespace

void start() {
  const auto& info = *reinterpret_cast<const abi::container::StartInfo*>(abi::map::state_start_info);
  all = {reinterpret_cast<const std::byte*>(info.archive_va), static_cast<std::size_t>(info.archive_size)};
  first_frame = abi::FrameNumber{info.archive_frame};
}

std::span<const std::byte> member(std::string_view name) {
  base::cpio::Reader reader{all};
  base::cpio::Entry entry;
  while (reader.next(entry) == base::cpio::Step::entry)
    if (entry.name == name) return entry.data;
  return {};
}

abi::FrameNumber frame_of(const std::byte* in_archive) {
  const auto page = reinterpret_cast<std::uintptr_t>(in_archive) >> base::page_bits;
  const auto first = reinterpret_cast<std::uintptr_t>(all.data()) >> base::page_bits;
  return first_frame + (page - first);
}

bool page_is_clean(std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data() + bytes.size();
  const std::byte* archive_end = all.data() + all.size();
  for (std::size_t i = bytes.size(); i < base::page_size && at < archive_end; ++i, ++at)
    if (*at != std::byte{0}) return false;
  return true;
}

Status populate(Inode& root) {
  base::cpio::Reader reader{all};
  base::cpio::Entry entry;
  Builder builder{static_cast<Directory&>(root)};
  for (;;) {
    const base::cpio::Step step = reader.next(entry);
    if (step == base::cpio::Step::end) return {};
    if (step == base::cpio::Step::broken) return Fail{Errno::io};
    if (entry.name != "root" && !entry.name.starts_with("root/")) continue;
    TRY_VOID(builder.add(entry, entry.name.substr(4)));
  }
}

}  // namespace exos::archive
