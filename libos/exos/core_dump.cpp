// SPDX-License-Identifier: MIT
#include "libos/exos/core_dump.hpp"

#include "base/elf.hpp"
#include "base/format.hpp"
#include "libos/exos/core_notes.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/fs/path.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/protection_keys.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/sched.hpp"

namespace exos {

namespace {

using abi::link::Channel;
using abi::link::Core;

constexpr std::uint32_t rlimit_core = 4;
constexpr std::size_t longest_pattern = 127;
constexpr std::uint64_t widest_hole = 64 << 20;    // pages that were never touched, further apart than this, end a segment
constexpr std::size_t most_segments = 60000;       // e_phnum has 16 bits
constexpr std::uint64_t room = 32;                 // pages
constinit String pattern;
constinit bool under_way = false;                  // one at a time: on the link they would mix

// Where the bytes go, in order; what is skipped reads as zeros.
class Sink {
 public:
  Status open(std::string_view name) {
    if (sends_) return send(Core::begin, name.data(), name.size());
    file_ = TRY(open_file(at_fdcwd, name, o_wronly | o_creat | o_trunc | o_nofollow, 0600));
    return file_->inode->is(mode_regular) && file_->inode->links == 1 ? Status{} : Status{Fail{Errno::perm}};
  }
  Status put(Buffer bytes) {
    if (sends_) return TRY(link::send_from(Channel::core, static_cast<std::uint8_t>(Core::data), bytes)) != 0 && bytes.left() == 0
                           ? Status{} : Status{Fail{Errno::intr}};
    if (bytes.left() > limit_) return Fail{Errno::fbig};
    limit_ -= bytes.left();
    while (bytes.left() > 0) at_ += TRY(write(bytes));
    return {};
  }
  Status put(const void* from, std::size_t size) { return put(Buffer::memory(const_cast<void*>(from), size)); }
  Status skip(std::uint64_t size) {
    at_ += size;
    return sends_ && size != 0 ? send(Core::skip, &size, sizeof size) : Status{};
  }
  Status finish() {
    if (sends_) return send(Core::end, nullptr, 0);
    return file_->inode->size < at_ ? file_->inode->truncate(at_) : Status{};
  }

 private:
  static Status send(Core kind, const void* bytes, std::size_t size) {
    link::send_now(Channel::core, static_cast<std::uint8_t>(kind), bytes, size);
    return {};
  }
  CallResult write(Buffer& bytes) {
    CallResult done = file_->inode->write(at_, bytes);
    if (!done && done.error() == Errno::nomem && pager::make_room(room)) done = file_->inode->write(at_, bytes);
    if (done && *done == 0) return Fail{Errno::nospc};
    return done;
  }
  const bool sends_ = run_description().core;
  FileRef file_;
  std::uint64_t at_ = 0, limit_ = current_process().limits[rlimit_core][0];
};

struct Segment {
  std::uint64_t start = 0, size = 0, in_file = 0;
  std::uint32_t prot = 0;
};

// The first page at or behind `from` whose contents are the process's own, wherever they are; of nameless files, what it has seen.
std::uint64_t next_own_page(const Memory& memory, const Vma& area, std::uint64_t from) {
  std::uint64_t found = area.end;
  if (area.stubs || area.prot == 0) return found;
  for_each_present(from, area.end, [&](std::uint64_t at, std::uint64_t entry) {
    if ((entry & pte_file) != 0 && area.path) return true;
    found = at;
    return false;
  });
  if (const SwapEntry* entry = memory.swapped.at_or_after(from / abi::page_size); entry != nullptr)
    found = std::min(found, entry->page * abi::page_size);
  return found;
}

// By the first page of a file it is known which build of it this was.
bool shows_header(const Vma& area) {
  return area.path && !area.stubs && area.file_page == 0 && area.inode->size != 0 && (area.prot & prot_read) != 0;
}

std::uint64_t next_page(const Memory& memory, const Vma& area, std::uint64_t from) {
  return from == area.start && shows_header(area) ? from : next_own_page(memory, area, from);
}

// Pages between those that are there read as zeros where no file lies below.
Status add_segments(const Memory& memory, const Vma& area, Vector<Segment>& to) {
  const std::uint64_t hole = area.inode ? 0 : widest_hole;
  std::uint64_t done = area.start;
  for (std::uint64_t at = next_page(memory, area, done); at < area.end;) {
    const std::uint64_t start = at - done <= hole ? done : at;
    std::uint64_t end = at + abi::page_size;
    while ((at = next_page(memory, area, end)) < area.end && at - end <= hole) end = at + abi::page_size;
    if (at == area.end && at - end <= hole) end = at;
    TRY_VOID(to.push_back({start, end - start, end - start, area.prot}));
    done = end;
  }
  return done == area.start ? to.push_back({area.start, area.end - area.start, 0, area.prot}) : Status{};
}

Status put_segment(Sink& sink, const Memory& memory, const Segment& segment, const Vma& area) {
  const std::uint64_t end = segment.start + segment.in_file;
  for (std::uint64_t at = segment.start; at < end; at += abi::page_size) {
    const std::uint64_t page = std::min(next_page(memory, area, at), end);
    TRY_VOID(sink.skip(page - at));
    if ((at = page) < end) TRY_VOID(sink.put(Buffer::user(page, abi::page_size)));
  }
  return {};
}

base::elf::ProgramHeader header_of(const Segment& s, std::uint64_t offset) {
  using namespace base::elf;
  const std::uint32_t flags = ((s.prot & prot_read) != 0 ? pf_r : 0) | ((s.prot & prot_write) != 0 ? pf_w : 0) | ((s.prot & prot_exec) != 0 ? pf_x : 0);
  return {.type = pt_load, .flags = flags, .offset = offset, .vaddr = s.start, .paddr = 0, .filesz = s.in_file,
          .memsz = s.size, .align = abi::page_size};
}

Status put_headers(Sink& sink, const Vector<Segment>& segments, std::uint64_t notes) {
  using namespace base::elf;
  constexpr std::uint16_t type_core = 4;
  FileHeader file{.type = type_core, .machine = machine_x86_64, .version = 1, .phoff = sizeof(FileHeader), .ehsize = sizeof(FileHeader),
                  .phentsize = sizeof(ProgramHeader), .phnum = static_cast<std::uint16_t>(segments.size() + 1)};
  constexpr std::uint8_t ident[]{0x7f, 'E', 'L', 'F', 2, 1, 1};
  std::memcpy(&file, ident, sizeof ident);
  TRY_VOID(sink.put(&file, sizeof file));
  const std::uint64_t notes_at = sizeof file + (segments.size() + 1) * sizeof(ProgramHeader);
  const ProgramHeader note{.type = pt_note, .offset = notes_at, .filesz = notes, .align = 4};
  TRY_VOID(sink.put(&note, sizeof note));
  std::uint64_t offset = base::align_up(notes_at + notes, abi::page_size);
  for (const Segment& segment : segments) {
    const ProgramHeader header = header_of(segment, offset);
    TRY_VOID(sink.put(&header, sizeof header));
    offset += segment.in_file;
  }
  return {};
}

// core_pattern's letters replaced.
void print_name(base::TextBuffer& name, std::string_view from, std::uint32_t signal) {
  const Process& process = current_process();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != '%' || i + 1 == from.size()) { name.append(from[i]); continue; }
    switch (from[++i]) {
      case 'p': case 'P': name.print("{}", process.pid); break;
      case 'e': case 'f':
        for (const char* c = current().name; *c != '\0'; ++c) name.append(*c == '/' ? '!' : *c);
        break;
      case 's': name.print("{}", signal); break;
      case 't': name.print("{}", wall_now_ns() / 1'000'000'000); break;
      case 'u': name.print("{}", process.uid); break;
      case 'g': name.print("{}", process.gid); break;
      case 'h': name.print("{}", run_description().hostname.view()); break;
      case '%': name.append('%'); break;
      default: break;
    }
  }
}

Status write(CoreNotes& notes, const SignalInfo& info) {
  const Memory& memory = *current_process().memory;
  const std::span<std::byte> note = TRY(notes.take());
  Vector<Segment> segments;
  for (const Vma* area : memory.areas)
    if (segments.size() < most_segments) TRY_VOID(add_segments(memory, *area, segments));
  Sink sink;
  base::Text<256> name;
  print_name(name, run_description().core ? "core.%e.%p" : core_pattern(), static_cast<std::uint32_t>(info.signo));
  TRY_VOID(sink.open(name.view()));
  TRY_VOID(put_headers(sink, segments, note.size()));
  TRY_VOID(sink.put(note.data(), note.size()));
  const std::uint64_t used = sizeof(base::elf::FileHeader) + (segments.size() + 1) * sizeof(base::elf::ProgramHeader) + note.size();
  TRY_VOID(sink.skip(base::align_up(used, abi::page_size) - used));
  for (const Segment& segment : segments)
    if (segment.in_file != 0) TRY_VOID(put_segment(sink, memory, segment, *memory.areas[memory.index_of(segment.start)]));
  return sink.finish();
}

void say_lost(Errno why) {
  const base::Text<160> line{"exo: no core of {} (pid {}): error {}", current_process().memory->executable.view(), current_process().pid,
                             static_cast<std::int32_t>(why)};
  link::log_line(line.view());
}

}  // namespace

bool dump_core(const SignalInfo& info) {
  const keys::Opened opened;
  Task& task = current();
  Process& process = *task.process;
  const bool wanted = run_description().core || process.limits[rlimit_core][0] >= abi::page_size;
  if (!wanted || process.group_exit) return false;
  static_cast<void>(pager::make_room(room));   // for notes and segments, where memory was short
  CoreNotes notes;
  notes.add_thread(task, info.signo);
  notes.add_process(process, info);   // here: what stands behind a thread's registers is that thread's
  process.core = &notes;
  process.group_exit = true;
  process.exit_status = static_cast<std::uint32_t>(info.signo);
  kill_other_tasks(process);
  task.signals.mask = ~std::uint64_t{0};   // nothing but SIGKILL interrupts it
  while ((process.tasks_alive > 1 || under_way) && !task.exiting_by_kill) sched::end_turn();
  bool whole = false;
  if (!task.exiting_by_kill) {
    under_way = true;
    const Status written = write(notes, info);
    under_way = false;
    whole = written.has_value();
    if (!whole && written.error() != Errno::fbig) say_lost(written.error());
  }
  process.core = nullptr;
  if (whole) process.exit_status |= 0x80;
  return whole;
}

void add_to_core(CoreNotes& notes, Task& task) { notes.add_thread(task, 0); }

std::string_view core_pattern() { return pattern.empty() ? std::string_view{"core"} : pattern.view(); }

Status set_core_pattern(std::string_view text) {
  if (text.size() > longest_pattern || text.starts_with('|')) return Fail{Errno::inval};
  pattern = TRY(String::from(text));
  return {};
}

}  // namespace exos
