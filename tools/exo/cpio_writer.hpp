// SPDX-License-Identifier: MIT
// Writes a newc cpio archive whose file data starts on pages (docs/archive.md). Readable by base/cpio.hpp and by
// cpio(1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "exo/failure.hpp"
#include "exo/tree.hpp"

namespace exo {

class CpioWriter {
 public:
  enum class Data { on_pages, packed };  // packed: for Linux, which takes no name as long as a page's padding
  explicit CpioWriter(int fd, Data data = Data::on_pages) : fd_{fd}, data_{data} {}

  Status add_bytes(const std::string& name, std::string_view data, std::uint32_t mode = 0100644);
  Status add_device(const std::string& name, std::uint32_t major, std::uint32_t minor);  // of characters
  Status add_host_file(const std::string& name, const std::string& host);
  // Every node of the tree below `prefix`.
  Status add_tree(const std::string& prefix, const Tree& tree);
  Status finish();
  [[nodiscard]] std::uint64_t size() const { return position_; }

 private:
  struct Header {
    std::uint32_t inode = 0, mode = 0, uid = 0, gid = 0, links = 1, mtime = 0;
    std::uint64_t size = 0;
    std::uint32_t major = 0, minor = 0;  // of a device
  };
  Status header(const std::string& name, const Header& fields);
  Status write(std::string_view bytes);
  Status copy(const std::string& host, std::uint64_t size);
  Status pad(std::uint64_t alignment);

  int fd_;
  Data data_;
  std::uint64_t position_ = 0;
  std::uint32_t next_inode_ = 1;
};

}  // namespace exo
