// SPDX-License-Identifier: MIT
// What fits nowhere else: the system's name and figures, prctl, priorities, randomness.
#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/missing_requests.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/random.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/shares.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {

namespace {

struct UtsName { char system[65], node[65], release[65], version[65], machine[65], domain[65]; };
static_assert(sizeof(UtsName) == 390);

template <std::size_t N>
void fill(char (&to)[N], std::string_view text) { std::memcpy(to, text.data(), std::min(text.size(), N - 1)); }

struct SysInfo {
  std::int64_t uptime;
  std::uint64_t loads[3], total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
  std::uint16_t processes, padding;
  std::uint32_t padding2;
  std::uint64_t total_high, free_high;
  std::uint32_t unit;
  std::uint32_t padding3;
};
static_assert(sizeof(SysInfo) == 112);

constinit String domain_name;

// getpriority and setpriority: calls f for each process that is meant.
template <typename F>
bool for_each_meant(std::uint32_t which, std::uint32_t who, F f) {
  bool any = false;
  Process& self = current_process();
  for (Process& process : processes()) {
    const bool meant = which == 0 ? process.pid == (who == 0 ? self.pid : who)
                     : which == 1 ? process.group == (who == 0 ? self.group : who)
                                  : process.uid == (who == 0 ? self.uid : who);
    if (!meant || process.exited) continue;
    any = true;
    f(process);
  }
  return any;
}

}  // namespace

CallResult linux_uname(const Arguments& a) {
  UtsName name{};
  fill(name.system, "Linux");
  fill(name.node, run_description().hostname.empty() ? "exo" : run_description().hostname.view());
  fill(name.release, "6.1.0");
  fill(name.version, "#1 ExOS on Aegis");
  fill(name.machine, "x86_64");
  fill(name.domain, domain_name.empty() ? "(none)" : domain_name.view());
  return nothing(write_user(a.a, name));
}

namespace {

CallResult set_name(String& name, const Arguments& a) {
  constexpr std::uint64_t longest = 64;
  if (current_process().euid != 0) return Fail{Errno::perm};
  if (a.b > longest) return Fail{Errno::inval};
  std::array<char, longest> text;
  TRY_VOID(copy_in(text.data(), a.a, static_cast<std::size_t>(a.b)));
  name = TRY(String::from({text.data(), static_cast<std::size_t>(a.b)}));
  return 0;
}

}  // namespace

CallResult linux_sethostname(const Arguments& a) { return set_name(run_description().hostname, a); }
CallResult linux_setdomainname(const Arguments& a) { return set_name(domain_name, a); }

CallResult linux_sysinfo(const Arguments& a) {
  const MemoryUse use = memory_use();
  SysInfo info{};
  info.uptime = static_cast<std::int64_t>(now().raw() / ns_per_second);
  info.total_ram = use.limit * abi::page_size;
  info.free_ram = (use.limit > use.used ? use.limit - use.used : 0) * abi::page_size;
  const swap::Use swapped = swap::use();
  info.total_swap = swapped.total * abi::page_size;
  info.free_swap = (swapped.total - swapped.used) * abi::page_size;
  for (Process& process : processes()) info.processes = static_cast<std::uint16_t>(info.processes + process.tasks_alive);
  info.unit = 1;
  return nothing(write_user(a.a, info));
}

CallResult linux_syslog(const Arguments& a) {
  if (as_u32(a.a) > 10) return Fail{Errno::inval};
  tell_missing("syslog with action", as_u32(a.a), Errno::perm);
  return Fail{Errno::perm};
}
CallResult linux_restart_syscall(const Arguments&) { return Fail{Errno::intr}; }

CallResult linux_personality(const Arguments& a) {
  const std::uint64_t old = current_process().personality;
  if (as_u32(a.a) != 0xffff'ffff) current_process().personality = as_u32(a.a);
  return old;
}

CallResult linux_arch_prctl(const Arguments& a) {
  constexpr std::uint32_t set_fs = 0x1002, get_fs = 0x1003, get_cpuid = 0x1011, set_cpuid = 0x1012;
  switch (as_u32(a.a)) {
    case set_fs:
      if (!is_program_range(a.b, 1)) return Fail{Errno::perm};
      asm volatile("wrfsbase %0" : : "r"(a.b));
      return 0;
    case get_fs: {
      std::uint64_t base;
      asm volatile("rdfsbase %0" : "=r"(base));
      return nothing(write_user(a.b, base));
    }
    case get_cpuid: return 1;               // it does not trap,
    case set_cpuid: return Fail{Errno::nodev};   // and cannot be made to
    default: return missing_arch_prctl(as_u32(a.a), Errno::inval);   // gs is the library's own
  }
}

CallResult linux_prctl(const Arguments& a) {
  constexpr std::uint32_t set_death_signal = 1, get_death_signal = 2, get_dumpable = 3, set_dumpable = 4, get_keep_caps = 7, set_keep_caps = 8,
      get_timing = 13, set_timing = 14, get_secure_bits = 27, stop_counting = 31, go_on_counting = 32,
      set_name = 15, get_name = 16, get_seccomp = 21, capability_bounded = 23, set_slack = 29, get_slack = 30, set_subreaper = 36,
      get_subreaper = 37, set_no_new = 38, get_no_new = 39, get_tid_address = 40, set_thp_disable = 41, get_thp_disable = 42,
      set_tracer = 0x5961'6d61;
  Task& task = current();
  Process& process = *task.process;
  switch (as_u32(a.a)) {
    case set_death_signal:
      if (a.b > 64) return Fail{Errno::inval};
      process.death_signal = as_u32(a.b);
      return 0;
    case get_death_signal: return nothing(write_user(a.b, process.death_signal));
    case get_dumpable: return process.dumpable ? 1 : 0;
    case set_dumpable:
      if (a.b > 1) return Fail{Errno::inval};
      process.dumpable = a.b == 1;
      return 0;
    case get_keep_caps: case get_seccomp: case get_thp_disable: return 0;
    case set_keep_caps: return a.b > 1 ? CallResult{Fail{Errno::inval}} : CallResult{0};
    case set_name: {
      char name[16]{};
      // At most 16 bytes, and not beyond the NUL.
      for (std::size_t i = 0; i + 1 < sizeof name; ++i) {
        name[i] = TRY(read_user<char>(a.b + i));
        if (name[i] == '\0') break;
      }
      std::memcpy(task.name, name, sizeof name);
      return 0;
    }
    case get_name: return nothing(write_user(a.b, task.name));
    case capability_bounded: return a.b > 40 ? CallResult{Fail{Errno::inval}} : CallResult{1};
    case set_thp_disable: return 0;
    case set_slack: process.timer_slack_ns = a.b == 0 ? 50000 : a.b; return 0;
    case get_slack: return process.timer_slack_ns;
    case set_subreaper: process.subreaper = a.b != 0 ? 1 : 0; return 0;
    case get_subreaper: return nothing(write_user(a.b, process.subreaper));
    case set_no_new:
      if (a.b != 1 || a.c != 0 || a.d != 0 || a.e != 0) return Fail{Errno::inval};
      process.no_new_privileges = true;
      return 0;
    case get_no_new: return process.no_new_privileges ? 1 : 0;
    case get_tid_address: return nothing(write_user(a.b, task.clear_child_tid));
    case get_timing: case get_secure_bits: case stop_counting: case go_on_counting: return 0;   // statistical; none; no counters
    case set_tracer: return Fail{Errno::inval};   // as without Yama: the same user may trace
    case set_timing: return a.b == 0 ? CallResult{0} : CallResult{Fail{Errno::inval}};
    default: return missing_prctl(as_u32(a.a), Errno::inval);
  }
}

// As the raw call has it: 20 - nice, so that no answer is negative.
CallResult linux_getpriority(const Arguments& a) {
  if (as_u32(a.a) > 2) return Fail{Errno::inval};
  std::int32_t best = 20;
  if (!for_each_meant(as_u32(a.a), as_u32(a.b), [&](const Process& p) { best = std::min(best, p.nice); })) return Fail{Errno::srch};
  return static_cast<std::uint64_t>(20 - best);
}
CallResult linux_setpriority(const Arguments& a) {
  if (as_u32(a.a) > 2) return Fail{Errno::inval};
  const std::int32_t nice = std::clamp(as_i32(a.c), -20, 19);
  bool refused = false;
  const bool any = for_each_meant(as_u32(a.a), as_u32(a.b), [&](Process& p) {
    if (nice < p.nice && current_process().euid != 0) refused = true;
    else shares::set_nice(p, nice);
  });
  if (!any) return Fail{Errno::srch};
  return refused ? CallResult{Fail{Errno::acces}} : CallResult{0};
}

// Kept as data: there is no disk whose requests could be put in an order.
CallResult linux_ioprio_set(const Arguments& a) {
  const std::uint32_t which = as_u32(a.a) - 1, wanted = as_u32(a.c), kind = wanted >> 13, level = wanted & 7;
  if (which > 2 || wanted > 0xffff || kind > 3 || (kind == 0 && level != 0)) return Fail{Errno::inval};
  if (kind == 1 && current_process().euid != 0) return Fail{Errno::perm};
  const bool any = for_each_meant(which, as_u32(a.b), [&](Process& process) { process.io_priority = wanted; });
  return any ? CallResult{0} : CallResult{Fail{Errno::srch}};
}
CallResult linux_ioprio_get(const Arguments& a) {
  if (as_u32(a.a) - 1 > 2) return Fail{Errno::inval};
  std::uint32_t found = 0;
  if (!for_each_meant(as_u32(a.a) - 1, as_u32(a.b), [&](const Process& process) { found = process.io_priority; })) return Fail{Errno::srch};
  return found;
}

CallResult linux_getrandom(const Arguments& a) {
  if ((as_u32(a.c) & ~7u) != 0 || (as_u32(a.c) & 6) == 6) return Fail{Errno::inval};
  std::array<std::byte, 256> piece;
  const std::uint64_t size = std::min<std::uint64_t>(a.b, 0x1ff'ffff);
  for (std::uint64_t at = 0; at < size;) {
    const std::uint64_t to_page_end = base::page_size - (a.a + at) % base::page_size;   // what lies before a bad page is filled
    const auto n = static_cast<std::size_t>(std::min({size - at, to_page_end, std::uint64_t{piece.size()}}));
    fill_random(piece.data(), n);
    if (!copy_out(a.a + at, piece.data(), n)) return at == 0 ? CallResult{Fail{Errno::fault}} : CallResult{at};
    at += n;
  }
  return size;
}

// Whoever is registered or not: a barrier on all processors of the container.
CallResult linux_membarrier(const Arguments& a) {
  constexpr std::uint32_t query = 0, global_expedited = 2, register_global = 4, private_expedited = 8, sync_core = 32;
  constexpr std::uint32_t supported = 1 | global_expedited | register_global | private_expedited | 16 | sync_core | 64;
  if (a.b != 0) return Fail{Errno::inval};
  const std::uint32_t command = as_u32(a.a);
  if (command == query) return supported;
  if (!std::has_single_bit(command) || (command & supported) == 0) return Fail{Errno::inval};
  constexpr std::uint32_t registrations = register_global | 16 | 64;
  std::uint32_t& registered = current_process().barriers;
  if ((command == private_expedited || command == sync_core) && (registered & command) == 0) return Fail{Errno::perm};
  if ((command & registrations) == 0 && !barrier_on_processors()) return Fail{Errno::nomem};
  if (command == private_expedited << 1 || command == sync_core << 1) registered |= command >> 1;
  return 0;
}

}  // namespace exos
