// SPDX-License-Identifier: MIT
#include "libos/exos/strace.hpp"

#include "base/format.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/strace_values.hpp"
#include "libos/exos/user_memory.hpp"

namespace exos {

namespace {

struct Row {
  std::string_view name, format;
};
constexpr std::size_t table_size = 512;
constexpr auto table = [] {
  std::array<Row, table_size> rows{};
#define LINUX_CALL(number, name, level, format, note) rows[number] = {#name, format};
  LINUX_CALLS(LINUX_CALL)
#undef LINUX_CALL
  return rows;
}();

constinit bool wanted = false;

using Line = base::Text<500>;

// `[pid N] ` once there is, or was, more than one process.
void prefix(base::TextBuffer& line) {
  static constinit bool several = false;
  const Task& task = current();
  several |= task.tid != 1;
  if (!several) {
    std::size_t tasks = 0;
    for (const Process& process : processes()) tasks += process.tasks_alive;
    several = tasks > 1;
  }
  if (several) line.print("[pid {:5}] ", task.tid);
}

void print_argument(base::TextBuffer& line, char letter, std::uint64_t value, std::uint64_t next, const CallResult* result) {
  using namespace strace_values;
  switch (letter) {
    case 'd': case 'f': line.print("{}", static_cast<std::int32_t>(value)); return;
    case 'u': line.print("{}", value); return;
    case 'x': if (value == 0) line.append('0'); else line.print("{:#x}", value); return;
    case 'p': if (value == 0) line.append("NULL"); else line.print("{:#x}", value); return;
    case 's': string(line, value); return;
    case 'D':
      if (static_cast<std::int32_t>(value) == -100) line.append("AT_FDCWD");
      else line.print("{}", static_cast<std::int32_t>(value));
      return;
    case 'o': flags(line, value, open_flags); return;
    case 'm': line.print("0{:<}", octal(value)); return;
    case 'b': bytes(line, value, next); return;
    case 'B': if (result != nullptr && *result) bytes(line, value, **result); else line.print("{:#x}", value); return;
    case 'P': flags(line, value, prot_flags); return;
    case 'M': flags(line, value, mmap_flags); return;
    case 'S': line.append(signal_name(static_cast<std::uint32_t>(value))); return;
    case 'w': wait_status(line, value, result); return;
    case 'F': futex_operation(line, static_cast<std::uint32_t>(value)); return;
    case 'i': ioctl_request(line, static_cast<std::uint32_t>(value)); return;
    case 't': timespec(line, value); return;
    case 'T': if (result != nullptr && *result && value != 0) structure(line, value); else line.print("{:#x}", value); return;
    case 'v': string_list(line, value); return;
    default: line.print("{:#x}", value); return;
  }
}

void print_call(base::TextBuffer& line, std::uint64_t number, const Arguments& a, const CallResult* result) {
  prefix(line);
  if (number >= table_size || table[number].name.empty()) {
    line.print("syscall_{:#x}({:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x})", number, a.a, a.b, a.c, a.d, a.e, a.f);
    return;
  }
  line.append(table[number].name).append('(');
  const std::array<std::uint64_t, 7> values{a.a, a.b, a.c, a.d, a.e, a.f, 0};
  const std::string_view format = table[number].format;
  bool first = true;
  for (std::size_t i = 0; i < format.size() && i < 6; ++i) {
    if (format[i] == '-') continue;
    if (!std::exchange(first, false)) line.append(", ");
    print_argument(line, format[i], values[i], values[i + 1], result);
  }
  line.append(')');
}

// Results that are addresses, as strace has them.
bool answers_address(std::uint64_t number) { return number == 9 || number == 12 || number == 25; }

constexpr std::uint64_t call_execve = 59, call_exit = 60, call_exit_group = 231, call_execveat = 322;
bool prints_before(std::uint64_t number) {
  return number == call_execve || number == call_execveat || number == call_exit || number == call_exit_group;
}

void send(base::TextBuffer& line) {
  line.append('\n');
  if (line.truncated()) link::log_line("...\n");
  link::log_line(line.view());
}

constinit base::Text<400>* held = nullptr;  // execve's arguments, printed while the old program was there

}  // namespace

void strace_start(bool on) { wanted = on; }
bool strace_wanted() { return wanted; }

void strace_enter(std::uint64_t number, const Arguments& arguments) {
  if (!prints_before(number)) return;
  Line line;
  print_call(line, number, arguments, nullptr);
  if (number == call_execve || number == call_execveat) {
    destroy(std::exchange(held, make<base::Text<400>>()));
    if (held != nullptr) held->append(line.view());
    return;
  }
  line.append(" = ?");
  send(line);
}

void strace_call(std::uint64_t number, const Arguments& arguments, const CallResult& result) {
  Line line;
  if (held != nullptr && (number == call_execve || number == call_execveat)) line.append(held->view());
  else print_call(line, number, arguments, &result);
  if (!result) {
    const std::int32_t error = static_cast<std::int32_t>(result.error());
    if (error >= 512) line.print(" = ? {}", strace_values::restart_name(error));
    else line.print(" = -1 {} ({})", strace_values::error_name(error), strace_values::error_text(error));
  } else if (answers_address(number)) {
    line.print(" = {:#x}", *result);
  } else {
    line.print(" = {}", *result);
  }
  send(line);
}

void strace_signal(const SignalInfo& info) {
  if (!wanted) return;
  Line line;
  prefix(line);
  const std::string_view name = strace_values::signal_name(static_cast<std::uint32_t>(info.signo));
  line.print("--- {} {{si_signo={}, si_code={}", name, name, strace_values::code_name(info.signo, info.code));
  const auto signal = static_cast<std::uint32_t>(info.signo);
  const bool fault = (signal == sig_segv || signal == sig_bus || signal == sig_ill || signal == sig_fpe) && info.code > 0;
  if (fault) {
    if (info.address == 0) line.append(", si_addr=NULL");
    else line.print(", si_addr={:#x}", info.address);
  } else if (info.pid != 0) {
    line.print(", si_pid={}, si_uid={}", info.pid, info.uid);
    if (signal == sig_chld) line.print(", si_status={}, si_utime=0, si_stime=0", info.status);
  }
  line.append("} ---");
  send(line);
}

void strace_killed(const SignalInfo&, bool) {}

void strace_end(const Process& process) {
  if (!wanted) return;
  Line line;
  prefix(line);
  const std::uint32_t status = process.exit_status;
  if ((status & 0x7f) != 0) line.print("+++ killed by {} +++", strace_values::signal_name(status & 0x7f));
  else line.print("+++ exited with {} +++", status >> 8 & 0xff);
  send(line);
}

}  // namespace exos
