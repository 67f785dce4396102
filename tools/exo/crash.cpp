// SPDX-License-Identifier: MIT
#include "exo/crash.hpp"

#include <elfutils/libdwfl.h>
#include <signal.h>
#include <string.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <set>

#include "exo/elf_file.hpp"
#include "exo/run_description.hpp"

namespace exo {
namespace {

constexpr int frame_limit = 64;

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

std::optional<CrashRecord::Mapping> parse_mapping(std::string_view line) {
  CrashRecord::Mapping map;
  const auto start = number(take_until(line, '-'), 16);
  const auto end = number(take_until(line, ' '), 16);
  map.permissions = take_until(line, ' ');
  const auto offset = number(take_until(line, ' '), 16);
  const auto path = unescape(line);
  if (!start || !end || !offset || !path || *end < *start) return std::nullopt;
  map.start = *start, map.end = *end, map.offset = *offset, map.path = *path;
  return map;
}

bool take_line(CrashRecord& record, std::string_view line) {
  const std::string_view key = take_until(line, '=');
  if (key == "program") {
    record.program = unescape(line).value_or("?");
    return true;
  }
  if (key == "map") {
    const auto map = parse_mapping(line);
    if (map) record.maps.push_back(*map);
    return map.has_value();
  }
  const bool is_decimal = key == "pid" || key == "tid" || key == "signal" || key == "code";
  const auto value = number(line, is_decimal ? 10 : 16);
  if (!value) return key == "code";  // may be negative
  if (key == "pid") record.pid = *value;
  else if (key == "signal") record.signal = *value;
  else if (key == "code") record.code = *value;
  else if (key == "address") record.address = *value;
  else if (!is_decimal) record.registers.emplace(key, *value);
  return true;
}

// What libdwfl is given of the dead process: its registers and its stack.
struct Process {
  const CrashRecord& record;
  std::map<std::string, MappedFile> files;  // by guest path
};

bool read_memory(const Process& process, std::uint64_t address, std::uint64_t& out) {
  for (const auto& stack : process.record.stacks) {
    if (address < stack.address || address - stack.address + sizeof out > stack.bytes.size()) continue;
    std::memcpy(&out, stack.bytes.data() + (address - stack.address), sizeof out);
    return true;
  }
  for (const auto& map : process.record.maps) {
    if (address < map.start || address + sizeof out > map.end || map.permissions.find('w') != std::string::npos)
      continue;
    const auto file = process.files.find(map.path);
    if (file == process.files.end()) return false;
    const std::uint64_t offset = map.offset + (address - map.start);
    if (!base::range_within(offset, sizeof out, file->second.data().size())) return false;
    std::memcpy(&out, file->second.data().data() + offset, sizeof out);
    return true;
  }
  return false;
}

// DWARF's numbers of the registers. [x86-64 psABI, figure 3.36]
constexpr std::array<std::string_view, 17> dwarf_registers{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                                           "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};

std::uint64_t register_of(const CrashRecord& record, std::string_view name) {
  const auto it = record.registers.find(name);
  return it == record.registers.end() ? 0 : it->second;
}

pid_t next_thread(Dwfl*, void* argument, void** thread) {
  if (*thread != nullptr) return 0;
  *thread = argument;
  return 1;
}

bool read_word(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) {
  std::uint64_t word = 0;
  if (!read_memory(*static_cast<const Process*>(argument), address, word)) return false;
  *result = word;
  return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
  const CrashRecord& record = static_cast<const Process*>(argument)->record;
  std::array<Dwarf_Word, dwarf_registers.size()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = register_of(record, dwarf_registers[i]);
  dwfl_thread_state_register_pc(thread, register_of(record, "rip"));
  return dwfl_thread_state_registers(thread, 0, values.size(), values.data());
}

struct Trace {
  Dwfl* dwfl;
  std::string text;
  int count = 0;
};

void append(std::string& out, const char* format, auto... values) {
  std::array<char, 256> text{};
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(text.data(), text.size(), format, values...);
#pragma clang diagnostic pop
  out += text.data();
}

struct SourceLine {
  const char* path = nullptr;
  int line = 0;
};

// libdw looks units up in .debug_aranges, which clang leaves out; then the units themselves tell their ranges.
SourceLine find_line(Dwfl_Module* module, Dwarf_Addr at) {
  SourceLine found;
  if (Dwfl_Line* line = dwfl_module_getsrc(module, at)) {
    found.path = dwfl_lineinfo(line, nullptr, &found.line, nullptr, nullptr, nullptr);
    return found;
  }
  Dwarf_Addr bias = 0;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;) {
    if (dwarf_haspc(unit, at - bias) != 1) continue;
    Dwarf_Line* line = dwarf_getsrc_die(unit, at - bias);
    if (line == nullptr) continue;
    found.path = dwarf_linesrc(line, nullptr, nullptr);
    if (dwarf_lineno(line, &found.line) != 0) found.line = 0;
    return found;
  }
  return found;
}

int add_frame(Dwfl_Frame* frame, void* argument) {
  auto& trace = *static_cast<Trace*>(argument);
  Dwarf_Addr pc = 0;
  bool is_activation = false;
  if (trace.count >= frame_limit || !dwfl_frame_pc(frame, &pc, &is_activation)) return DWARF_CB_ABORT;
  const Dwarf_Addr at = is_activation ? pc : pc - 1;  // behind a call: the call itself
  append(trace.text, "  #%-2d 0x%012lx", trace.count++, pc);
  if (Dwfl_Module* module = dwfl_addrmodule(trace.dwfl, at)) {
    GElf_Off offset = 0;
    GElf_Sym symbol{};
    const char* name = dwfl_module_addrinfo(module, at, &offset, &symbol, nullptr, nullptr, nullptr);
    const char* file = dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    if (name != nullptr) append(trace.text, "  %s+0x%lx", name, offset + (pc - at));
    if (const SourceLine source = find_line(module, at); source.path != nullptr)
      append(trace.text, "  (%s:%d)", source.path, source.line);
    append(trace.text, "  in %s", file == nullptr ? "?" : file);
  }
  trace.text += '\n';
  return DWARF_CB_OK;
}

// Tells libdwfl where each file lies, and keeps the files for reading.
void report_modules(Dwfl* dwfl, Process& process, const HostFile& host_file) {
  dwfl_report_begin(dwfl);
  for (const auto& map : process.record.maps) {
    if (map.path.empty() || process.files.contains(map.path)) continue;
    const std::string host = host_file(map.path);
    if (host.empty()) continue;
    const auto elf = ElfFile::open(host);
    if (!elf.has_value()) continue;
    process.files.emplace(map.path, MappedFile{host});
    std::uint64_t base = 0;
    if (elf->view.header->type == base::elf::type_dyn)
      for (const auto& segment : elf->view.segments)
        if (segment.type == base::elf::pt_load) {
          base = map.start - map.offset - base::align_down(segment.vaddr - segment.offset, base::page_size);
          break;
        }
    dwfl_report_elf(dwfl, map.path.c_str(), host.c_str(), -1, base, false);
  }
  dwfl_report_end(dwfl, nullptr, nullptr);
}

std::string backtrace(const CrashRecord& record, const HostFile& host_file) {
  static constexpr Dwfl_Callbacks callbacks{.find_elf = dwfl_build_id_find_elf,
                                            .find_debuginfo = dwfl_standard_find_debuginfo,
                                            .section_address = dwfl_offline_section_address,
                                            .debuginfo_path = nullptr};
  static constexpr Dwfl_Thread_Callbacks threads{.next_thread = next_thread, .get_thread = nullptr,
                                                 .memory_read = read_word,
                                                 .set_initial_registers = set_registers,
                                                 .detach = nullptr, .thread_detach = nullptr};
  const std::unique_ptr<Dwfl, void (*)(Dwfl*)> dwfl{dwfl_begin(&callbacks), &dwfl_end};
  if (dwfl == nullptr) return "  (libdwfl does not start)\n";
  Process process{.record = record, .files = {}};
  report_modules(dwfl.get(), process, host_file);
  Trace trace{.dwfl = dwfl.get(), .text = {}};
  if (!dwfl_attach_state(dwfl.get(), nullptr, 1, &threads, &process)) {
    append(trace.text, "  #0  0x%012lx\n", register_of(record, "rip"));
    return trace.text;
  }
  dwfl_getthread_frames(dwfl.get(), 1, add_frame, &trace);
  if (trace.count == 0) append(trace.text, "  #0  0x%012lx\n", register_of(record, "rip"));
  return trace.text;
}

std::string report(const CrashRecord& record, const HostFile& host_file) {
  const char* name = ::sigabbrev_np(static_cast<int>(record.signal));
  std::string out = "exo: " + record.program;
  append(out, " (pid %lu) died of SIG%s, code %lu, at address 0x%lx\n", record.pid, name == nullptr ? "?" : name,
         record.code, record.address);
  int column = 0;
  for (const char* reg : {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",    "r8",      "r9",
                          "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags", "fs_base", "gs_base"})
    append(out, "  %-7s %016lx%s", reg, register_of(record, reg), ++column % 4 == 0 ? "\n" : "");
  out += "backtrace:\n" + backtrace(record, host_file) + "maps:\n";
  for (const auto& map : record.maps)
    append(out, "  %012lx-%012lx %s %08lx %s\n", map.start, map.end, map.permissions.c_str(), map.offset,
           map.path.c_str());
  return out;
}

}  // namespace

std::optional<CrashRecord> CrashRecord::take(std::string_view& text) {
  if (take_until(text, '\n') != "CRASH 1") return std::nullopt;
  CrashRecord record;
  while (true) {
    if (text.empty()) return std::nullopt;
    const std::string_view line = take_until(text, '\n');
    if (line.empty()) break;
    if (!take_line(record, line)) return std::nullopt;
  }
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line == "end") return record;
    if (take_until(line, ' ') != "stack") return std::nullopt;
    const auto address = number(take_until(line, ' '), 16);
    const auto size = number(line, 10);
    if (!address || !size || *size > text.size()) return std::nullopt;
    record.stacks.push_back({*address, std::string{text.substr(0, static_cast<std::size_t>(*size))}});
    text.remove_prefix(static_cast<std::size_t>(*size));
  }
  return std::nullopt;
}

std::string report_crashes(std::string_view text, const HostFile& host_file) {
  std::string out;
  while (!text.empty()) {
    const auto record = CrashRecord::take(text);
    if (!record) return out + "exo: the guest sent a damaged crash record\n";
    out += report(*record, host_file);
  }
  return out;
}

}  // namespace exo
