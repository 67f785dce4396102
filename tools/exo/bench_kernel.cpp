// SPDX-License-Identifier: MIT
#include "exo/bench_kernel.hpp"

#include <fcntl.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "exo/archive.hpp"
#include "exo/bench_sample.hpp"
#include "exo/bench_text.hpp"
#include "exo/machine.hpp"
#include "exo/scratch_folder.hpp"
#include "exo/session.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr int limit_ms = 120'000;

constexpr double zeroed_page = 512;  // rep stosq counts once for each of its 512 words

constexpr double more_contexts = 63;   // than one
// What program_run copies for each: the context in; zeros, and then the result, out. A word of 8 bytes counts once.
constexpr double copied_result = 6, copied_word = 1 + copied_result, copied_packet = 8 + copied_result;

constexpr KernelRow rows[] = {
    {"nop", "null Aegis call, round trip", 60, "Linux getpid 322"},
    {"exception", "exception to the handler's first instruction", 80, "Aegis 1995: 18 (MIPS)"},
    {"protection_fault", "page-protection fault, handler, fixed, back", 350, "Linux SIGSEGV + mprotect 16,190"},
    {"dirty", "dirty query", 10, "Linux pagemap 32,730"},
    {"protect_1", "protect 1 page", 250, "Linux mprotect 9,290"},
    {"protect_1_pair", "protect 1 page, unprotect it", 500, ""},
    {"protect_1_list", "protect 1 page by a list of one operation", 0, ""},
    {"protect_100", "protect 100 pages", 2500, "Linux mprotect 25,406"},
    {"unprotect_100", "unprotect 100 pages", 2500, "Linux mprotect 25,406"},
    {"appel1", "Appel1: trap, protect another, unprotect; per page", 700, "Linux 21,492"},
    {"appel2", "Appel2: protect 100, trap, unprotect; per page", 450, "Linux 13,146"},
    {"map_unmap", "map a fresh page, unmap it (zeroing apart)", 500, "Linux mmap + touch + munmap 18,825", zeroed_page},
    {"map_unmap_100", "the same for 100 pages (zeroing apart)", 0, "", 100 * zeroed_page},
    {"map_again", "map an own frame, unmap it, one call", 0, ""},
    {"frame_alloc_free", "allocate a frame, free it (zeroing apart)", 0, "", zeroed_page},
    {"transfer_registers", "synchronous transfer, one way, message in registers", 150, "seL4: call 775, reply 646 cycles"},
    {"transfer", "synchronous transfer, one way, 10 words", 150, "seL4: call 775, reply 646 cycles"},
    {"transfer_served", "the same there and back, with a handler in C++", 0, ""},
    {"foreign", "foreign call reflected to the library, and back", 120, "Linux getpid 322"},
    {"foreign_rewritten", "foreign call from a rewritten site, and back", 40, "Linux getpid 322"},
    {"env_create_destroy", "env create + destroy", 15000, "Linux fork + exit + wait 272,414"},
    {"domain_create_destroy", "account, space, table, env: create + destroy", 0, "Linux fork + exit + wait 272,414"},
    {"yield_same_space", "directed yield, same space, one way", 0, "Linux sched_yield switch 1,767"},
    {"yield_other_space", "directed yield, other space, one way", 0, "Linux sched_yield switch 1,767"},
    {"wake_sleep", "wake a sleeper, yield to it, it sleeps", 0, "Linux futex ping-pong 8,980"},
    {"wake", "wake one that does not sleep", 0, ""},
    {"wait_word", "env_wait for a word that is true already", 0, ""},
    {"ring", "ring: put and take 64 bytes, nobody sleeps", 0, "Linux pipe round trip 11,241"},
    {"program_load", "load a program of 4,096 instructions", 5'000'000, ""},
    {"program_run", "program_run, one comparison, whole call", 0, ""},
    {"predicate", "predicate of one comparison (copying apart)", 40, "", copied_word, {"program_run", more_contexts}},
    {"filter_run", "program_run, filter of ten comparisons", 0, ""},
    {"filter", "filter of ten comparisons (copying apart)", 60, "", copied_packet, {"filter_run", more_contexts}},
    {"watch_true", "env_watch by a predicate that is true already", 0, ""},
    {"page_signal", "page_signal, nobody waits", 0, ""},
    {"watch_look", "page_signal, for each sleeper on a predicate", 0, "", 0, {"page_signal", 64}},
    {"cap_derive", "derive a capability", 0, ""},
    {"cap_drop", "drop a capability", 0, ""},
    {"cap_revoke", "revoke, for each derived capability", 0, ""},
    {"cap_read", "read a capability", 0, ""},
    {"account_read", "read an account", 0, ""},
};

struct BootPlan {
  bool icount = false;
  std::string plugin, shares;  // the plugin and the file that it writes; empty: without
};

Result<std::string> run_guest(const Locations& at, const BootPlan& plan) {
  const fs::path program = at.build / "bench/kernel.elf";
  TRY_VOID(require_built(program));
  const Archive archive = TRY(make_bare_archive(program.string()));
  Machine machine = TRY(start_machine({.qemu = TRY(find_qemu("")),
                                       .console = Console::none,
                                       .memory = 64u << 20,
                                       .cpus = 1,
                                       .icount = plan.icount,
                                       .plugin = plan.plugin.empty() ? "" : plan.plugin + ",out=" + plan.shares,
                                       .kernel = at.kernel.string(),
                                       .command_line = "wall=1700000000000000000",
                                       .archive = archive.file.get()}));
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  Session session{machine, {.in = null.get(), .out = null.get(), .err = null.get(), .timeout_ms = limit_ms}};
  const SessionEnd end = session.run();
  if (end.kind == SessionEnd::Kind::machine_died && debug_exit_code(end.wait_status) == 0) return end.log;
  std::fwrite(end.log.data(), 1, end.log.size(), stderr);
  std::fwrite(end.qemu_words.data(), 1, end.qemu_words.size(), stderr);
  return fail(own_failure, "the measuring guest did not come to its end");
}

// Of each row what another row tells by itself.
void take_parts_off(Measurements& all) {
  const Measurements whole = all;
  for (const KernelRow& row : rows) {
    const auto found = all.find(row.key);
    if (row.less.key == nullptr || found == all.end() || !whole.contains(row.less.key)) continue;
    Measured& m = found->second;
    const Measured& part = whole.at(row.less.key);
    m.instructions -= part.instructions / row.less.operations;
    m.nanoseconds -= part.nanoseconds / row.less.operations;
    if (m.ring0 && part.ring0) *m.ring0 -= *part.ring0 / row.less.operations;
    if (m.ring3 && part.ring3) *m.ring3 -= *part.ring3 / row.less.operations;
  }
}

// Instructions, with the shares if this QEMU takes the plugin.
Result<Measurements> count(const Locations& at) {
  const fs::path plugin = at.build / "bench/rings.so";
  const ScratchFolder scratch;
  if (fs::exists(plugin)) {
    const BootPlan plan{.icount = true, .plugin = plugin.string(), .shares = scratch.file("shares")};
    const auto log = run_guest(at, plan);
    if (log.has_value()) return read_measurements(*log, contents_of(plan.shares));
    std::fprintf(stderr, "exo: counting without the shares of the rings: this QEMU did not take %s\n", plugin.c_str());
  }
  return read_measurements(TRY(run_guest(at, {.icount = true})), "");
}

void print_table(const Measurements& counted, const Measurements* timed) {
  std::printf("guest instructions under -icount shift=0, one processor, warm%s\n",
              timed != nullptr ? "; emulated time in a run without it" : "");
  std::printf("%-50s %8s %8s %8s %8s %9s  %s\n", "operation", "aim", "total", "ring 0", "ring 3", "time, ns",
              "to compare");
  for (const KernelRow& row : rows) {
    const auto found = counted.find(row.key);
    if (found == counted.end()) {
      std::printf("%-50s %8s %8s\n", row.title, row.aim == 0 ? "" : grouped(row.aim).c_str(), "not there");
      continue;
    }
    const Measured& m = found->second;
    const std::optional<double> ring0 = m.ring0 ? std::optional{*m.ring0 - row.apart} : std::nullopt;
    std::string time = "";
    if (timed != nullptr && timed->contains(row.key)) time = grouped(std::round(timed->at(row.key).nanoseconds));
    std::printf("%-50s %8s %8s %8s %8s %9s  %s\n", row.title, row.aim == 0 ? "" : grouped(row.aim).c_str(),
                grouped(m.instructions - row.apart).c_str(), grouped(ring0).c_str(), grouped(m.ring3).c_str(),
                time.c_str(), row.comparison);
  }
}

Status compare(const Measurements& first, const Measurements& second) {
  if (first == second) return {};
  std::string text = "two runs differ, which counted instructions must not:";
  for (const auto& [key, m] : first)
    if (!second.contains(key) || !(second.at(key) == m)) text += " " + key;
  return fail(own_failure, text);
}

std::string json_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  std::string out = text;
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

void print_json(const Measurements& counted, const Measurements* timed) {
  std::printf("{\n  \"unit\": \"guest instructions, -icount shift=0\",\n  \"rows\": [");
  const char* separator = "\n";
  for (const KernelRow& row : rows) {
    const auto found = counted.find(row.key);
    if (found == counted.end()) continue;
    const Measured& m = found->second;
    std::printf("%s    {\"key\": \"%s\", \"title\": \"%s\", \"aim\": %s, \"total\": %s", separator, row.key, row.title,
                row.aim == 0 ? "null" : json_number(row.aim).c_str(), json_number(m.instructions - row.apart).c_str());
    if (m.ring0) std::printf(", \"ring0\": %s", json_number(*m.ring0 - row.apart).c_str());
    if (m.ring3) std::printf(", \"ring3\": %s", json_number(*m.ring3).c_str());
    if (timed != nullptr && timed->contains(row.key))
      std::printf(", \"nanoseconds\": %s", json_number(timed->at(row.key).nanoseconds).c_str());
    std::printf(", \"comparison\": \"%s\"}", row.comparison);
    separator = ",\n";
  }
  std::printf("\n  ]\n}\n");
}

}  // namespace

Result<Measurements> read_measurements(const std::string& log, const std::string& shares) {
  const auto sections = read_sections(shares);
  const std::vector<CountedInterval> intervals = sections.empty() ? std::vector<CountedInterval>{} : sections.front();
  Measurements out;
  double empty_counter = 0, empty_ns = 0;
  CountedInterval empty{};
  std::istringstream lines{log};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string what, key;
    std::uint64_t operations = 0, counter = 0, ns = 0, interval = 0;
    if (!(words >> what >> key) || what != "row") continue;
    if (!(words >> operations >> counter >> ns >> interval) || operations == 0)
      return fail(own_failure, "the measuring guest said \"" + line + "\"");
    if (!intervals.empty() && interval >= intervals.size())
      return fail(own_failure, "the plugin counted " + std::to_string(intervals.size()) + " intervals, too few");
    const CountedInterval share = intervals.empty() ? CountedInterval{} : intervals[interval];
    if (key == "empty") {
      empty_counter = static_cast<double>(counter), empty_ns = static_cast<double>(ns), empty = share;
      continue;
    }
    const auto each = [&](double sum) { return sum / static_cast<double>(operations); };
    Measured m{.instructions = each(static_cast<double>(counter) - empty_counter),
               .ring0 = {},
               .ring3 = {},
               .nanoseconds = each(static_cast<double>(ns) - empty_ns)};
    if (!intervals.empty()) {
      m.ring0 = each(static_cast<double>(share.ring0) - static_cast<double>(empty.ring0));
      m.ring3 = each(static_cast<double>(share.ring3) - static_cast<double>(empty.ring3));
    }
    out.emplace(key, m);
  }
  if (out.empty()) return fail(own_failure, "the measuring guest told no figures");
  take_parts_off(out);
  return out;
}

std::span<const KernelRow> kernel_rows() { return rows; }

Result<Measurements> count_kernel(const Locations& at) {
  Measurements all = TRY(count(at));
  for (const KernelRow& row : rows)
    if (const auto found = all.find(row.key); found != all.end()) {
      found->second.instructions -= row.apart;
      if (found->second.ring0) *found->second.ring0 -= row.apart;
    }
  return all;
}

Result<Measurements> time_kernel(const Locations& at) { return read_measurements(TRY(run_guest(at, {})), ""); }

Result<int> bench_kernel(const Locations& at, const std::vector<std::string>& words) {
  bool json = false, times = true, twice = false;
  for (const std::string& word : words) {
    if (word == "--json")
      json = true;
    else if (word == "--no-times")
      times = false;
    else if (word == "--twice")
      twice = true;
    else
      return fail(own_failure, "unknown option " + word + ": `exo bench kernel [--json] [--no-times] [--twice]`");
  }
  const Measurements counted = TRY(count(at));
  if (twice) TRY_VOID(compare(counted, TRY(count(at))));
  std::optional<Measurements> timed;
  if (times) timed = TRY(time_kernel(at));
  (json ? print_json : print_table)(counted, timed ? &*timed : nullptr);
  return 0;
}

}  // namespace exo
