// SPDX-License-Identifier: MIT
// The roots of /proc and /sys, and the building blocks of their nodes.
#include "libos/exos/fs/proc.hpp"

#include "libos/exos/fs/proc_nodes.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

// What is written to it, where it may be, is handed over as it is.
class MadeText final : public TextFile {
 public:
  MadeText(const TextEntry& entry, const Subject& subject) : make_{entry.make}, take_{entry.take}, subject_{subject} {}
  [[nodiscard]] Status start() { return refresh(); }
  CallResult write(Buffer& buffer) override {
    if (take_ == nullptr) return Fail{Errno::badf};
    char text[256];
    const std::size_t n = buffer.left() < sizeof text ? buffer.left() : sizeof text;
    TRY_VOID(buffer.take(text, n));
    TRY_VOID(take_({text, n}, subject_));
    buffer.skip(buffer.left());
    return n;
  }
  CallResult write_at(std::uint64_t, Buffer& buffer) override { return write(buffer); }

 private:
  Result<String> make_text() override {
    Report report;
    TRY_VOID(make_(report, subject_));
    return report.take();
  }
  TextMaker make_;
  TextTaker take_;
  Subject subject_;
};

class TextInode final : public SpecialInode {
 public:
  TextInode(const TextEntry& entry, const Subject& subject) : entry_{entry}, subject_{subject} {}
  Status truncate(std::uint64_t) override { return {}; }   // O_TRUNC of a writable one
  Result<FileRef> open(std::uint32_t flags) override {
    if ((flags & o_accmode) != o_rdonly && entry_.take == nullptr) return Fail{Errno::acces};
    FileRef file = TRY(make_file<MadeText>(*this, flags, entry_, subject_));
    TRY_VOID(static_cast<MadeText&>(*file).start());
    return file;
  }

 private:
  TextEntry entry_;
  Subject subject_;
};

class LinkInode final : public SpecialInode {
 public:
  LinkInode(const Subject& subject, LinkMaker target, LinkFinder find) : subject_{subject}, target_{target}, find_{find} {}
  Result<String> link_target() override { return target_(subject_); }
  Result<InodeRef> link_inode() override {
    if (find_ == nullptr) return Fail{Errno::nodata};
    return find_(subject_);
  }

 private:
  Subject subject_;
  LinkMaker target_;
  LinkFinder find_;
};

class ProcRoot final : public SyntheticDirectory {
 public:
  InodeRef fixed_part;      // a MemoryDirectory with all that is not about a process

  Result<InodeRef> lookup(std::string_view entry) override;
  Status list(std::uint64_t position, EntrySink& sink) override;
};

Result<String> self_target(const Subject&) {
  base::Text<16> text{"{}", current_process().pid};
  return String::from(text.view());
}
Result<String> thread_self_target(const Subject&) {
  base::Text<40> text{"{}/task/{}", current_process().pid, current().tid};
  return String::from(text.view());
}

Result<InodeRef> ProcRoot::lookup(std::string_view entry) {
  if (entry == "self") return make_link_inode(process_fs, {}, self_target, nullptr);
  if (entry == "thread-self") return make_link_inode(process_fs, {}, thread_self_target, nullptr);
  const Result<std::uint32_t> number = number_from(entry);
  if (!number.has_value()) return static_cast<Directory&>(*fixed_part).lookup(entry);
  const Task* task = find_process(*number) != nullptr ? nullptr : find_task(*number);
  if (task == nullptr && find_process(*number) == nullptr) return Fail{Errno::noent};
  const std::uint32_t pid = task != nullptr ? task->process->pid : *number;
  return make_process_directory({pid, *number}, InodeRef{this});
}

// Entries of the fixed part keep their positions; processes come behind, at this plus their number.
constexpr std::uint64_t first_process_position = std::uint64_t{1} << 32;

class WithoutDots final : public EntrySink {
 public:
  explicit WithoutDots(EntrySink& sink) : sink_{sink} {}
  bool entry(std::string_view name, std::uint64_t number, std::uint32_t mode, std::uint64_t next) override {
    if (name == "." || name == "..") return true;
    return stopped = !sink_.entry(name, number, mode, next), !stopped;
  }
  bool stopped = false;

 private:
  EntrySink& sink_;
};

Status ProcRoot::list(std::uint64_t position, EntrySink& sink) {
  if (!list_dots(position, sink)) return {};
  if (position < first_process_position) {
    WithoutDots rest{sink};
    TRY_VOID(static_cast<Directory&>(*fixed_part).list(position, rest));
    if (rest.stopped) return {};
    if (!sink.entry("self", 2, mode_link, first_process_position)) return {};
    position = first_process_position;
  }
  // The table is not sorted: the lowest number at or above the position, again and again.
  for (;;) {
    std::uint64_t lowest = ~std::uint64_t{0};
    for (const Process& process : processes()) {
      const std::uint64_t at = first_process_position + process.pid;
      if (at >= position && at < lowest) lowest = at;
    }
    if (lowest == ~std::uint64_t{0}) return {};
    base::Text<16> name{"{}", lowest - first_process_position};
    if (!sink.entry(name.view(), lowest, mode_directory, lowest + 1)) return {};
    position = lowest + 1;
  }
}

}  // namespace

Result<std::uint32_t> number_from(std::string_view text) {
  if (text.empty() || text.size() > 9) return Fail{Errno::inval};
  std::uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return Fail{Errno::inval};
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return number;
}

Result<InodeRef> make_text_inode(FileSystem& fs, const TextEntry& entry, const Subject& subject) {
  auto* inode = make<TextInode>(entry, subject);
  if (inode == nullptr) return Fail{Errno::nomem};
  initialise_inode(*inode, fs, mode_regular | entry.mode);
  return InodeRef{inode};
}

Result<InodeRef> make_link_inode(FileSystem& fs, const Subject& subject, LinkMaker target, LinkFinder find) {
  auto* inode = make<LinkInode>(subject, target, find);
  if (inode == nullptr) return Fail{Errno::nomem};
  initialise_inode(*inode, fs, mode_link | 0777);
  return InodeRef{inode};
}

Result<InodeRef> FixedTree::directory(std::string_view path) {
  InodeRef at = root_;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    auto& directory = static_cast<Directory&>(*at);
    Result<InodeRef> next = directory.lookup(name);
    at = next.has_value() ? std::move(*next) : TRY(directory.create(name, mode_directory | 0555, 0, {}));
  }
  return at;
}

Status FixedTree::add_directory(std::string_view path) {
  static_cast<void>(TRY(directory(path)));
  return {};
}

Status FixedTree::add(std::string_view path, const TextEntry& entry) {
  InodeRef at = TRY(directory(path));
  InodeRef text = TRY(make_text_inode(*root_->file_system, entry, {}));
  return static_cast<Directory&>(*at).enter(entry.name, *text);
}

namespace {

class Freezer final : public EntrySink {
 public:
  explicit Freezer(Directory& directory) : directory_{directory} {}
  bool entry(std::string_view name, std::uint64_t, std::uint32_t mode, std::uint64_t) override {
    if (name == "." || name == ".." || (mode & mode_type) != mode_directory) return true;
    if (Result<InodeRef> below = directory_.lookup(name); below.has_value()) freeze(**below);
    return true;
  }

 private:
  Directory& directory_;
};

}  // namespace

void freeze(Inode& directory) {
  auto& own = static_cast<MemoryDirectory&>(directory);
  Freezer freezer{own};
  static_cast<void>(own.list(0, freezer));
  own.freeze();
}

Result<InodeRef> make_proc_root() {
  auto* root = make<ProcRoot>();
  if (root == nullptr) return Fail{Errno::nomem};
  InodeRef owned{root};
  root->initialise(process_fs, 0555, {});
  root->fixed_part = TRY(make_memory_inode(process_fs, mode_directory | 0555, 0));
  FixedTree tree{root->fixed_part};
  TRY_VOID(fill_proc(tree));
  freeze(*root->fixed_part);
  return owned;
}

Result<InodeRef> make_sys_root() {
  InodeRef root = TRY(make_memory_inode(system_fs, mode_directory | 0555, 0));
  FixedTree tree{root};
  TRY_VOID(fill_sys(tree));
  freeze(*root);
  return root;
}

}  // namespace exos
