// SPDX-License-Identifier: MIT
// The names of Unix sockets: nodes in the file tree, and abstract ones, which only exist while their socket does.
#include "base/format.hpp"
#include "libos/exos/fs/endpoint.hpp"
#include "libos/exos/fs/inotify.hpp"
#include "libos/exos/fs/node.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

class SocketInode final : public SpecialInode {
 public:
  Result<FileRef> open(std::uint32_t) override { return Fail{Errno::nxio}; }
  Endpoint* bound = nullptr;
};

constinit base::List<Endpoint, &Endpoint::in_abstract> abstract_names;

bool is_abstract(std::string_view address) { return address.empty() || address[0] == '\0'; }
std::string_view path_in(std::string_view address) { return address.substr(0, address.find('\0')); }

Endpoint* find_abstract(std::string_view address) {
  for (Endpoint& endpoint : abstract_names)
    if (endpoint.name.view() == address) return &endpoint;
  return nullptr;
}

// A name of five hexadecimal digits that is free.
Result<String> automatic_name() {
  static constinit std::uint32_t next = 0;
  constexpr std::uint32_t most = 1 << 20;
  for (std::uint32_t tries = 0; tries < most; ++tries) {
    next = (next + 1) % most;
    char digits[6] = {};
    for (std::uint32_t i = 0; i < 5; ++i) digits[1 + i] = "0123456789abcdef"[next >> (16 - 4 * i) & 15];
    const std::string_view name{digits, sizeof digits};
    if (find_abstract(name) == nullptr) return String::from(name);
  }
  return Fail{Errno::nospc};
}

Status bind_path(Endpoint& endpoint, std::string_view path) {
  const Walk walk = TRY(walk_at(at_fdcwd, path, walk_create | walk_parent));
  if (walk.inode) return Fail{Errno::addrinuse};
  if (!endpoint.name.empty()) return Fail{Errno::inval};
  if (walk.directory().fixed()) return Fail{Errno::perm};
  TRY_VOID(check_access(walk.directory(), may_write | may_execute, current_credentials()));
  String name = TRY(String::from(path));
  const std::uint32_t mode = mode_socket | (0777 & ~current().paths->umask);
  endpoint.node = TRY(walk.directory().create(walk.name, mode, 0, {}));
  // point of no return
  static_cast<SocketInode&>(*endpoint.node).bound = &endpoint;
  endpoint.name = std::move(name);
  notify_entry(*walk.parent, walk.name, *endpoint.node, in_create);
  return {};
}

}  // namespace

Inode* make_socket_inode() { return make<SocketInode>(); }

Status bind_name(Endpoint& endpoint, std::string_view address) {
  if (!is_abstract(address)) return bind_path(endpoint, path_in(address));
  if (!endpoint.name.empty()) return Fail{Errno::inval};
  if (find_abstract(address) != nullptr) return Fail{Errno::addrinuse};
  endpoint.name = address.empty() ? TRY(automatic_name()) : TRY(String::from(address));
  abstract_names.push_back(endpoint);
  return {};
}

Result<EndpointRef> find_name(std::string_view address, std::uint32_t type) {
  if (address.empty()) return Fail{Errno::inval};
  Endpoint* found = nullptr;
  if (is_abstract(address)) {
    found = find_abstract(address);
  } else {
    const Walk walk = TRY(walk_at(at_fdcwd, path_in(address), walk_follow));
    TRY_VOID(check_access(*walk.inode, may_write, current_credentials()));
    if (walk.inode->is(mode_socket)) found = static_cast<SocketInode&>(*walk.inode).bound;
  }
  if (found == nullptr) return Fail{Errno::connrefused};
  if (found->type != type) return Fail{is_abstract(address) ? Errno::connrefused : Errno::prototype};
  return EndpointRef{found};
}

void release_name(Endpoint& endpoint) {
  if (endpoint.in_abstract.linked()) endpoint.in_abstract.unlink();
  if (endpoint.node) static_cast<SocketInode&>(*endpoint.node).bound = nullptr;
  endpoint.node = {};
}

}  // namespace exos
