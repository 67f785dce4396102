// SPDX-License-Identifier: MIT
// Directories in memory: a hash table for names, and the entries in the order of their making for getdents64.
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/fs/node.hpp"

namespace exos {
namespace {

constexpr std::size_t word_size = 8;

template <typename T>
std::uint64_t load(const char* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);   // one load
  return value;
}

// Less than eight bytes as a word: two halves that overlap, or first, middle and last. With the length they are all there is.
std::uint64_t short_word(const char* from, std::size_t size) {
  constexpr std::size_t half = sizeof(std::uint32_t);
  if (size >= half) return load<std::uint32_t>(from) | load<std::uint32_t>(from + size - half) << 32;
  if (size == 0) return 0;
  return load<std::uint8_t>(from) | load<std::uint8_t>(from + size / 2) << 8 | load<std::uint8_t>(from + size - 1) << 16;
}

// Eight bytes at a time; a bucket is chosen by the lowest bits, into which the product's upper half goes.
std::uint32_t hash_of(std::string_view name) {
  constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;   // 2^64 over the golden ratio
  std::uint64_t hash = name.size();
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * odd;
    hash ^= hash >> 32;
  };
  const char* at = name.data();
  std::size_t left = name.size();
  for (; left >= word_size; left -= word_size, at += word_size) mix(load<std::uint64_t>(at));
  mix(short_word(at, left));
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

MemoryDirectory::~MemoryDirectory() {
  for (Entry* entry : order_) destroy(entry);
}

MemoryDirectory::Entry** MemoryDirectory::find(std::string_view entry, std::uint32_t hash) {
  if (buckets_.empty()) return nullptr;
  for (Entry** at = &buckets_[hash & (buckets_.size() - 1)]; *at != nullptr; at = &(*at)->next)
    if ((*at)->hash == hash && (*at)->name() == entry) return at;
  return nullptr;
}

Result<InodeRef> MemoryDirectory::lookup(std::string_view entry) {
  Entry** found = find(entry, hash_of(entry));
  if (found == nullptr) return Fail{Errno::noent};
  return (*found)->inode;
}

Status MemoryDirectory::grow_buckets() {
  if (live_ < buckets_.size()) return {};
  Vector<Entry*> fresh;
  TRY_VOID(fresh.resize(buckets_.empty() ? 8 : buckets_.size() * 2));
  for (Entry* entry : order_) {
    if (entry == nullptr) continue;
    Entry*& head = fresh[entry->hash & (fresh.size() - 1)];
    entry->next = head;
    head = entry;
  }
  buckets_ = std::move(fresh);
  return {};
}

Status MemoryDirectory::enter(std::string_view entry, Inode& inode) {
  if (removed) return Fail{Errno::noent};
  String own_name;
  Directory* child = as_directory(&inode);
  if (child != nullptr) own_name = TRY(String::from(entry));
  if (!grow_buckets().has_value() || !order_.reserve(order_.size() + 1).has_value()) return Fail{Errno::nospc};
  void* memory = allocate(sizeof(Entry) + entry.size());
  if (memory == nullptr) return Fail{Errno::nospc};
  // point of no return
  const std::uint32_t hash = hash_of(entry);
  auto* fresh = ::new (memory) Entry{nullptr, hash, static_cast<std::uint32_t>(entry.size()), next_position_++, InodeRef{&inode}};
  std::memcpy(static_cast<void*>(fresh + 1), entry.data(), entry.size());
  Entry*& head = buckets_[hash & (buckets_.size() - 1)];
  fresh->next = head;
  head = fresh;
  static_cast<void>(order_.push_back(fresh));  // has room
  ++live_;
  if (child != nullptr) {
    child->parent = InodeRef{this};
    child->name = std::move(own_name);
    ++links;
  }
  modified = changed = wall_time();
  return {};
}

void MemoryDirectory::replace(std::string_view entry, Inode& inode) {
  Entry** found = find(entry, hash_of(entry));
  if (found == nullptr) return;
  if (as_directory((*found)->inode.get()) != nullptr) --links;
  if (Directory* child = as_directory(&inode); child != nullptr) {
    ++links;
    child->parent = InodeRef{this};
    if (Result<String> own_name = String::from(entry); own_name.has_value()) child->name = std::move(*own_name);
  }
  (*found)->inode = InodeRef{&inode};
  modified = changed = wall_time();
}

void MemoryDirectory::remove(std::string_view entry) {
  Entry** found = find(entry, hash_of(entry));
  if (found == nullptr) return;
  Entry* gone = *found;
  *found = gone->next;
  std::size_t low = 0, high = order_.size();
  // Holes have no position: search from the nearest entry below the middle.
  while (low < high) {
    std::size_t middle = low + (high - low) / 2, at = middle;
    while (at < high && order_[at] == nullptr) ++at;
    if (at == high || order_[at]->position > gone->position) high = middle;
    else if (order_[at] == gone) { order_[at] = nullptr; break; }
    else low = at + 1;
  }
  if (as_directory(gone->inode.get()) != nullptr) --links;
  destroy(gone);
  if (--live_ < order_.size() / 2) compact();
  modified = changed = wall_time();
}

void MemoryDirectory::compact() {
  std::size_t to = 0;
  for (std::size_t from = 0; from < order_.size(); ++from)
    if (order_[from] != nullptr) order_[to++] = order_[from];
  order_.erase(to, order_.size() - to);
}

Status MemoryDirectory::list(std::uint64_t position, EntrySink& sink) {
  if (!list_dots(position, sink)) return {};
  std::size_t low = 0, high = order_.size();
  while (low < high) {   // first entry at or behind the position
    const std::size_t middle = low + (high - low) / 2;
    std::size_t at = middle;
    while (at < high && order_[at] == nullptr) ++at;
    if (at == high || order_[at]->position >= position) high = middle;
    else low = at + 1;
  }
  for (; low < order_.size(); ++low) {
    const Entry* entry = order_[low];
    if (entry == nullptr) continue;
    if (!sink.entry(entry->name(), entry->inode->number, entry->inode->mode, entry->position + 1)) break;
  }
  return {};
}

Result<InodeRef> MemoryDirectory::create(std::string_view entry, std::uint32_t new_mode, std::uint32_t device_number,
                                         std::string_view target) {
  if (removed) return Fail{Errno::noent};
  InodeRef fresh = TRY(make_memory_inode(*file_system, new_mode, device_number, target));
  if ((mode & 02000) != 0) {   // set-group-id directories hand their group down
    fresh->gid = gid;
    if (fresh->is(mode_directory)) fresh->mode |= 02000;
  }
  TRY_VOID(enter(entry, *fresh));
  return fresh;
}

Result<InodeRef> MemoryDirectory::create_nameless(std::uint32_t new_mode) {
  InodeRef fresh = TRY(make_memory_inode(*file_system, new_mode, 0));
  fresh->links = 0;
  return fresh;
}

void initialise_inode(Inode& inode, FileSystem& fs, std::uint32_t mode) {
  inode.number = fs.next_number();
  inode.device = fs.device;
  inode.file_system = &fs;
  inode.mode = mode;
  inode.accessed = inode.modified = inode.changed = wall_time();
  ++fs.inodes;
}

Result<InodeRef> make_memory_inode(FileSystem& fs, std::uint32_t mode, std::uint32_t device_number,
                                   std::string_view target) {
  Inode* inode = nullptr;
  switch (mode & mode_type) {
    case mode_regular: inode = make<MemoryFile>(); break;
    case mode_directory: inode = make<MemoryDirectory>(); break;
    case mode_link: {
      Result<String> copy = String::from(target);
      if (copy.has_value()) inode = make<MemorySymlink>(std::move(*copy));
      break;
    }
    case mode_fifo: inode = make_fifo_inode(); break;
    case mode_socket: inode = make_socket_inode(); break;
    case mode_char:
    case mode_block: inode = make_device_inode(); break;
    default: return Fail{Errno::inval};
  }
  if (inode == nullptr) return Fail{Errno::nospc};
  initialise_inode(*inode, fs, mode);
  inode->rdev = device_number;
  const Credentials owner = current_credentials();
  inode->uid = owner.uid;
  inode->gid = owner.gid;
  if (Directory* directory = as_directory(inode); directory != nullptr) {
    directory->links = 2;
    directory->size = 4096;
    directory->parent = {};
  }
  return InodeRef{inode};
}

}  // namespace exos
