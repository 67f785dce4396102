// SPDX-License-Identifier: MIT
#include "exo/tree.hpp"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <memory>
#include <vector>

namespace exo {
namespace {

constexpr int link_limit = 40;  // as Linux: more is a loop

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (end > start) parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

std::string without_slash(const std::string& guest) {
  return guest.starts_with('/') ? guest.substr(1) : guest;
}

std::string read_link(const std::string& host) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlink(host.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return target;
}

// Puts the components of `target` before the rest of a walk; `walked` becomes the root again when the target is
// absolute.
void follow(const std::string& target, std::string& walked, std::deque<std::string>& rest) {
  if (target.starts_with('/')) walked.clear();
  auto parts = components(target);
  rest.insert(rest.begin(), parts.begin(), parts.end());
}

void step_up(std::string& walked) {
  const std::size_t slash = walked.rfind('/');
  walked.resize(slash == std::string::npos ? 0 : slash);
}

}  // namespace

std::string normal_path(const std::string& path, const std::string& base) {
  const std::filesystem::path whole = path.starts_with('/') ? path : base + "/" + path;
  std::string normal = whole.lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

Tree::Tree() { nodes_.emplace("", Node{}); }

Node Tree::node_of(const std::string& host, const struct stat& status) {
  Node node{.host = host, .mode = status.st_mode & 07777u, .uid = status.st_uid, .gid = status.st_gid,
            .mtime = static_cast<std::uint32_t>(status.st_mtime), .device = status.st_dev, .inode = status.st_ino,
            .links = static_cast<std::uint32_t>(status.st_nlink)};
  if (S_ISDIR(status.st_mode)) node.kind = Node::Kind::directory;
  else if (S_ISREG(status.st_mode))
    node.kind = Node::Kind::file, node.size = static_cast<std::uint64_t>(status.st_size);
  else if (S_ISLNK(status.st_mode)) node.kind = Node::Kind::link, node.text = read_link(host);
  else node.kind = Node::Kind::pipe;
  return node;
}

Result<std::string> Tree::add_path(const std::string& host) {
  std::deque<std::string> rest = components(host);
  std::string walked;
  for (int links = 0; !rest.empty();) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      step_up(walked);
      continue;
    }
    const std::string key = joined(walked, name);
    struct stat status{};
    if (::lstat(("/" + key).c_str(), &status) != 0) return fail_errno("cannot read /" + key);
    const bool known = nodes_.contains(key);
    if (!known) nodes_.emplace(key, node_of("/" + key, status));
    if (S_ISLNK(status.st_mode)) {
      if (++links > link_limit) return fail(own_failure, host + ": symbolic links without an end");
      follow(nodes_.at(key).text, walked, rest);
      continue;
    }
    if (S_ISREG(status.st_mode) && ::access(("/" + key).c_str(), R_OK) != 0) {
      if (!known) nodes_.erase(key);
      return fail_errno("cannot read /" + key);
    }
    walked = key;
  }
  return "/" + walked;
}

Status Tree::add_entry(const std::string& host, const std::string& key, const Filter& filter, Unreadable unreadable) {
  struct stat status{};
  if (::lstat(host.c_str(), &status) != 0) return {};  // gone meanwhile
  if (S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) return {};
  if (filter && !filter(host, status)) return {};
  if (S_ISDIR(status.st_mode)) {
    nodes_.insert_or_assign(key, node_of(host, status));
    return add_folder(host, key, filter, unreadable);
  }
  if (S_ISREG(status.st_mode) && ::access(host.c_str(), R_OK) != 0) {
    if (unreadable == Unreadable::is_left_out) return {};
    return fail_errno("cannot read " + host);
  }
  nodes_.insert_or_assign(key, node_of(host, status));
  return {};
}

Status Tree::add_folder(const std::string& host, const std::string& guest, const Filter& filter,
                        Unreadable unreadable) {
  const std::string key = without_slash(guest);
  struct stat status{};
  if (::stat(host.c_str(), &status) != 0) return fail_errno("cannot read " + host);
  make_parents(key);
  nodes_.insert_or_assign(key, node_of(host, status));

  const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir(host.c_str()), &::closedir};
  if (folder == nullptr) {
    if (unreadable == Unreadable::is_left_out) return {};
    return fail_errno("cannot read " + host);
  }
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name == "." || name == "..") continue;
    const std::string below = host == "/" ? "/" + name : host + "/" + name;
    TRY_VOID(add_entry(below, joined(key, name), filter, unreadable));
  }
  return {};
}

Status Tree::add_file(const std::string& host, const std::string& guest) {
  struct stat status{};
  if (::stat(host.c_str(), &status) != 0 || ::access(host.c_str(), R_OK) != 0) return fail_errno("cannot read " + host);
  const std::string key = without_slash(guest);
  make_parents(key);
  nodes_.insert_or_assign(key, node_of(host, status));
  return {};
}

void Tree::add_text(const std::string& guest, std::string text, std::uint32_t mode) {
  const std::string key = without_slash(guest);
  make_parents(key);
  const std::uint64_t size = text.size();
  nodes_.insert_or_assign(key, Node{.kind = Node::Kind::text, .text = std::move(text), .mode = mode, .size = size});
}

void Tree::make_folder(const std::string& guest, std::uint32_t mode) {
  const std::string key = without_slash(guest);
  make_parents(key);
  nodes_.try_emplace(key, Node{.mode = mode});
}

void Tree::make_parents(const std::string& key) {
  for (std::size_t slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1))
    nodes_.try_emplace(key.substr(0, slash), Node{});
}

void Tree::remove(const std::string& guest) {
  const std::string key = without_slash(guest);
  if (key.empty()) {
    nodes_.clear();
    nodes_.emplace("", Node{});
    return;
  }
  nodes_.erase(key);
  const std::string below = key + "/";
  for (auto it = nodes_.lower_bound(below); it != nodes_.end() && it->first.starts_with(below);) it = nodes_.erase(it);
}

std::string Tree::resolve(const std::string& guest) const {
  std::deque<std::string> rest = components(guest);
  std::string walked;
  for (int links = 0; !rest.empty();) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      step_up(walked);
      continue;
    }
    const std::string key = joined(walked, name);
    const auto it = nodes_.find(key);
    if (it != nodes_.end() && it->second.kind == Node::Kind::link && ++links <= link_limit)
      follow(it->second.text, walked, rest);
    else
      walked = key;
  }
  return "/" + walked;
}

const Node* Tree::find(const std::string& guest) const {
  const auto it = nodes_.find(without_slash(resolve(guest)));
  return it == nodes_.end() ? nullptr : &it->second;
}

}  // namespace exo
