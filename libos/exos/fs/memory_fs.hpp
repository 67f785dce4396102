// SPDX-License-Identifier: MIT
// The writable memory file system: the container's root tree, /dev, /dev/shm, memfds. A file that came in the boot archive
// keeps its data there; a page is copied to a frame of the account when it is first written or mapped shared-writable.
#pragma once

#include "libos/exos/fs/directory.hpp"
#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/fs/page_tree.hpp"

namespace exos {

class MemoryFile final : public Inode {
 public:
  ~MemoryFile() override;
  // The first contents: bytes of the boot archive.
  void adopt(const std::byte* data, std::uint64_t data_size);

  CallResult read(std::uint64_t offset, Buffer& buffer) override;
  CallResult write(std::uint64_t offset, Buffer& buffer) override;
  Status truncate(std::uint64_t new_size) override;
  Result<FilePage> page(std::uint64_t index, bool for_write) override;
  [[nodiscard]] bool has_page(std::uint64_t index) const override { return pages_.holds(index) || !archive_page(index).empty(); }
  [[nodiscard]] std::uint64_t blocks() const override;
  std::uint64_t next_data(std::uint64_t offset) override;
  std::uint64_t next_hole(std::uint64_t offset) override;
  Status allocate_range(std::uint32_t mode_flags, std::uint64_t offset, std::uint64_t length) override;
  std::uint32_t* seals() override { return sealable_ ? &seals_ : nullptr; }
  void make_sealable(std::uint32_t seals) { sealable_ = true; seals_ = seals; }

 private:
  friend class FileSweep;   // pager_files.cpp
  using Use = PageTree::Use;
  [[nodiscard]] Result<std::byte*> own_page(std::uint64_t index, Use use) {
    std::byte* const page = TRY(pages_.find(index, use));
    return page != nullptr ? Result<std::byte*>{page} : make_page(index, use);
  }
  [[nodiscard]] Result<std::byte*> make_page(std::uint64_t index, Use use);
  [[nodiscard]] Status check_seals(std::uint64_t end) const;   // of a write up to there
  [[nodiscard]] std::span<const std::byte> archive_page(std::uint64_t index) const;   // its bytes, at most a page
  [[nodiscard]] Status zero_within_page(std::uint64_t offset, std::uint64_t end);
  [[nodiscard]] Status zero_range(std::uint64_t offset, std::uint64_t end);

  PageTree pages_;
  const std::byte* archive_ = nullptr;
  std::uint64_t archive_size_ = 0;    // bytes of it that still count
  std::uint32_t seals_ = 0;
  bool sealable_ = false;

 public:
  base::ListLink in_all;              // files_with_pages()
};

// Files that have, or had, pages of their own.
using MemoryFileList = base::List<MemoryFile, &MemoryFile::in_all>;
[[nodiscard]] MemoryFileList& files_with_pages();
// Frames that files must leave to processes, which could otherwise neither fork nor exit in order.
[[nodiscard]] std::uint64_t room_for_files();

class MemorySymlink final : public Inode {
 public:
  explicit MemorySymlink(String target) : target_{std::move(target)} { size = target_.size(); }
  CallResult read(std::uint64_t, Buffer&) override { return Fail{Errno::inval}; }
  CallResult write(std::uint64_t, Buffer&) override { return Fail{Errno::inval}; }
  Status truncate(std::uint64_t) override { return Fail{Errno::inval}; }
  Result<FilePage> page(std::uint64_t, bool) override { return Fail{Errno::nodev}; }
  Result<String> link_target() override { return String::from(target_.view()); }
  [[nodiscard]] std::uint64_t blocks() const override { return 0; }

 private:
  String target_;
};

class MemoryDirectory final : public Directory {
 public:
  ~MemoryDirectory() override;
  Result<InodeRef> lookup(std::string_view entry) override;
  Result<InodeRef> create(std::string_view entry, std::uint32_t new_mode, std::uint32_t device_number,
                          std::string_view target) override;
  Result<InodeRef> create_nameless(std::uint32_t new_mode) override;
  Status enter(std::string_view entry, Inode& inode) override;
  void replace(std::string_view entry, Inode& inode) override;
  void remove(std::string_view entry) override;
  [[nodiscard]] bool fixed() const override { return frozen_; }
  void freeze() { frozen_ = true; }
  [[nodiscard]] bool empty() const override { return live_ == 0; }
  Status list(std::uint64_t position, EntrySink& sink) override;
  [[nodiscard]] std::uint64_t blocks() const override { return 8; }

 private:
  struct Entry {
    Entry* next;             // in its bucket
    std::uint32_t hash;
    std::uint32_t length;
    std::uint64_t position;  // of getdents64: grows with each insertion, never reused
    InodeRef inode;
    [[nodiscard]] std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), length}; }
  };
  [[nodiscard]] Entry** find(std::string_view entry, std::uint32_t hash);
  [[nodiscard]] Status grow_buckets();
  void compact();

  Vector<Entry*> buckets_;   // a power of two of them, or none
  Vector<Entry*> order_;     // ascending positions; nullptr where one was removed
  std::uint64_t next_position_ = 2;
  std::size_t live_ = 0;
  bool frozen_ = false;
};

// A new inode of a memory file system, not yet in a directory; ENOSPC without memory.
[[nodiscard]] Result<InodeRef> make_memory_inode(FileSystem& fs, std::uint32_t mode, std::uint32_t device_number,
                                                 std::string_view target = {});

// Fills what every new inode has: number, device, owner, times.
void initialise_inode(Inode& inode, FileSystem& fs, std::uint32_t mode);

}  // namespace exos
