// SPDX-License-Identifier: MIT
// What the socket calls share.
#pragma once

#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/socket.hpp"

namespace exos {

inline constexpr std::uint32_t family_unix = 1, level_socket = 1;

struct SocketRef {
  FileRef file;
  SocketFile* operator->() const { return static_cast<SocketFile*>(file.get()); }
};
[[nodiscard]] Result<SocketRef> socket_of(std::uint64_t fd);                                    // EBADF, ENOTSOCK
// sun_path of a program's address.
[[nodiscard]] Result<String> read_address(std::uint64_t address, std::uint64_t length);
[[nodiscard]] CallResult write_address(std::string_view name, std::uint64_t address, std::uint64_t length_address);

}  // namespace exos
