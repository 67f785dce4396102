// SPDX-License-Identifier: MIT
#include "libos/exos/exec.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "base/elf.hpp"
#include "base/format.hpp"
#include "base/guard.hpp"
#include "libos/exos/futex.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/posix_timers.hpp"
#include "libos/exos/protection_keys.hpp"
#include "libos/exos/quick_calls.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/trace/trace.hpp"
#include "libos/exos/vdso.hpp"
#include "libos/rt/calls.hpp"

// A place for a debugger: the current process's program is there, and runs next.
extern "C" [[gnu::noinline, gnu::used]] void exos_program_starts();
extern "C" void exos_program_starts() { asm volatile(""); }

namespace exos {

namespace {

namespace elf = base::elf;
using elf::ProgramHeader;

constexpr std::size_t head_size = abi::page_size;    // program headers must lie within
constexpr std::uint64_t largest_stack = 64 << 20, smallest_stack = 128 << 10, stack_gap = 1 << 20;
constexpr int script_depth = 5;

// The start of a file that may be a program.
class Head {
 public:
  Head() = default;
  Head(Head&& o) noexcept : bytes_{std::exchange(o.bytes_, nullptr)}, size_{o.size_} {}
  Head& operator=(Head&&) = delete;
  ~Head() { release(bytes_); }
  [[nodiscard]] static Result<Head> read(Inode& inode) {
    Head head;
    head.bytes_ = static_cast<std::byte*>(allocate(head_size));
    if (head.bytes_ == nullptr) return Fail{Errno::nomem};
    Buffer buffer = Buffer::memory(head.bytes_, head_size);
    head.size_ = TRY(inode.read(0, buffer));
    return head;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {bytes_, size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes_), size_}; }

 private:
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

// The rest of a segment's last file page: to the page's end, beyond .bss too, where ld.so's first allocations go.
struct ZeroRange { std::uint64_t start, end; };

struct Mapped {
  std::uint64_t bias = 0, entry = 0, start = 0, end = 0;
  std::uint64_t headers = 0, header_count = 0;
  Vector<ZeroRange> to_zero;
};

std::uint32_t prot_of(std::uint32_t flags) {
  return ((flags & elf::pf_r) != 0 ? prot_read : 0) | ((flags & elf::pf_w) != 0 ? prot_write : 0) |
         ((flags & elf::pf_x) != 0 ? prot_exec : 0);
}

Status map_segment(Memory& memory, const InodeRef& inode, const ProgramHeader& s, Mapped& out) {
  const std::uint64_t va = s.vaddr + out.bias, first = base::align_down(va, abi::page_size);
  const std::uint64_t file_end = va + s.filesz, end = base::align_up(va + s.memsz, abi::page_size);
  constexpr std::uint32_t flags = map_private | map_fixed;
  std::uint64_t anonymous_start = first;
  if (s.filesz != 0) {
    anonymous_start = base::align_up(file_end, abi::page_size);
    static_cast<void>(TRY(memory.map(first, anonymous_start - first, prot_of(s.flags), flags, inode, s.offset & ~(abi::page_size - 1))));
    // To the page's end, not only to the segment's: ld.so allocates from there on and takes it for zero, as on Linux.
    if (s.memsz > s.filesz && file_end != anonymous_start && (s.flags & elf::pf_w) != 0)
      TRY_VOID(out.to_zero.push_back({file_end, anonymous_start}));
  }
  if (end > anonymous_start)
    static_cast<void>(TRY(memory.map(anonymous_start, end - anonymous_start, prot_of(s.flags), flags | map_anonymous, {}, 0)));
  return {};
}

// Maps the segments. `base`: where a position-independent file goes; 0: anywhere.
Result<Mapped> map_file(Memory& memory, const InodeRef& inode, const elf::View& view, std::uint64_t base) {
  Mapped out;
  std::uint64_t low = ~std::uint64_t{0}, high = 0;
  for (const ProgramHeader& s : view.segments) {
    if (s.type != elf::pt_load || s.memsz == 0) continue;
    low = std::min(low, base::align_down(s.vaddr, abi::page_size));
    high = std::max(high, base::align_up(s.vaddr + s.memsz, abi::page_size));
  }
  if (low >= high) return Fail{Errno::noexec};
  const std::uint64_t stubs = stub_space(*inode);
  if (view.header->type == elf::type_dyn) {
    if (base == 0) base = memory.find_gap(high - low + stubs);
    if (base == 0) return Fail{Errno::nomem};
    out.bias = base - low;
  }
  if (!is_program_range(low + out.bias, high - low)) return Fail{Errno::nomem};
  for (const ProgramHeader& s : view.segments) {
    if (s.type != elf::pt_load || s.memsz == 0) continue;
    TRY_VOID(map_segment(memory, inode, s, out));
    if (view.header->phoff >= s.offset && view.header->phoff < s.offset + s.filesz)
      out.headers = s.vaddr + out.bias + (view.header->phoff - s.offset);
  }
  out.entry = view.header->entry + out.bias;
  out.start = low + out.bias;
  out.end = high + out.bias;
  out.header_count = view.header->phnum;
  map_stubs(memory, inode, out.start, out.end - out.start);
  return out;
}

Result<String> interpreter_of(Inode& inode, const elf::View& view) {
  for (const ProgramHeader& s : view.segments) {
    if (s.type != elf::pt_interp) continue;
    char path[256];
    if (s.filesz < 2 || s.filesz > sizeof path) return Fail{Errno::noexec};
    Buffer buffer = Buffer::memory(path, s.filesz);
    if (TRY(inode.read(s.offset, buffer)) != s.filesz || path[s.filesz - 1] != '\0') return Fail{Errno::noexec};
    return String::from({path, s.filesz - 1});
  }
  return String{};
}

// "#!interpreter [argument]": the request becomes one for the interpreter.
Status apply_script(std::string_view head, ExecRequest& request) {
  constexpr std::size_t longest_line = 255;
  std::string_view line = head.substr(2, longest_line);
  const std::size_t line_end = line.find('\n');
  if (line_end == std::string_view::npos && head.size() > longest_line + 2) return Fail{Errno::noexec};
  line = line.substr(0, line_end);
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  std::size_t name_end = 0;
  while (name_end < line.size() && !is_blank(line[name_end])) ++name_end;
  if (name_end == 0) return Fail{Errno::noexec};
  std::string_view argument = line.substr(name_end);
  while (!argument.empty() && is_blank(argument.front())) argument.remove_prefix(1);

  String script = std::move(request.path);
  if (!request.arguments.empty()) request.arguments.erase(0);
  TRY_VOID(request.arguments.insert(0, std::move(script)));
  if (!argument.empty()) TRY_VOID(request.arguments.insert(0, TRY(String::from(argument))));
  TRY_VOID(request.arguments.insert(0, TRY(String::from(line.substr(0, name_end)))));
  request.path = TRY(String::from(line.substr(0, name_end)));
  request.dirfd = static_cast<std::uint64_t>(-100);
  return {};
}

struct Program {
  Executable file, interpreter;
  Head head, interpreter_head;
};

void place_stack(Memory& memory) {
  const std::uint64_t wanted = current_process().limits[3][0];  // RLIMIT_STACK
  const std::uint64_t size = base::align_up(std::clamp(wanted, smallest_stack, largest_stack), abi::page_size);
  memory.stack_top = abi::map::program_end - vdso_size;
  memory.stack_limit = memory.stack_top - size;
  memory.mmap_top = memory.stack_limit - stack_gap;
}

// Areas of the new address space; nothing is in them yet.
Result<LoadedProgram> lay_out(Memory& memory, const Program& program, Vector<ZeroRange>& to_zero) {
  const auto view = elf::check(program.head.bytes(), program.file.inode->size);
  if (!view) return Fail{Errno::noexec};
  place_stack(memory);
  static_cast<void>(TRY(memory.map(memory.stack_limit, memory.stack_top - memory.stack_limit, prot_read | prot_write,
                                   map_private | map_anonymous | map_growsdown | map_fixed | map_noreserve, {}, 0)));
  Mapped main = TRY(map_file(memory, program.file.inode, *view, abi::map::program_base));
  memory.name_areas(main.start, main.end, program.file.path.view());
  memory.break_start = memory.break_now = main.end + stub_space(*program.file.inode);
  memory.auxv_entry = main.entry;
  LoadedProgram loaded{.entry = main.entry, .program_entry = main.entry, .program_headers = main.headers,
                       .program_header_count = main.header_count, .vdso = TRY(map_vdso(memory))};
  to_zero = std::move(main.to_zero);
  if (!program.interpreter.inode) return loaded;
  const auto interpreter = elf::check(program.interpreter_head.bytes(), program.interpreter.inode->size);
  if (!interpreter) return Fail{Errno{80}};  // ELIBBAD
  Mapped second = TRY(map_file(memory, program.interpreter.inode, *interpreter, 0));
  memory.name_areas(second.start, second.end, program.interpreter.path.view());
  for (const ZeroRange& range : second.to_zero) TRY_VOID(to_zero.push_back(range));
  loaded.entry = second.entry;
  loaded.interpreter_base = second.bias;
  return loaded;
}

void set_name(Task& task, std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  std::memset(task.name, 0, sizeof task.name);
  std::memcpy(task.name, name.data(), std::min(name.size(), sizeof task.name - 1));
}

// What a program loses when it becomes another. Nothing here can fail.
void forget_program(Process& process, Task& task) {
  if (process.actions->refs > 1) {
    // The other holder is a CLONE_SIGHAND task of another process; without memory for a copy both are reset.
    if (auto* copy = make<SignalActions>(*process.actions)) {
      copy->refs = 0;
      process.actions = Ref<SignalActions>{copy};
    }
  }
  reset_actions_for_exec(*process.actions);
  delete_timers(process);
  task.signals.stack_base = task.signals.stack_size = 0;
  task.signals.stack_flags = 2;
  task.clear_child_tid = task.robust_list = task.robust_size = task.rseq_area = 0;
  task.fs_base = 0;
  process.executed = true;
  process.dumpable = true;
}

void start_frame(Task& task, std::uint64_t entry, std::uint64_t stack) {
  *task.frame = {.call = ~std::uint64_t{0}, .rip = entry, .cs = 0x33, .rflags = 0x202, .rsp = stack, .ss = 0x2b, .vector = ~std::uint64_t{0}};
  task.frame_replaced = true;
  asm volatile("wrfsbase %0" : : "r"(std::uint64_t{0}));
  std::byte* buffer = vector_buffer(*task.area);
  make_initial_vector(buffer);
  load_vector(buffer);
  keys::set_initial_rights();
}

Result<Program> find_program(ExecRequest& request) {
  for (int depth = 0; depth < script_depth; ++depth) {
    Executable file = TRY(open_executable(request.dirfd, request.path.view()));
    Head head = TRY(Head::read(*file.inode));
    if (head.text().starts_with("#!")) {
      TRY_VOID(apply_script(head.text(), request));
      continue;
    }
    const auto view = elf::check(head.bytes(), file.inode->size);
    if (!view) return Fail{Errno::noexec};
    const String path = TRY(interpreter_of(*file.inode, *view));
    if (path.empty()) return Program{std::move(file), {}, std::move(head), {}};
    Executable interpreter = TRY(open_executable(static_cast<std::uint64_t>(-100), path.view()));
    Head interpreter_head = TRY(Head::read(*interpreter.inode));
    return Program{std::move(file), std::move(interpreter), std::move(head), std::move(interpreter_head)};
  }
  return Fail{Errno::loop};
}

}  // namespace

Status execute(ExecRequest request) {
  Task& task = current();
  Process& process = *task.process;
  Program program = TRY(find_program(request));
  Ref<Memory> fresh = TRY(Memory::create());
  Vector<ZeroRange> to_zero;
  const LoadedProgram loaded = TRY(lay_out(*fresh, program, to_zero));
  fresh->executable = TRY(String::from(program.file.path.view()));
  fresh->executable_inode = program.file.inode;
  Ref<Descriptors> files = task.files;
  if (files->refs > 2) files = TRY(files->copy());  // more holders than this task and this variable

  // Into the new space, to write what the program finds there; back again if that fails.
  Ref<Memory> old = process.memory;
  if (!fresh->space.enter()) return Fail{Errno::nomem};
  process.memory = fresh;
  base::Guard go_back{[&] {
    process.memory = old;
    if (!old->space.enter()) __builtin_trap();
  }};
  for (const ZeroRange& range : to_zero) TRY_VOID(zero_out(range.start, range.end - range.start));
  const std::uint64_t stack = TRY(build_stack(*fresh, request, request.path.view(), loaded));

  // point of no return
  go_back.disarm();
  process.memory = old;  // the other tasks and the robust list belong to the old program
  if (!old->space.enter()) __builtin_trap();
  kill_other_tasks(process);
  while (process.tasks_alive > 1 && !task.exiting_by_kill) sched::end_turn();
  futex::end_robust_list(task);
  futex::leave_locks(task);
  if (task.clear_child_tid != 0 && old->refs > 2 && write_user(task.clear_child_tid, std::uint32_t{0}))
    static_cast<void>(futex::wake_address(task.clear_child_tid, 1));
  if (old->refs == 2) note_largest(process);   // this variable and the process
  process.memory = fresh;
  if (!fresh->space.enter()) __builtin_trap();
  const std::uint32_t old_tid = std::exchange(task.tid, process.pid);
  refresh_quick_answers(task);
  end_of_vfork(task);
  task.files = std::move(files);
  task.files->close_for_exec();
  forget_program(process, task);
  set_name(task, request.path.view());
  start_frame(task, loaded.entry, stack);
  exos_program_starts();
  if (!trace::all().empty()) [[unlikely]] trace::executed(task, old_tid, *old);
  return {};
}

void execute_first() {
  const RunDescription& run = run_description();
  ExecRequest request;
  const auto fill = [&]() -> Status {
    request.path = TRY(String::from(run.program.view()));
    for (const String& argument : run.arguments) TRY_VOID(request.arguments.push_back(TRY(String::from(argument.view()))));
    for (const String& variable : run.environment) TRY_VOID(request.environment.push_back(TRY(String::from(variable.view()))));
    return execute(std::move(request));
  };
  const Status outcome = fill();
  if (outcome) return report_start();
  const bool absent = outcome.error() == Errno::noent || outcome.error() == Errno::notdir;
  const std::string_view why = absent ? "not found in the container" : outcome.error() == Errno::nomem ? "not enough memory (use -m)"
                             : outcome.error() == Errno::acces ? "permission denied" : "cannot be executed";
  const base::Text<512> line{"exo: {}: {}\n", run.program.view(), why};
  link::log_line(line.view());
  halt_container(absent ? 127 : 126);
}

}  // namespace exos
