// SPDX-License-Identifier: MIT
// The calls on extended attributes: user.* for who may read and write a file or directory, trusted.* and security.* for root.
#include "libos/exos/fs/extended.hpp"
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/inotify.hpp"

namespace exos {
namespace {

enum class Wants { read, write };

// Whether this inode may have such an attribute, and this process see or change it.
Status check_attribute(const Inode& inode, std::string_view name, Wants wants) {
  const FileSystem* fs = inode.file_system;
  if (fs != &root_fs && fs != &device_fs && fs != &shared_memory_fs) return Fail{Errno::opnotsupp};
  const Credentials who = current_credentials();
  if (name.starts_with("security.")) return wants == Wants::write && who.uid != 0 ? Status{Fail{Errno::perm}} : Status{};
  if (name.starts_with("trusted.")) return who.uid == 0 ? Status{} : Status{Fail{wants == Wants::write ? Errno::perm : Errno::nodata}};
  if (!name.starts_with("user.")) return Fail{Errno::opnotsupp};
  if (!inode.is(mode_regular) && !inode.is(mode_directory)) return Fail{wants == Wants::write ? Errno::perm : Errno::nodata};
  return check_access(inode, wants == Wants::write ? may_write : may_read, who);
}

Result<String> name_from(std::uint64_t address) {
  String name = TRY(copy_in_string(address, attribute_name_limit, Errno::range));
  if (name.empty()) return Fail{Errno::range};
  const std::string_view text = name.view();
  if (text == "user." || text == "trusted." || text == "security.") return Fail{Errno::inval};
  return name;
}

CallResult set_attribute(Inode& inode, const Arguments& a) {
  if ((low(a.e) & ~(attribute_create | attribute_replace)) != 0) return Fail{Errno::inval};
  String name = TRY(name_from(a.b));
  if (a.d > attribute_value_limit) return Fail{Errno::too_big};
  Vector<char> bytes;
  TRY_VOID(bytes.resize(static_cast<std::size_t>(a.d)));
  TRY_VOID(copy_in(bytes.data(), a.c, bytes.size()));
  TRY_VOID(check_attribute(inode, name.view(), Wants::write));
  String value = TRY(String::from({bytes.data(), bytes.size()}));
  if (inode.attributes == nullptr) inode.attributes = make<ExtendedAttributes>();
  if (inode.attributes == nullptr) return Fail{Errno::nospc};
  TRY_VOID(inode.attributes->set(std::move(name), std::move(value), low(a.e)));
  inode.changed = wall_time();
  notify(inode, in_attrib);
  return 0;
}

// Answers `text`, or only its size when there is no room at all.
CallResult answer(std::string_view text, std::uint64_t address, std::uint64_t room) {
  if (room == 0) return text.size();
  if (room < text.size()) return Fail{Errno::range};
  TRY_VOID(copy_out(address, text.data(), text.size()));
  return text.size();
}

CallResult get_attribute(const Inode& inode, const Arguments& a) {
  const String name = TRY(name_from(a.b));
  TRY_VOID(check_attribute(inode, name.view(), Wants::read));
  const auto* found = inode.attributes == nullptr ? nullptr : inode.attributes->find(name.view());
  if (found == nullptr) return Fail{Errno::nodata};
  return answer(found->value.view(), a.c, a.d);
}

CallResult list_attributes(const Inode& inode, const Arguments& a) {
  String text;
  if (inode.attributes != nullptr) {
    for (const auto& attribute : inode.attributes->all()) {
      if (attribute.name.view().starts_with("trusted.") && current_credentials().uid != 0) continue;
      TRY_VOID(text.append(attribute.name.view()));
      TRY_VOID(text.append(std::string_view{"\0", 1}));
    }
  }
  return answer(text.view(), a.b, a.c);
}

CallResult remove_attribute(Inode& inode, const Arguments& a) {
  const String name = TRY(name_from(a.b));
  TRY_VOID(check_attribute(inode, name.view(), Wants::write));
  if (inode.attributes == nullptr) return Fail{Errno::nodata};
  TRY_VOID(inode.attributes->remove(name.view()));
  inode.changed = wall_time();
  notify(inode, in_attrib);
  return 0;
}

Result<InodeRef> inode_at(std::uint64_t path, std::uint32_t walk_flags) { return TRY(walk_at(at_fdcwd, path, walk_flags)).inode; }
Result<InodeRef> inode_of(std::uint64_t fd) {
  const FileRef file = TRY(file_of(fd));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  return file->inode;
}

}  // namespace

CallResult linux_setxattr(const Arguments& a) { return set_attribute(*TRY(inode_at(a.a, walk_follow)), a); }
CallResult linux_lsetxattr(const Arguments& a) { return set_attribute(*TRY(inode_at(a.a, 0)), a); }
CallResult linux_fsetxattr(const Arguments& a) { return set_attribute(*TRY(inode_of(a.a)), a); }
CallResult linux_getxattr(const Arguments& a) { return get_attribute(*TRY(inode_at(a.a, walk_follow)), a); }
CallResult linux_lgetxattr(const Arguments& a) { return get_attribute(*TRY(inode_at(a.a, 0)), a); }
CallResult linux_fgetxattr(const Arguments& a) { return get_attribute(*TRY(inode_of(a.a)), a); }
CallResult linux_listxattr(const Arguments& a) { return list_attributes(*TRY(inode_at(a.a, walk_follow)), a); }
CallResult linux_llistxattr(const Arguments& a) { return list_attributes(*TRY(inode_at(a.a, 0)), a); }
CallResult linux_flistxattr(const Arguments& a) { return list_attributes(*TRY(inode_of(a.a)), a); }
CallResult linux_removexattr(const Arguments& a) { return remove_attribute(*TRY(inode_at(a.a, walk_follow)), a); }
CallResult linux_lremovexattr(const Arguments& a) { return remove_attribute(*TRY(inode_at(a.a, 0)), a); }
CallResult linux_fremovexattr(const Arguments& a) { return remove_attribute(*TRY(inode_of(a.a)), a); }

}  // namespace exos
