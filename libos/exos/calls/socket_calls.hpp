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
// The next connection as a descriptor; who is at the other end goes to `address`, unless that is 0.
[[nodiscard]] CallResult accept_on(const SocketRef& socket, std::uint64_t address, std::uint64_t length_address, std::uint32_t flags);
[[nodiscard]] Result<SocketRef> socket_of(std::uint64_t fd);                                    // EBADF, ENOTSOCK
// sun_path of a program's address.
[[nodiscard]] Result<String> read_address(std::uint64_t address, std::uint64_t length);
[[nodiscard]] CallResult write_address(std::string_view name, std::uint64_t address, std::uint64_t length_address);

}  // namespace exos
