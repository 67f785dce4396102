// SPDX-License-Identifier: MIT
#include "libos/exos/core_notes.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/trace/registers.hpp"

namespace exos {

namespace {

constexpr std::uint32_t nt_prstatus = 1, nt_fpregset = 2, nt_prpsinfo = 3, nt_auxv = 6, nt_x86_xstate = 0x202,
    nt_siginfo = 0x5349'4749, nt_file = 0x4649'4c45;
constexpr std::size_t legacy_vector_size = 512;   // what fxsave writes
constexpr std::size_t features_at = 464;          // where gdb looks for XCR0 in the vector state

struct ThreadStatus {             // struct elf_prstatus
  std::int32_t signal, code, error;
  std::int16_t current, pad;
  std::uint64_t pending, blocked;
  std::int32_t pid, parent, group, session;
  std::uint64_t seconds, microseconds, times[6];   // of the thread, user and system in one
  trace::UserRegisters registers;
  std::uint32_t has_vector_state, pad2;
};
static_assert(sizeof(ThreadStatus) == 336);

struct ProcessInfo {              // struct elf_prpsinfo
  char state, state_name, zombie, nice;
  std::uint32_t pad;
  std::uint64_t flags;
  std::uint32_t uid, gid;
  std::int32_t pid, parent, group, session;
  char name[16], arguments[80];
};
static_assert(sizeof(ProcessInfo) == 136);

std::int32_t number(std::uint32_t id) { return static_cast<std::int32_t>(id); }

ThreadStatus status_of(Task& task, std::int32_t signal) {
  constexpr std::uint64_t second = 1'000'000'000;
  const std::uint64_t time_ns = thread_time_ns(task);
  const Process& process = *task.process;
  const Frame& f = *task.frame;
  std::uint64_t fs_base;
  asm volatile("rdfsbase %0" : "=r"(fs_base));
  ThreadStatus status{.signal = signal, .current = static_cast<std::int16_t>(signal), .pending = task.signals.pending.set,
                      .blocked = task.signals.mask, .pid = number(task.tid), .group = number(process.group),
                      .session = number(process.session), .seconds = time_ns / second,
                      .microseconds = time_ns % second / 1000, .registers = trace::registers_of(f, fs_base), .has_vector_state = 1};
  if (process.parent != nullptr) status.parent = number(process.parent->pid);
  if (f.call == ~std::uint64_t{0}) status.registers.rip = site_of(*process.memory, f.rip);
  return status;
}

bool has_name(const Vma& area) { return area.path && !area.stubs && !area.path->text.view().starts_with('['); }

}  // namespace

std::byte* CoreNotes::add(std::string_view owner, std::uint32_t type, std::size_t size) {
  const std::uint32_t head[3]{static_cast<std::uint32_t>(owner.size() + 1), static_cast<std::uint32_t>(size), type};
  const std::size_t name_at = bytes_.size() + sizeof head, at = base::align_up<std::size_t>(name_at + owner.size() + 1, 4);
  if (failed_ || !bytes_.resize(base::align_up<std::size_t>(at + size, 4))) {
    failed_ = true;
    return nullptr;
  }
  std::memcpy(bytes_.data() + name_at - sizeof head, head, sizeof head);
  std::memcpy(bytes_.data() + name_at, owner.data(), owner.size());
  return bytes_.data() + at;
}

void CoreNotes::add_thread(Task& task, std::int32_t signal) {
  const std::size_t vector_size = reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info)->xsave_size;
  const std::uint64_t features = reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info)->xcr0;
  std::byte* vector = vector_buffer(*task.area);
  save_vector(vector);
  std::memcpy(vector + features_at, &features, sizeof features);
  const ThreadStatus status = status_of(task, signal);
  const auto add_bytes = [&](std::string_view owner, std::uint32_t type, const void* from, std::size_t size) {
    if (std::byte* to = add(owner, type, size); to != nullptr) std::memcpy(to, from, size);
  };
  add_bytes("CORE", nt_prstatus, &status, sizeof status);
  add_bytes("CORE", nt_fpregset, vector, legacy_vector_size);
  add_bytes("LINUX", nt_x86_xstate, vector, vector_size);
}

void CoreNotes::add_process(const Process& process, const SignalInfo& info) {
  const Memory& memory = *process.memory;
  ProcessInfo about{.state_name = 'R', .nice = static_cast<char>(process.nice), .uid = process.uid, .gid = process.gid,
                    .pid = number(process.pid), .group = number(process.group), .session = number(process.session)};
  if (process.parent != nullptr) about.parent = number(process.parent->pid);
  std::memcpy(about.name, current().name, sizeof about.name);
  const std::size_t length = std::min<std::size_t>(memory.arguments_end - memory.arguments_start, sizeof about.arguments - 1);
  if (copy_in(about.arguments, memory.arguments_start, length))
    for (std::size_t i = 0; i + 1 < length; ++i)
      if (about.arguments[i] == '\0') about.arguments[i] = ' ';
  if (std::byte* to = add("CORE", nt_prpsinfo, sizeof about); to != nullptr) std::memcpy(to, &about, sizeof about);
  const UserSignalInfo signal = to_user(info);
  if (std::byte* to = add("CORE", nt_siginfo, sizeof signal); to != nullptr) std::memcpy(to, &signal, sizeof signal);
  const std::size_t auxiliary = memory.auxv_end - memory.auxv_start;
  if (std::byte* to = add("CORE", nt_auxv, auxiliary); to != nullptr) failed_ = failed_ || !copy_in(to, memory.auxv_start, auxiliary);
  add_files(memory);
}

void CoreNotes::add_files(const Memory& memory) {
  std::uint64_t count = 0, names = 0;
  for (const Vma* area : memory.areas)
    if (has_name(*area)) ++count, names += area->path->text.size() + 1;
  std::byte* to = add("CORE", nt_file, (2 + 3 * count) * sizeof count + names);
  if (to == nullptr) return;
  const auto put = [&](const void* from, std::size_t size) {
    std::memcpy(to, from, size);
    to += size;
  };
  const std::uint64_t head[2]{count, abi::page_size};
  put(head, sizeof head);
  for (const Vma* area : memory.areas) {
    const std::uint64_t place[3]{area->start, area->end, area->file_page};
    if (has_name(*area)) put(place, sizeof place);
  }
  for (const Vma* area : memory.areas)
    if (has_name(*area)) put(area->path->text.c_str(), area->path->text.size() + 1);
}

Result<std::span<std::byte>> CoreNotes::take() {
  if (failed_) return Fail{Errno::nomem};
  return std::span{bytes_.data(), bytes_.size()};
}

}  // namespace exos
