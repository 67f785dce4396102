// SPDX-License-Identifier: MIT
// /proc and /sys about the whole container: memory, processors, kernel names and limits. [proc(5)]
#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/core_dump.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/fs/proc_nodes.hpp"
#include "libos/exos/load_average.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/random.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

const abi::SystemInfo& system_info() { return *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info); }

struct Tally { std::uint64_t tasks = 0, running = 0, last_pid = 0; };
Tally tally() {
  Tally t;
  for (Process& process : processes()) {
    if (process.pid > t.last_pid) t.last_pid = process.pid;
    for (const Task& task : process.tasks) {
      ++t.tasks;
      t.running += task.state == TaskState::ready || task.state == TaskState::running;
    }
  }
  return t;
}

// Of all processors.
CpuSplit busy_time() {
  CpuSplit sum;
  for (Processor& processor : processors()) sum += busy_time(processor);
  return sum;
}

Status make_meminfo(Report& out, const Subject&) {
  const MemoryUse use = memory_use();
  const swap::Use swapped = swap::use();
  const std::uint64_t total = use.limit * 4, left = (use.limit > use.used ? use.limit - use.used : 0) * 4;
  std::uint64_t locked = 0;
  for (const Memory& memory : all_memories()) locked += area_pages(memory).locked * 4;
  struct Row { std::string_view name; std::uint64_t kb; };
  const Row rows[] = {{"MemTotal:", total}, {"MemFree:", left}, {"MemAvailable:", left}, {"Buffers:", 0}, {"Cached:", 0},
                      {"SwapCached:", 0}, {"Active:", 0}, {"Inactive:", 0}, {"Unevictable:", locked}, {"Mlocked:", locked}, {"SwapTotal:", swapped.total * 4},
                      {"SwapFree:", (swapped.total - swapped.used) * 4}, {"Dirty:", 0}, {"Writeback:", 0}, {"AnonPages:", use.used * 4}, {"Mapped:", 0}, {"Shmem:", 0},
                      {"KReclaimable:", 0}, {"Slab:", 0}, {"SReclaimable:", 0}, {"SUnreclaim:", 0}, {"CommitLimit:", total + swapped.total * 4},
                      {"Committed_AS:", use.used * 4}, {"Hugepagesize:", 2048}};
  for (const Row& row : rows) out.print("{:<16}{:8} kB\n", row.name, row.kb);
  return {};
}

Status make_cpuinfo(Report& out, const Subject&) {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  const auto cpuid = [&](std::uint32_t leaf) { asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(0)); };
  cpuid(0);
  const std::uint32_t vendor_words[]{b, d, c};
  char vendor[12], model[48];
  std::memcpy(vendor, vendor_words, sizeof vendor);
  for (std::uint32_t i = 0; i < 3; ++i) {
    cpuid(0x8000'0002 + i);
    const std::uint32_t words[]{a, b, c, d};
    std::memcpy(model + 16 * i, words, 16);
  }
  const std::string_view model_name{model, std::string_view{model, sizeof model}.find('\0') == std::string_view::npos ? sizeof model : std::strlen(model)};
  cpuid(1);
  const std::uint32_t signature = a, features_c = c, features_d = d;
  const std::uint32_t family = (signature >> 8 & 15) + ((signature >> 8 & 15) == 15 ? signature >> 20 & 255 : 0);
  struct Flag { std::string_view name; std::uint32_t word, bit; };
  constexpr Flag flags[] = {{"fpu", 0, 0}, {"tsc", 0, 4}, {"cx8", 0, 8}, {"cmov", 0, 15}, {"mmx", 0, 23}, {"fxsr", 0, 24}, {"sse", 0, 25},
                            {"sse2", 0, 26}, {"pni", 1, 0}, {"ssse3", 1, 9}, {"cx16", 1, 13}, {"sse4_1", 1, 19}, {"sse4_2", 1, 20},
                            {"popcnt", 1, 23}, {"aes", 1, 25}, {"xsave", 1, 26}, {"avx", 1, 28}, {"rdrand", 1, 30}};
  const std::size_t count = processors().size();
  for (std::size_t i = 0; i < count; ++i) {   // all alike
    out.print("processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n", i, std::string_view{vendor, sizeof vendor}, family,
              (signature >> 4 & 15) | (signature >> 12 & 0xf0));
    out.print("model name\t: {}\nstepping\t: {}\ncpu MHz\t\t: {}.000\ncache size\t: 0 KB\n", model_name, signature & 15,
              system_info().tsc_mul == 0 ? 0 : (std::uint64_t{1000} << (system_info().tsc_shift & 63)) / system_info().tsc_mul);
    out.print("physical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\nfpu\t\t: yes\nflags\t\t:", count, i, count);
    for (const Flag& flag : flags)
      if (((flag.word == 0 ? features_d : features_c) >> flag.bit & 1) != 0) out.add(" ").add(flag.name);
    out.add(" syscall nx lm\nbogomips\t: 2000.00\n\n");
  }
  return {};
}

Status make_stat(Report& out, const Subject&) {
  const Tally t = tally();
  constexpr std::uint64_t tick_ns = 10'000'000;
  const std::uint64_t up = now().raw() / tick_ns;
  const auto add_line = [&](const CpuSplit& busy, std::uint64_t all) {
    out.print(" {} 0 {} {} 0 0 0 0 0 0\n", busy.user_ns / tick_ns, busy.system_ns / tick_ns, all - std::min(all, busy.sum() / tick_ns));
  };
  out.add("cpu ");
  add_line(busy_time(), up * processors().size());
  std::uint64_t turns = 0;
  for (Processor& processor : processors()) {
    out.print("cpu{}", processor.index);
    add_line(busy_time(processor), up);
    turns += processor.turns;
  }
  out.print("intr 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
            turns, (wall_now_ns() - now().raw()) / 1'000'000'000, t.last_pid, t.running);
  return {};
}

Status make_uptime(Report& out, const Subject&) {
  const std::uint64_t up = now().raw() / 10'000'000, used = busy_time().sum() / 10'000'000, all = up * processors().size();
  const std::uint64_t idle = all > used ? all - used : 0;
  out.print("{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100);
  return {};
}
Status make_loadavg(Report& out, const Subject&) {
  const Tally t = tally();
  sched::look_at_load();
  for (const std::uint64_t average : load_average::averages()) {
    const std::uint64_t hundredths = (average * 100 + (1 << (load_average::point_bits - 1))) >> load_average::point_bits;
    out.print("{}.{:02} ", hundredths / 100, hundredths % 100);
  }
  out.print("{}/{} {}\n", t.running, t.tasks, t.last_pid);
  return {};
}
Status make_version(Report& out, const Subject&) {
  out.add("Linux version 6.1.0-exos (exos@aegis) (clang) #1 SMP ExOS\n");
  return {};
}
Status make_filesystems(Report& out, const Subject&) {
  out.add("nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\n");
  return {};
}
Status make_vmstat(Report& out, const Subject&) {
  const MemoryUse use = memory_use();
  const pager::Counters& moved = pager::counters();
  out.print("nr_free_pages {}\npgpgin 0\npgpgout 0\npswpin {}\npswpout {}\npgfault 0\npgmajfault {}\n",
            use.limit > use.used ? use.limit - use.used : 0, moved.in, moved.out, moved.in);
  return {};
}
Status make_swaps(Report& out, const Subject&) {
  out.add("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
  const swap::Use use = swap::use();
  if (use.total != 0) out.print("exo\t\t\t\t\tpartition\t{}\t\t{}\t\t-2\n", use.total * 4, use.used * 4);
  return {};
}
Status make_hostname(Report& out, const Subject&) {
  const std::string_view name = run_description().hostname.view();
  out.add(name.empty() ? "exos" : name).add("\n");
  return {};
}

Status make_uuid(Report& out, const Subject&) {
  std::array<std::uint8_t, 16> b;
  fill_random(b.data(), b.size());
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.add("-");
    out.print("{:02x}", b[i]);
  }
  out.add("\n");
  return {};
}
Status make_boot_id(Report& out, const Subject& subject) {
  static constinit String id;
  if (id.empty()) {
    Report fresh;
    TRY_VOID(make_uuid(fresh, subject));
    id = TRY(fresh.take());
  }
  out.add(id.view());
  return {};
}

// Files that always say the same.
Status make_osrelease(Report& out, const Subject&) { out.add("6.1.0-exos\n"); return {}; }
Status make_ostype(Report& out, const Subject&) { out.add("Linux\n"); return {}; }
Status make_kernel_version(Report& out, const Subject&) { out.add("#1 SMP ExOS\n"); return {}; }
Status make_pid_max(Report& out, const Subject&) { out.add("32768\n"); return {}; }
Status make_ngroups_max(Report& out, const Subject&) { out.add("65536\n"); return {}; }
Status make_cap_last_cap(Report& out, const Subject&) { out.add("40\n"); return {}; }
Status make_threads_max(Report& out, const Subject&) { out.add("16384\n"); return {}; }
Status make_file_max(Report& out, const Subject&) { out.add("1048576\n"); return {}; }
Status make_pipe_max(Report& out, const Subject&) { out.add("1048576\n"); return {}; }
Status make_somaxconn(Report& out, const Subject&) { out.add("4096\n"); return {}; }
Status make_entropy(Report& out, const Subject&) { out.add("256\n"); return {}; }
Status make_core_pattern(Report& out, const Subject&) { out.add(core_pattern()).add("\n"); return {}; }
Status take_core_pattern(std::string_view text, const Subject&) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return set_core_pattern(text);
}
Status make_zero(Report& out, const Subject&) { out.add("0\n"); return {}; }
Status make_processors(Report& out, const Subject&) {
  const std::size_t count = processors().size();
  if (count == 1) out.add("0\n");
  else out.print("0-{}\n", count - 1);
  return {};
}
Status make_one(Report& out, const Subject&) { out.add("1\n"); return {}; }
Status make_map_count(Report& out, const Subject&) { out.add("65530\n"); return {}; }
Status make_hugepages(Report& out, const Subject&) { out.add("always madvise [never]\n"); return {}; }

}  // namespace

Status fill_proc(FixedTree& tree) {
  struct Entry { std::string_view directory; TextEntry text; };
  constexpr Entry entries[] = {
      {"", {"meminfo", make_meminfo}}, {"", {"cpuinfo", make_cpuinfo}}, {"", {"stat", make_stat}}, {"", {"uptime", make_uptime}},
      {"", {"loadavg", make_loadavg}}, {"", {"version", make_version}}, {"", {"filesystems", make_filesystems}},
      {"", {"vmstat", make_vmstat}}, {"", {"swaps", make_swaps}},
      {"sys/kernel", {"osrelease", make_osrelease}}, {"sys/kernel", {"ostype", make_ostype}}, {"sys/kernel", {"version", make_kernel_version}},
      {"sys/kernel", {"hostname", make_hostname}}, {"sys/kernel", {"pid_max", make_pid_max}}, {"sys/kernel", {"ngroups_max", make_ngroups_max}},
      {"sys/kernel", {"cap_last_cap", make_cap_last_cap}}, {"sys/kernel", {"threads-max", make_threads_max}},
      {"sys/kernel", {"randomize_va_space", make_zero}}, {"sys/kernel", {"core_pattern", make_core_pattern, 0644, take_core_pattern}},
      {"sys/kernel/random", {"uuid", make_uuid}}, {"sys/kernel/random", {"boot_id", make_boot_id}}, {"sys/kernel/random", {"entropy_avail", make_entropy}},
      {"sys/vm", {"overcommit_memory", make_one}}, {"sys/vm", {"max_map_count", make_map_count}}, {"sys/vm", {"swappiness", make_zero}},
      {"sys/vm", {"unprivileged_userfaultfd", make_zero}},
      {"sys/fs", {"file-max", make_file_max}}, {"sys/fs", {"nr_open", make_file_max}}, {"sys/fs", {"pipe-max-size", make_pipe_max}},
      {"sys/net/core", {"somaxconn", make_somaxconn}}};
  for (const Entry& entry : entries) TRY_VOID(tree.add(entry.directory, entry.text));
  const TextEntry mounts{"mounts", make_mounts};
  return tree.add("", mounts);
}

namespace {

// Directories of processors, for who counts them.
Status add_processors(FixedTree& tree) {
  for (std::size_t i = 0; i < processors_to_come(); ++i) {
    const base::Text<64> directory{"devices/system/cpu/cpu{}/topology", i};
    TRY_VOID(tree.add(directory.view(), TextEntry{"physical_package_id", make_zero}));
  }
  return {};
}

}  // namespace

Status fill_sys(FixedTree& tree) {
  for (const std::string_view name : {"online", "possible", "present"})
    TRY_VOID(tree.add("devices/system/cpu", TextEntry{name, make_processors}));
  TRY_VOID(tree.add("devices/system/node", TextEntry{"online", make_zero}));
  TRY_VOID(tree.add("kernel/mm/transparent_hugepage", TextEntry{"enabled", make_hugepages}));
  TRY_VOID(add_processors(tree));
  return tree.add_directory("fs");
}

}  // namespace exos
