// SPDX-License-Identifier: MIT
// Debugging a guest: a socket in a private folder for QEMU's gdb server, and gdb with the symbols of kernel and
// library.
#pragma once

#include <string>

#include "exo/locations.hpp"
#include "exo/options.hpp"

namespace exo {

// A path for a socket, in a folder that only this user can enter; removed at the end.
class GdbSocket {
 public:
  [[nodiscard]] static Result<GdbSocket> create();
  GdbSocket(GdbSocket&& other) noexcept : folder_{std::exchange(other.folder_, {})} {}
  GdbSocket& operator=(GdbSocket&&) = delete;
  ~GdbSocket();
  [[nodiscard]] std::string path() const { return folder_ + "/gdb"; }

 private:
  explicit GdbSocket(std::string folder) : folder_{std::move(folder)} {}
  std::string folder_;
};

[[nodiscard]] std::vector<std::string> gdb_command(const Locations& at, const std::string& socket);
[[nodiscard]] std::string gdb_command_line(const Locations& at, const std::string& socket);
// `exo gdb`: starts the guest stopped, and gdb on this terminal. The guest's output comes to the same terminal.
[[nodiscard]] Result<int> debug(const Locations& at, const RunOptions& options);

}  // namespace exo
