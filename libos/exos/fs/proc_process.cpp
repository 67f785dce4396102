// SPDX-License-Identifier: MIT
// /proc/PID: texts and links about one process, as procps, shells and C libraries parse them. [proc(5)]
#include "libos/exos/fs/proc_nodes.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/memory_visit.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/trace/trace.hpp"
#include "libos/exos/vdso.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {
namespace {

Result<Process*> process_of(const Subject& subject) {
  Process* process = find_process(subject.pid);
  if (process == nullptr) return Fail{Errno::srch};
  return process;
}

Task* task_of(Process& process, const Subject& subject) {
  for (Task& task : process.tasks)
    if (task.tid == subject.tid) return &task;
  return process.tasks.front();
}

std::string_view name_of(Task* task) { return task != nullptr ? std::string_view{task->name} : std::string_view{"exited"}; }

char state_of(const Process& process, const Task* task) { return state_letter(process, task); }

std::uint64_t threads_of(Process& process) {
  std::uint64_t count = 0;
  for ([[maybe_unused]] const Task& task : process.tasks) ++count;
  return count;
}

std::uint64_t total_pages(const Process& process) { return process.memory ? process.memory->size_pages() : 0; }
constexpr std::uint64_t ticks(std::uint64_t ns) { return ns / 10'000'000; }

// --- texts ------------------------------------------------------------------------------------------------------

// Bytes of the process's memory; a page that it has unmapped ends them.
Status copy_strings(Report& out, Process& process, std::uint64_t start, std::uint64_t end) {
  if (!process.memory || end <= start) return {};
  const Ref<Memory> memory = process.memory;
  char piece[256];
  while (start < end) {
    const std::size_t n = end - start < sizeof piece ? static_cast<std::size_t>(end - start) : sizeof piece;
    TRY_VOID(read_memory(*memory, piece, start, n));
    out.add({piece, n});
    start += n;
  }
  return {};
}

Status make_cmdline(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  if (!process.memory) return {};
  return copy_strings(out, process, process.memory->arguments_start, process.memory->arguments_end);
}

Status make_environ(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  if (!process.memory) return {};
  return copy_strings(out, process, process.memory->environment_start, process.memory->environment_end);
}

Status make_comm(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  out.add(name_of(task_of(process, subject))).add("\n");
  return {};
}

Status take_comm(std::string_view text, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  Task* task = task_of(process, subject);
  if (task == nullptr) return Fail{Errno::srch};
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t n = text.size() < sizeof task->name - 1 ? text.size() : sizeof task->name - 1;
  std::memset(task->name, 0, sizeof task->name);
  std::memcpy(task->name, text.data(), n);
  return {};
}

// Where it runs, or ran last.
std::uint32_t processor_of(const Task* task) {
  const Processor* last = task != nullptr && task->area != nullptr ? task_area(*task->area).processor : nullptr;
  return last == nullptr ? 0 : last->index;
}

Status make_stat(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  Task* task = task_of(process, subject);
  Memory* memory = process.memory.get();
  const Usage used = subject.of_task && task != nullptr ? usage_of(*task) : usage_of(process);
  const Usage& gone = process.children;
  out.print("{} ({}) {} {} {} {} {} {} 4194304 ", subject.tid, name_of(task), state_of(process, task),
            process.parent != nullptr ? process.parent->pid : 0, process.group, process.session,
            process.terminal ? process.terminal->device : 0, process.terminal ? static_cast<std::int64_t>(process.terminal->group) : -1);
  out.print("{} {} {} {} {} {} {} {} ", used.minor_faults, gone.minor_faults, used.major_faults, gone.major_faults,
            ticks(used.cpu.user_ns), ticks(used.cpu.system_ns), ticks(gone.cpu.user_ns), ticks(gone.cpu.system_ns));
  out.print("{} {} {} 0 {} ", 20 + process.nice, process.nice, threads_of(process), ticks(process.start_ns));
  out.print("{} {} 18446744073709551615 {} {} {} 0 0 ", total_pages(process) * base::page_size,
            memory != nullptr ? resident_pages(*memory).sum() : 0,
            memory != nullptr ? memory->auxv_entry : 0, memory != nullptr ? memory->auxv_entry : 0,
            memory != nullptr ? memory->stack_top : 0);
  out.print("{} {} 0 0 0 0 0 {} {} 0 0 0 0 0 0 ", process.pending.set & 0x7fffffff, task != nullptr ? task->signals.mask & 0x7fffffff : 0,
            process.exit_signal, processor_of(task));
  out.print("{} {} {} {} {} {} {}\n", memory != nullptr ? memory->break_start : 0, memory != nullptr ? memory->break_start : 0,
            memory != nullptr ? memory->arguments_start : 0, memory != nullptr ? memory->arguments_end : 0,
            memory != nullptr ? memory->environment_start : 0, memory != nullptr ? memory->environment_end : 0,
            process.exit_status);
  return {};
}

Status make_statm(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  if (!process.memory) {
    out.add("0 0 0 0 0 0 0\n");
    return {};
  }
  const ResidentPages resident = resident_pages(*process.memory);
  const AreaPages areas = area_pages(*process.memory);
  out.print("{} {} {} {} 0 {} 0\n", areas.total, resident.sum(), resident.file + resident.shared, areas.program, areas.data + areas.stack);
  return {};
}

// "0-2,5"
void add_list(Report& out, std::uint64_t set) {
  for (std::string_view comma; set != 0; comma = ",") {
    const auto first = static_cast<std::uint32_t>(std::countr_zero(set));
    const auto count = static_cast<std::uint32_t>(std::countr_one(set >> first));
    out.add(comma);
    if (count == 1) out.print("{}", first);
    else out.print("{}-{}", first, first + count - 1);
    set = count == 64 ? 0 : set & ~(((std::uint64_t{1} << count) - 1) << first);
  }
}

// The lines about memory of /proc/PID/status.
void add_memory(Report& out, Memory& memory) {
  const ResidentPages resident = resident_pages(memory);
  const PeakPages& peak = note_peak(memory);
  const AreaPages areas = area_pages(memory);
  struct Row { std::string_view name; std::uint64_t pages; };
  const Row rows[] = {{"VmPeak", peak.total}, {"VmSize", areas.total}, {"VmLck", areas.locked}, {"VmPin", 0}, {"VmHWM", peak.resident},
                      {"VmRSS", resident.sum()}, {"RssAnon", resident.anonymous}, {"RssFile", resident.file},
                      {"RssShmem", resident.shared}, {"VmData", areas.data}, {"VmStk", areas.stack}, {"VmExe", areas.program},
                      {"VmLib", areas.library}, {"VmSwap", memory.swapped.size()}, {"HugetlbPages", 0}};
  for (const Row& row : rows) out.print("{}:\t{:8} kB\n", row.name, row.pages * 4);
}

Status make_status(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  Task* task = task_of(process, subject);
  const char state = state_of(process, task);
  const std::string_view word = state == 'R' ? "R (running)" : state == 'S' ? "S (sleeping)" : state == 'T' ? "T (stopped)"
                              : state == 't' ? "t (tracing stop)" : "Z (zombie)";
  out.print("Name:\t{}\n", name_of(task));
  if (task != nullptr && task->paths) {
    const std::uint32_t mask = task->paths->umask;
    out.print("Umask:\t0{}{}{}\n", mask >> 6 & 7, mask >> 3 & 7, mask & 7);
  }
  out.print("State:\t{}\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t{}\n", word, process.pid, subject.tid,
            process.parent != nullptr ? process.parent->pid : 0,
            task != nullptr && task->trace != nullptr ? task->trace->tracer->process->pid : 0);
  out.print("Uid:\t{}\t{}\t{}\t{}\n", process.uid, process.euid, process.suid, process.euid);
  out.print("Gid:\t{}\t{}\t{}\t{}\n", process.gid, process.egid, process.sgid, process.egid);
  out.print("FDSize:\t{}\nGroups:\t", task != nullptr && task->files ? task->files->slots.size() : 0);
  for (const std::uint32_t group : process.groups) out.print("{} ", group);
  out.add("\n");
  if (process.memory) add_memory(out, *process.memory);
  out.print("Threads:\t{}\nSigQ:\t0/7823\n", threads_of(process));
  out.print("SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\n", task != nullptr ? task->signals.pending.set : 0,
            process.pending.set, task != nullptr ? task->signals.mask : 0);
  std::uint64_t ignored = 0, caught = 0;
  if (process.actions)
    for (std::uint32_t i = 0; i < 64; ++i) {
      if (process.actions->action[i].handler == 1) ignored |= std::uint64_t{1} << i;
      else if (process.actions->action[i].handler > 1) caught |= std::uint64_t{1} << i;
    }
  out.print("SigIgn:\t{:016x}\nSigCgt:\t{:016x}\n", ignored, caught);
  const std::uint64_t capabilities = process.euid == 0 ? 0x1ff'ffff'ffff : 0;
  out.print("CapInh:\t0000000000000000\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n",
            capabilities, capabilities);
  const std::uint64_t allowed = (task != nullptr ? task->affinity : ~std::uint64_t{0}) & ((std::uint64_t{2} << (processors().size() - 1)) - 1);
  out.print("NoNewPrivs:\t{}\nSeccomp:\t0\nCpus_allowed:\t{:x}\nCpus_allowed_list:\t", process.no_new_privileges ? 1u : 0u, allowed);
  add_list(out, allowed);
  out.print("\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
            task != nullptr ? task->waits : 0, task != nullptr ? task->preemptions : 0);
  return {};
}

Status make_maps(Report& out, const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  if (!process.memory) return {};
  const Memory& memory = *process.memory;
  for (const Vma* area : memory.areas) {
    base::Text<160> line;
    line.print("{:08x}-{:08x} {}{}{}{} {:08x} ", area->start, area->end, (area->prot & prot_read) != 0 ? 'r' : '-',
               (area->prot & prot_write) != 0 ? 'w' : '-', (area->prot & prot_exec) != 0 ? 'x' : '-',
               (area->flags & map_shared) != 0 ? 's' : 'p', area->inode ? area->file_page * base::page_size : 0);
    const bool is_file = area->inode && !area->stubs && !(area->path && area->path->text.view() == vdso_name);
    if (is_file) line.print("{:02x}:{:02x} {}", device_major(area->inode->device), device_minor(area->inode->device), area->inode->number);
    else line.print("00:00 0");
    std::string_view name;
    if (area->path) name = area->path->text.view();
    else if (area->stubs) name = "[exos]";
    else if (memory.break_now > memory.break_start && area->start < memory.break_now && area->end > memory.break_start) name = "[heap]";
    else if (area->end == memory.stack_top || (area->flags & map_growsdown) != 0) name = "[stack]";
    out.add(line.view());
    if (!name.empty()) {
      for (std::size_t column = line.size(); column < 73; ++column) out.add(" ");
      out.add(name);
    }
    out.add("\n");
  }
  return {};
}

// Not Linux': how the process's calls came in, what the container has patched for them, how long tasks had its processors.
Status make_exos(Report& out, const Subject& subject) {
  const Process& process = *TRY(process_of(subject));
  out.print("patched_sites {}\ntrapped_calls {}\ndirect_calls {}\n", patched_sites(), process.trapped_calls,
            process.system_calls - process.trapped_calls);
  for (const Processor& processor : processors()) 
    out.print("processor{} busy_ns {} turns {} lock_waits {} refusals {}\n", processor.index, processor.busy.ns, processor.turns,
              processor.lock_waits, processor.refusals);
  return {};
}

Status make_limits(Report& out, const Subject& subject) {
  struct Row { std::string_view name, unit; };
  constexpr Row rows[] = {{"Max cpu time", "seconds"}, {"Max file size", "bytes"}, {"Max data size", "bytes"},
                          {"Max stack size", "bytes"}, {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
                          {"Max processes", "processes"}, {"Max open files", "files"}, {"Max locked memory", "bytes"},
                          {"Max address space", "bytes"}, {"Max file locks", "locks"}, {"Max pending signals", "signals"},
                          {"Max msgqueue size", "bytes"}, {"Max nice priority", ""}, {"Max realtime priority", ""},
                          {"Max realtime timeout", "us"}};
  Process& process = *TRY(process_of(subject));
  out.print("{:<26}{:<21}{:<21}{:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (std::size_t i = 0; i < 16; ++i) {
    out.print("{:<26}", rows[i].name);
    for (const std::uint64_t value : process.limits[i]) {
      if (value == ~std::uint64_t{0}) out.print("{:<21}", "unlimited");
      else out.print("{:<21}", value);
    }
    out.print("{:<10}\n", rows[i].unit);
  }
  return {};
}

Status make_mountinfo(Report& out, const Subject&) {
  out.add("20 1 0:24 / / rw,relatime - tmpfs root rw\n21 20 0:5 / /dev rw,nosuid - devtmpfs udev rw\n"
          "22 20 0:22 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
          "23 20 0:23 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro\n24 21 0:25 / /dev/shm rw,nosuid,nodev - tmpfs tmpfs rw\n");
  return {};
}
Status make_cgroup(Report& out, const Subject&) {
  out.add("0::/\n");
  return {};
}
Status make_zero(Report& out, const Subject&) {
  out.add("0\n");
  return {};
}
Status take_anything(std::string_view, const Subject&) { return {}; }   // oom_score_adj: kept by nobody, as nobody is killed

constexpr TextEntry texts[] = {
    {"auxv", make_auxiliary, 0400}, {"cgroup", make_cgroup},    {"cmdline", make_cmdline},
    {"comm", make_comm, 0644, take_comm},                       {"environ", make_environ, 0400},
    {"exos", make_exos},         {"limits", make_limits},     {"maps", make_maps},           {"mountinfo", make_mountinfo},
    {"mounts", make_mounts},     {"oom_score", make_zero},      {"oom_score_adj", make_zero, 0644, take_anything},
    {"stat", make_stat},         {"statm", make_statm},         {"status", make_status}};

// --- links ------------------------------------------------------------------------------------------------------

Result<String> exe_target(const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  if (!process.memory) return Fail{Errno::noent};
  return String::from(process.memory->executable.view());
}
Result<InodeRef> exe_inode(const Subject& subject) {
  Process& process = *TRY(process_of(subject));
  if (!process.memory || !process.memory->executable_inode) return Fail{Errno::noent};
  return process.memory->executable_inode;
}
Result<PathContext*> paths_of(const Subject& subject) {
  Task* task = task_of(*TRY(process_of(subject)), subject);
  if (task == nullptr || !task->paths) return Fail{Errno::noent};
  return task->paths.get();
}
Result<InodeRef> cwd_inode(const Subject& subject) { return TRY(paths_of(subject))->cwd; }
Result<InodeRef> root_inode(const Subject& subject) { return TRY(paths_of(subject))->root; }
Result<String> cwd_target(const Subject& subject) {
  PathContext& paths = *TRY(paths_of(subject));
  return path_of(static_cast<Directory&>(*paths.cwd), *current().paths->root);
}
Result<String> root_target(const Subject& subject) {
  PathContext& paths = *TRY(paths_of(subject));
  return path_of(static_cast<Directory&>(*paths.root), *current().paths->root);
}

struct LinkEntry { std::string_view name; LinkMaker target; LinkFinder find; };
constexpr LinkEntry process_links[] = {{"cwd", cwd_target, cwd_inode}, {"exe", exe_target, exe_inode}, {"root", root_target, root_inode}};

// --- fd and task ------------------------------------------------------------------------------------------------

class DescriptorLink final : public SpecialInode {
 public:
  explicit DescriptorLink(FileRef file) : file_{std::move(file)} {}
  Result<String> link_target() override { return String::from(file_->path.view()); }
  Result<InodeRef> link_inode() override { return file_->inode; }

 private:
  FileRef file_;
};

class DescriptorDirectory final : public SyntheticDirectory {
 public:
  Subject subject;
  Result<InodeRef> lookup(std::string_view entry) override {
    const Result<std::uint32_t> fd = number_from(entry);
    Descriptors* table = TRY(descriptors());
    if (!fd.has_value() || (entry.size() > 1 && entry[0] == '0')) return Fail{Errno::noent};
    Result<FileRef> file = table->get(*fd);
    if (!file.has_value()) return Fail{Errno::noent};
    const bool reads = readable(**file), writes = writable(**file);
    auto* inode = make<DescriptorLink>(std::move(*file));
    if (inode == nullptr) return Fail{Errno::nomem};
    initialise_inode(*inode, process_fs, mode_link | (reads ? 0500u : 0u) | (writes ? 0300u : 0u));
    inode->size = 64;
    return InodeRef{inode};
  }
  Status list(std::uint64_t position, EntrySink& sink) override {
    if (!list_dots(position, sink)) return {};
    Descriptors* table = TRY(descriptors());
    for (std::uint64_t fd = position - 2; fd < table->slots.size(); ++fd) {
      if (!table->slots[fd].file) continue;
      base::Text<16> name{"{}", fd};
      if (!sink.entry(name.view(), fd + 3, mode_link, fd + 3)) break;
    }
    return {};
  }

 private:
  Result<Descriptors*> descriptors() {
    Task* task = task_of(*TRY(process_of(subject)), subject);
    if (task == nullptr || !task->files) return Fail{Errno::noent};
    return task->files.get();
  }
};

class TaskDirectory final : public SyntheticDirectory {
 public:
  Subject subject;
  Result<InodeRef> lookup(std::string_view entry) override {
    const Result<std::uint32_t> tid = number_from(entry);
    Process& process = *TRY(process_of(subject));
    if (tid.has_value())
      for (const Task& task : process.tasks)
        if (task.tid == *tid) return make_process_directory({subject.pid, *tid, true}, InodeRef{this});
    return Fail{Errno::noent};
  }
  Status list(std::uint64_t position, EntrySink& sink) override {
    if (!list_dots(position, sink)) return {};
    Process& process = *TRY(process_of(subject));
    for (const Task& task : process.tasks) {   // in the order of their making: tids grow
      if (task.tid + 2ull < position) continue;
      base::Text<16> name{"{}", task.tid};
      if (!sink.entry(name.view(), task.tid + 2ull, mode_directory, task.tid + 3ull)) break;
    }
    return {};
  }
};

class ProcessDirectory final : public SyntheticDirectory {
 public:
  Subject subject;
  std::uint64_t start_ns = 0;   // another process may have the number later
  Result<Process*> process() const override {
    if (subject.of_task) return Fail{Errno::badf};
    Process* found = find_process(subject.pid);
    if (found == nullptr || found->start_ns != start_ns) return Fail{Errno::srch};
    return found;
  }
  Result<InodeRef> lookup(std::string_view entry) override;
  Status list(std::uint64_t position, EntrySink& sink) override {
    if (!list_dots(position, sink)) return {};
    std::uint64_t at = 2;
    const auto give = [&](std::string_view name, std::uint32_t entry_mode) {
      return at++ < position || sink.entry(name, at + 100, entry_mode, at);
    };
    if (!give("fd", mode_directory) || !give("task", mode_directory) || !give("mem", mode_regular)) return {};
    for (const LinkEntry& link : process_links)
      if (!give(link.name, mode_link)) return {};
    for (const TextEntry& text : texts)
      if (!give(text.name, mode_regular)) return {};
    return {};
  }

 private:
  template <typename T>
  Result<InodeRef> directory(std::uint32_t new_mode) {
    auto* fresh = make<T>();
    if (fresh == nullptr) return Fail{Errno::nomem};
    InodeRef owned{fresh};
    fresh->initialise(process_fs, new_mode, InodeRef{this});
    fresh->subject = subject;
    own(*fresh);
    return owned;
  }
  void own(Inode& inode) const {
    inode.uid = uid;
    inode.gid = gid;
  }
};

Result<InodeRef> ProcessDirectory::lookup(std::string_view entry) {
  if (entry == "fd") return directory<DescriptorDirectory>(0500);
  if (entry == "task") return directory<TaskDirectory>(0555);
  if (entry == "mem") {
    InodeRef inode = TRY(make_memory_inode(process_fs, subject));
    own(*inode);
    return inode;
  }
  for (const LinkEntry& link : process_links)
    if (link.name == entry) return make_link_inode(process_fs, subject, link.target, link.find);
  for (const TextEntry& text : texts) {
    if (text.name != entry) continue;
    InodeRef inode = TRY(make_text_inode(process_fs, text, subject));
    own(*inode);
    return inode;
  }
  return Fail{Errno::noent};
}

}  // namespace

Result<InodeRef> make_process_directory(const Subject& subject, InodeRef above) {
  const Process* process = TRY(process_of(subject));
  auto* fresh = make<ProcessDirectory>();
  if (fresh == nullptr) return Fail{Errno::nomem};
  InodeRef owned{fresh};
  fresh->initialise(process_fs, 0555, std::move(above));
  fresh->subject = subject;
  fresh->start_ns = process->start_ns;
  fresh->uid = process->euid;
  fresh->gid = process->egid;
  base::Text<16> name{"{}", subject.tid};
  fresh->name = TRY(String::from(name.view()));
  return owned;
}

Status make_mounts(Report& out, const Subject&) {
  out.add("root / tmpfs rw,relatime 0 0\nudev /dev devtmpfs rw,nosuid 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n"
          "sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0\n");
  return {};
}

}  // namespace exos
