// SPDX-License-Identifier: MIT
#include "libos/exos/strace.hpp"

#include "base/format.hpp"
#include "libos/exos/call_classes.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/strace_values.hpp"
#include "libos/exos/user_memory.hpp"

namespace exos {

namespace {

constexpr std::uint64_t call_poll = 7, call_rt_sigreturn = 15, call_fcntl = 72, call_umask = 95, call_ppoll = 271;
constexpr std::uint64_t call_execve = 59, call_exit = 60, call_exit_group = 231, call_execveat = 322;

constinit bool wanted = false;
constinit CallSet chosen;

// A number that is no call's is among all.
bool is_chosen(std::uint64_t number) { return number < call_count ? chosen.has(number) : chosen.has(call_count - 1); }

using Line = base::Text<500>;

// `[pid N] ` while there is more than one.
void prefix(base::TextBuffer& line) {
  std::size_t tasks = 0;
  for (const Process& process : processes()) tasks += process.tasks_alive;
  if (tasks > 1 || current().tid != 1) line.print("[pid {:5}] ", current().tid);
}

struct Argument {
  std::uint64_t value, previous, next;
  const Arguments& all;
  const CallResult* result;  // null before the call
  [[nodiscard]] bool is_done() const { return result != nullptr && result->has_value(); }
};

// A value that the call has written, by `form`; its address when it has written none.
template <typename Form>
void written(base::TextBuffer& line, const Argument& a, Form form) {
  if (a.is_done()) form(line, a.value);
  else strace_values::pointer(line, a.value);
}

// Those of a call that fill no more than one argument and read nothing but it. True when it was one.
bool print_number(base::TextBuffer& line, char letter, std::uint64_t value) {
  using namespace strace_values;
  switch (letter) {
    case 'd': case 'f': line.print("{}", static_cast<std::int32_t>(value)); return true;
    case 'e': line.print("{}", static_cast<std::int64_t>(value)); return true;
    case 'u': line.print("{}", value); return true;
    case 'x': if (value == 0) line.append('0'); else line.print("{:#x}", value); return true;
    case 'p': pointer(line, value); return true;
    case 'D':
      if (static_cast<std::int32_t>(value) == -100) line.append("AT_FDCWD");
      else line.print("{}", static_cast<std::int32_t>(value));
      return true;
    case 'o': open_mode(line, value); return true;
    case 'O': extra_open_flags(line, value); return true;
    case 'm': case 'C': mode(line, value); return true;
    case 'a': flags(line, value, access_modes); return true;
    case 'A': flags(line, value, at_flags); return true;
    case '3': flags(line, value, at_access_flags); return true;
    case '1':
      if ((value & at_statx_sync_type) == 0) line.append("AT_STATX_SYNC_AS_STAT");
      if ((value & at_statx_sync_type) == 0 && value != 0) line.append('|');
      if (value != 0) flags(line, value, at_flags);
      return true;
    case '2': flags(line, value, statx_masks); return true;
    case 'P': flags(line, value, prot_flags); return true;
    case 'M': flags(line, value, mmap_flags); return true;
    case 'z': flags(line, value, mremap_flags); return true;
    case 'W': flags(line, value, wait_options); return true;
    case 'r': flags(line, value, random_flags); return true;
    case 'S': line.append(signal_name(static_cast<std::uint32_t>(value))); return true;
    case 'h': name_of(line, value, mask_change_names); return true;
    case 'E': name_of(line, value, whence_names); return true;
    case 'j': name_of(line, value, arch_code_names); return true;
    case 'R': name_of(line, value, resources); return true;
    case 'y': name_of(line, value, clocks); return true;
    case 'q': name_of(line, value, madvise_advice); return true;
    case '9': name_of(line, value, fadvise_advice); return true;
    case '5': name_of(line, value, address_families); return true;
    case '6': socket_type(line, value); return true;
    case '#': flags(line, value, timer_flags); return true;
    case '@': flags(line, value, epoll_flags); return true;
    case '%': flags(line, value, userfault_flags); return true;
    case '8': name_of(line, value, prctl_options); return true;
    case '$': name_of(line, value, trace_requests); return true;
    default: return false;
  }
}

void print_argument(base::TextBuffer& line, char letter, const Argument& a) {
  using namespace strace_values;
  if (print_number(line, letter, a.value)) return;
  switch (letter) {
    case 's': path(line, a.value); return;
    case 'Z': written(line, a, path); return;
    case 'b': bytes(line, a.value, a.next); return;
    case 'B': written(line, a, [&](auto& to, auto address) { bytes(to, address, **a.result); }); return;
    case 'H': written(line, a, [&](auto& to, auto address) { random_bytes(to, address, **a.result); }); return;
    case 'J': pieces(line, a.value, a.next, ~std::uint64_t{0}); return;
    case 'Q': written(line, a, [&](auto& to, auto address) { pieces(to, address, a.next, **a.result); }); return;
    case 'g': signal_set(line, a.value); return;
    case 'G': written(line, a, signal_set); return;
    case 'k': signal_action(line, a.value); return;
    case 'K': written(line, a, signal_action); return;
    case 'w': wait_status(line, a.value, a.result); return;
    case 't': timespec(line, a.value); return;
    case 'n': written(line, a, timespec); return;
    case 'T': written(line, a, stat); return;
    case 'X': written(line, a, statx); return;
    case 'l': resource_limit(line, a.value); return;
    case 'L': written(line, a, resource_limit); return;
    case 'I': written(line, a, descriptor_pair); return;
    case 'U': written(line, a, system_name); return;
    case 'N': written(line, a, [&](auto& to, auto address) { directory_entries(to, address, **a.result); }); return;
    case '4': poll_list(line, a.value, a.next); return;
    case '7': socket_address(line, a.value, a.next); return;
    case 'v': string_list(line, a.value); return;
    case 'V': string_count(line, a.value); return;
    case '0': clone_request(line, a.value, a.next, a.is_done()); return;
    case 'c': clone_arguments(line, a.all, a.is_done()); return;
    case 'F': futex_arguments(line, a.all); return;
    case 'i':
      name_of(line, a.value, ioctl_requests);
      ioctl_argument(line, a.value, a.next, a.is_done());
      return;
    case 'Y':
      name_of(line, a.value, fcntl_commands);
      fcntl_argument(line, a.value, a.next);
      return;
    default: line.print("{:#x}", a.value); return;
  }
}

// A mode counts only when a file may be made.
bool is_left_out(char letter, std::uint64_t previous) {
  return letter == '-' || (letter == 'C' && (previous & (o_creat | (o_tmpfile & ~o_directory))) == 0);
}

void print_call(base::TextBuffer& line, std::uint64_t number, const Arguments& a, const CallResult* result) {
  prefix(line);
  if (number >= call_count || !call_name(number).here()) {
    if (number < call_count && !call_name(number).name.empty()) line.append(call_name(number).name).append('(');
    else line.print("syscall_{:#x}(", number);
    bool is_first = true;
    for (const std::uint64_t value : {a.a, a.b, a.c, a.d, a.e, a.f}) {
      if (!std::exchange(is_first, false)) line.append(", ");
      print_number(line, 'x', value);
    }
    line.append(')');
    return;
  }
  line.append(call_name(number).name).append('(');
  const std::array<std::uint64_t, 8> values{0, a.a, a.b, a.c, a.d, a.e, a.f, 0};
  const std::string_view format = call_name(number).format;
  bool first = true;
  for (std::size_t i = 0; i < format.size() && i < 6; ++i) {
    if (is_left_out(format[i], values[i])) continue;
    if (!std::exchange(first, false)) line.append(", ");
    print_argument(line, format[i], {values[i + 1], values[i], values[i + 2], a, result});
  }
  if (number == call_rt_sigreturn && result != nullptr) {
    line.append("{mask=");
    strace_values::set_of_signals(line, current().signals.mask);
    line.append('}');
  }
  line.append(')');
}

// Results that are addresses, as strace has them.
bool answers_address(std::uint64_t number) { return number == 9 || number == 12 || number == 25; }

bool prints_before(std::uint64_t number) {
  return number == call_execve || number == call_execveat || number == call_exit || number == call_exit_group;
}

void send(base::TextBuffer& line) {
  if (!line.truncated()) return link::log_line(line.view());
  base::Text<512> cut;
  cut.append(line.view()).append("...");
  link::log_line(cut.view());
}

// Results stand in a column of their own, as far as the calls before them are short.
void to_result(base::TextBuffer& line) {
  constexpr std::size_t column = 40;
  line.append(' ');
  if (line.size() < column) line.append(column - line.size(), ' ');
  line.append("= ");
}

void print_success(base::TextBuffer& line, std::uint64_t number, const Arguments& a, std::uint64_t result) {
  using namespace strace_values;
  constexpr std::uint32_t getfd = 1, getfl = 3;
  const auto command = static_cast<std::uint32_t>(a.b);
  if (number == call_umask) return mode(line, result);
  if (number == call_fcntl && ((command == getfd && result != 0) || command == getfl)) {
    print_number(line, 'x', result);
    line.append(" (flags ");
    if (command == getfd) flags(line, result, descriptor_flags);
    else open_mode(line, result);
    line.append(')');
    return;
  }
  // rt_sigreturn answers what the interrupted call had answered.
  const auto interrupted = -static_cast<std::int64_t>(result);
  if (number == call_rt_sigreturn && interrupted > 0 && interrupted < 4096) {
    const auto error = static_cast<std::int32_t>(interrupted);
    line.print("-1 {} ({})", error_name(error), error_text(error));
    return;
  }
  if (answers_address(number)) line.print("{:#x}", result);
  else line.print("{}", static_cast<std::int64_t>(result));
  if (number == call_poll || number == call_ppoll) poll_answer(line, a.a, a.b, result);
}

constinit base::Text<400>* held = nullptr;  // execve's arguments, printed while the old program was there

}  // namespace

// The first program is started by no call of a program; it is shown as if it were.
std::string_view strace_start(std::string_view calls) {
  if (calls.empty()) return {};
  if (const std::string_view wrong = parse_call_set(calls, chosen); !wrong.empty()) return wrong;
  wanted = true;
  if (!chosen.has(call_execve)) return {};
  const RunDescription& run = run_description();
  Line line;
  line.append("execve(");
  strace_values::whole_text(line, run.program.view());
  line.append(", [");
  for (std::size_t i = 0; i < run.arguments.size(); ++i) {
    if (i != 0) line.append(", ");
    strace_values::text(line, run.arguments[i].view());
  }
  line.print("], [/* {} var{} */])", run.environment.size(), run.environment.size() == 1 ? "" : "s");
  to_result(line);
  line.append('0');
  send(line);
  return {};
}
bool strace_wanted() { return wanted; }

void strace_enter(std::uint64_t number, const Arguments& arguments) {
  if (!wanted || !prints_before(number) || !is_chosen(number)) return;
  const CopiesFail guard;
  Line line;
  print_call(line, number, arguments, nullptr);
  if (number == call_execve || number == call_execveat) {
    destroy(std::exchange(held, make<base::Text<400>>()));
    if (held != nullptr) held->append(line.view());
    return;
  }
  to_result(line);
  line.append('?');
  send(line);
}

void strace_call(std::uint64_t number, const Arguments& arguments, const CallResult& result) {
  if (!wanted || !is_chosen(number)) return;
  const CopiesFail guard;
  Line line;
  if (held != nullptr && (number == call_execve || number == call_execveat)) line.append(held->view());
  else print_call(line, number, arguments, &result);
  to_result(line);
  if (result) {
    print_success(line, number, arguments, *result);
  } else {
    const std::int32_t error = static_cast<std::int32_t>(result.error());
    if (error >= 512) line.print("? {}", strace_values::restart_name(error));
    else line.print("-1 {} ({})", strace_values::error_name(error), strace_values::error_text(error));
  }
  send(line);
}

// A SIGKILL is not delivered: only its effect is seen.
void strace_signal(const SignalInfo& info) {
  if (!wanted || static_cast<std::uint32_t>(info.signo) == sig_kill) return;
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
