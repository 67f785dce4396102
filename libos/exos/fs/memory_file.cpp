// SPDX-License-Identifier: MIT
// Regular files in memory. The bytes of a page lie in the page tree if it was ever written, else in the archive below
// archive_size_, else they are zero. Bytes behind the end of the file are zero in every page of the tree.
#include "abi/container.hpp"
#include "libos/exos/archive.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/memory.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager.hpp"

namespace exos {
namespace {

using base::page_size;

constexpr std::uint32_t fallocate_keep_size = 1, fallocate_punch_hole = 2, fallocate_zero_range = 0x10;
constexpr std::uint32_t seal_shrink = 2, seal_grow = 4, seal_write = 8;

// A file may not take the last memory. Read every so often, the figure is a call.
bool room_for_page() {
  static constinit std::uint32_t countdown = 0;
  static constinit bool room = true;
  if (countdown-- == 0 || !room) {
    countdown = 31;
    const MemoryUse use = memory_use();
    room = use.used + use.limit / 64 + 64 < use.limit;
    if (!room) ++memory_failures;
  }
  return room;
}

constinit MemoryFileList with_pages;

// Of a bad pointer what lies before the bad page: `size` is what was taken. What the fault takes away is not the file's page.
Status take(Buffer& buffer, std::byte* page, std::uint64_t within, std::uint64_t& size) {
  const PagePin pin{page};
  const Status taken = buffer.take(page + within, size);
  if (taken.has_value() || size <= buffer.bytes_to_page_end()) [[likely]] return taken;
  size = buffer.bytes_to_page_end();
  return buffer.take(page + within, size);
}

}  // namespace

MemoryFileList& files_with_pages() { return with_pages; }
std::uint64_t room_for_files() { return memory_use().limit / 64 + 64; }

MemoryFile::~MemoryFile() {
  if (!in_all.linked()) return;
  pager::forget(*this);
  in_all.unlink();
}

void MemoryFile::adopt(const std::byte* data, std::uint64_t data_size) {
  archive_ = data;
  archive_size_ = size = data_size;
}

std::span<const std::byte> MemoryFile::archive_page(std::uint64_t index) const {
  if (index >= base::pages_for(archive_size_)) return {};
  const std::uint64_t at = index * page_size;
  const std::uint64_t bytes = archive_size_ - at < page_size ? archive_size_ - at : page_size;
  return {archive_ + at, static_cast<std::size_t>(bytes)};
}

[[gnu::noinline]] Result<std::byte*> MemoryFile::make_page(std::uint64_t index, Use use) {
  if (!room_for_page()) return Fail{Errno::nospc};
  auto* fresh = static_cast<std::byte*>(allocate_pages(1));
  if (fresh == nullptr) return Fail{Errno::nospc};
  const std::span from = archive_page(index);
  if (!from.empty()) std::memcpy(fresh, from.data(), from.size());
  if (!pages_.set(index, fresh).has_value()) {
    release_pages(fresh, 1);
    return Fail{Errno::nospc};
  }
  if (!in_all.linked()) with_pages.push_back(*this);
  pages_.set_mark(index, PageTree::PageMark::used, true);
  // A copy of the archive's bytes can be made again, as long as nobody writes to it.
  if (use == Use::read && !from.empty()) pages_.set_mark(index, PageTree::PageMark::clean, true);
  // Whoever has the archive's page mapped must see the new one from now on.
  if (!from.empty() && mappings != nullptr) invalidate_mappings(*this, index, 1);
  return fresh;
}

CallResult MemoryFile::read(std::uint64_t offset, Buffer& buffer) {
  std::uint64_t done = 0;
  while (buffer.left() > 0 && offset < size) {
    const std::uint64_t index = offset / page_size, within = offset % page_size;
    std::uint64_t piece = page_size - within;
    if (piece > size - offset) piece = size - offset;
    if (piece > buffer.left()) piece = buffer.left();
    Status moved;
    const Result<std::byte*> page = pages_.find(index, Use::read);
    if (!page.has_value()) {
      moved = Fail{page.error()};
    } else if (*page != nullptr) {
      const PagePin pin{*page};
      moved = buffer.put(*page + within, piece);
    } else if (const std::span from = archive_page(index); within < from.size()) {
      if (piece > from.size() - within) piece = from.size() - within;
      moved = buffer.put(from.data() + within, piece);
    } else {
      moved = buffer.put_zeros(piece);
    }
    if (!moved.has_value()) {
      // The buffer may end within this piece: what fits is moved, byte by byte up to its last page's end.
      const std::uint64_t fits = buffer.bytes_to_page_end();
      if (fits >= piece) return done > 0 ? CallResult{done} : CallResult{Fail{moved.error()}};
      Buffer head = buffer.first(fits);
      const CallResult got = read(offset, head);
      return got.has_value() || done == 0 ? (got.has_value() ? CallResult{done + *got} : got) : CallResult{done};
    }
    offset += piece;
    done += piece;
  }
  return done;
}

[[gnu::noinline]] Status MemoryFile::check_seals(std::uint64_t end) const {
  const bool sealed = (seals_ & seal_write) != 0 || ((seals_ & seal_grow) != 0 && end > size);
  return sealed ? Status{Fail{Errno::perm}} : Status{};
}

CallResult MemoryFile::write(std::uint64_t offset, Buffer& buffer) {
  if (buffer.left() == 0) return 0;
  if (offset >= max_file_size) return Fail{Errno::fbig};
  if (seals_ != 0) [[unlikely]] TRY_VOID(check_seals(offset + buffer.left()));
  if (patches != nullptr) retire_patches(*this);
  if (offset > size) TRY_VOID(zero_within_page(size, base::align_up(size, page_size)));
  if (buffer.left() > max_file_size - offset) buffer = buffer.first(max_file_size - offset);
  const std::uint64_t start = offset;
  do {
    const std::uint64_t within = offset % page_size;
    std::uint64_t piece = page_size - within;
    if (piece > buffer.left()) piece = buffer.left();
    const Result<std::byte*> page = own_page(offset / page_size, Use::write);
    const Status moved = page.has_value() ? take(buffer, *page, within, piece) : Status{Fail{page.error()}};
    if (!moved.has_value()) [[unlikely]] {
      if (offset > start) break;
      return Fail{moved.error()};
    }
    offset += piece;
    if (offset > size) size = offset;
  } while (buffer.left() > 0);
  modified = changed = wall_time();
  return offset - start;
}

// Clears the part of one page that is in the tree; elsewhere zeroes are implied, except in the archive.
Status MemoryFile::zero_within_page(std::uint64_t offset, std::uint64_t end) {
  if (offset >= end || !pages_.holds(offset / page_size)) return {};
  std::byte* const page = TRY(own_page(offset / page_size, Use::write));
  std::memset(page + offset % page_size, 0, end - offset);
  return {};
}

Status MemoryFile::truncate(std::uint64_t new_size) {
  if (new_size > max_file_size) return Fail{Errno::fbig};
  if (((seals_ & seal_shrink) != 0 && new_size < size) || ((seals_ & seal_grow) != 0 && new_size > size))
    return Fail{Errno::perm};
  if (patches != nullptr) retire_patches(*this);
  const std::uint64_t old_size = size;
  if (new_size < old_size) {
    // First what can fail: the tail of the page that is cut. Nobody sees it once the size is the new one.
    TRY_VOID(zero_within_page(new_size, std::min(base::align_up(new_size, page_size), base::align_up(old_size, page_size))));
    const std::uint64_t first = base::pages_for(new_size);
    if (mappings != nullptr) invalidate_mappings(*this, first, base::pages_for(old_size) - first);
    size = new_size;
    // The page that is cut keeps its tail zero; if the archive holds it, its mapping would show the old tail.
    if (mappings != nullptr && new_size % page_size != 0 && !pages_.holds(new_size / page_size) &&
        new_size < archive_size_)
      invalidate_mappings(*this, new_size / page_size, 1);
    if (archive_size_ > new_size) archive_size_ = new_size;
    pages_.release_range(first, PageTree::no_page);
  } else if (new_size > old_size) {
    TRY_VOID(zero_within_page(old_size, base::align_up(old_size, page_size)));
    size = new_size;
  }
  modified = changed = wall_time();
  return {};
}

Result<FilePage> MemoryFile::page(std::uint64_t index, bool for_write) {
  if (index >= base::pages_for(size)) return Fail{Errno::fault};
  if (for_write && patches != nullptr) retire_patches(*this);
  if (pages_.holds(index)) {
    const std::byte* page = TRY(own_page(index, for_write ? Use::write : Use::read));
    return FilePage{frame_of_page(page), own::account.slot(), page};
  }
  const std::span from = archive_page(index);
  const auto address = reinterpret_cast<std::uintptr_t>(from.data());
  if (!for_write && !from.empty() && base::is_aligned<std::uint64_t>(address, page_size) && archive::page_is_clean(from))
    return FilePage{archive::frame_of(from.data()), abi::container::archive, from.data()};
  const std::byte* page = TRY(own_page(index, for_write ? Use::write : Use::read));
  return FilePage{frame_of_page(page), own::account.slot(), page};
}

std::uint64_t MemoryFile::blocks() const {
  // Archive pages that were overlaid are counted once: the tree's share is what lies above, roughly.
  const std::uint64_t archive_pages = base::pages_for(archive_size_);
  const std::uint64_t pages = pages_.count() > archive_pages ? pages_.count() : archive_pages;
  return pages * (page_size / 512);
}

std::uint64_t MemoryFile::next_data(std::uint64_t offset) {
  if (offset < archive_size_) return offset;
  const std::uint64_t index = pages_.next_present(offset / page_size);
  if (index == PageTree::no_page) return size;
  const std::uint64_t start = index * page_size;
  return start > offset ? start : offset;
}

std::uint64_t MemoryFile::next_hole(std::uint64_t offset) {
  std::uint64_t index = offset < archive_size_ ? base::pages_for(archive_size_) : offset / page_size;
  while (pages_.holds(index)) ++index;
  const std::uint64_t start = index * page_size > offset ? index * page_size : offset;
  return start < size ? start : size;
}

Status MemoryFile::zero_range(std::uint64_t offset, std::uint64_t end) {
  if (patches != nullptr) retire_patches(*this);
  if (end > size) end = size;
  const std::uint64_t archive_pages = base::pages_for(archive_size_);
  while (offset < end) {
    const std::uint64_t index = offset / page_size;
    std::uint64_t stop = (index + 1) * page_size;
    if (stop > end) stop = end;
    // What the archive shows below can only be hidden by a page above it.
    if (index < archive_pages) static_cast<void>(TRY(own_page(index, Use::write)));
    if (offset % page_size == 0 && (stop % page_size == 0 || stop == size) && index >= archive_pages) {
      const std::uint64_t last = base::pages_for(end == size ? end : base::align_down(end, page_size));
      if (mappings != nullptr) invalidate_mappings(*this, index, last - index);
      pages_.release_range(index, last);
      stop = end == size ? end : last * page_size;
    } else {
      TRY_VOID(zero_within_page(offset, stop));
    }
    offset = stop;
  }
  return {};
}

Status MemoryFile::allocate_range(std::uint32_t mode_flags, std::uint64_t offset, std::uint64_t length) {
  if (length == 0 || offset >= max_file_size || length > max_file_size - offset) return Fail{length == 0 ? Errno::inval : Errno::fbig};
  const bool keep_size = (mode_flags & fallocate_keep_size) != 0;
  const std::uint64_t end = offset + length;
  if ((mode_flags & ~(fallocate_keep_size | fallocate_punch_hole | fallocate_zero_range)) != 0) return Fail{Errno::opnotsupp};
  if ((mode_flags & fallocate_punch_hole) != 0) {
    if (!keep_size || (mode_flags & fallocate_zero_range) != 0) return Fail{Errno::opnotsupp};
    if ((seals_ & seal_write) != 0) return Fail{Errno::perm};
    TRY_VOID(zero_range(offset, end));
    modified = changed = wall_time();
    return {};
  }
  if ((seals_ & seal_grow) != 0 && end > size) return Fail{Errno::perm};
  if ((mode_flags & fallocate_zero_range) != 0) TRY_VOID(zero_range(offset, end));
  for (std::uint64_t index = offset / page_size; index < base::pages_for(end); ++index) {
    if (!archive_page(index).empty() || own_page(index, Use::write).has_value()) continue;
    pages_.release_range(base::pages_for(size), PageTree::no_page);  // nothing is left behind the end by a failure
    return Fail{Errno::nospc};
  }
  if (!keep_size && end > size) size = end;
  modified = changed = wall_time();
  return {};
}

}  // namespace exos
