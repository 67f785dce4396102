// SPDX-License-Identifier: MIT
#include "libos/exos/strace_values.hpp"

#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/signal.hpp"
#include "libos/exos/user_memory.hpp"

namespace exos::strace_values {

namespace {

struct ErrorRow { std::string_view name, text; };
// By number; empty where Linux has none.
constexpr ErrorRow errors[] = {
    {"0", "Success"}, {"EPERM", "Operation not permitted"}, {"ENOENT", "No such file or directory"},
    {"ESRCH", "No such process"}, {"EINTR", "Interrupted system call"}, {"EIO", "Input/output error"},
    {"ENXIO", "No such device or address"}, {"E2BIG", "Argument list too long"}, {"ENOEXEC", "Exec format error"},
    {"EBADF", "Bad file descriptor"}, {"ECHILD", "No child processes"},
    {"EAGAIN", "Resource temporarily unavailable"}, {"ENOMEM", "Cannot allocate memory"},
    {"EACCES", "Permission denied"}, {"EFAULT", "Bad address"}, {"ENOTBLK", "Block device required"},
    {"EBUSY", "Device or resource busy"}, {"EEXIST", "File exists"}, {"EXDEV", "Invalid cross-device link"},
    {"ENODEV", "No such device"}, {"ENOTDIR", "Not a directory"}, {"EISDIR", "Is a directory"},
    {"EINVAL", "Invalid argument"}, {"ENFILE", "Too many open files in system"}, {"EMFILE", "Too many open files"},
    {"ENOTTY", "Inappropriate ioctl for device"}, {"ETXTBSY", "Text file busy"}, {"EFBIG", "File too large"},
    {"ENOSPC", "No space left on device"}, {"ESPIPE", "Illegal seek"}, {"EROFS", "Read-only file system"},
    {"EMLINK", "Too many links"}, {"EPIPE", "Broken pipe"}, {"EDOM", "Numerical argument out of domain"},
    {"ERANGE", "Numerical result out of range"}, {"EDEADLOCK", "Resource deadlock avoided"},
    {"ENAMETOOLONG", "File name too long"}, {"ENOLCK", "No locks available"}, {"ENOSYS", "Function not implemented"},
    {"ENOTEMPTY", "Directory not empty"}, {"ELOOP", "Too many levels of symbolic links"}, {},
    {"ENOMSG", "No message of desired type"}, {"EIDRM", "Identifier removed"},
    {"ECHRNG", "Channel number out of range"}, {"EL2NSYNC", "Level 2 not synchronized"}, {"EL3HLT", "Level 3 halted"},
    {"EL3RST", "Level 3 reset"}, {"ELNRNG", "Link number out of range"}, {"EUNATCH", "Protocol driver not attached"},
    {"ENOCSI", "No CSI structure available"}, {"EL2HLT", "Level 2 halted"}, {"EBADE", "Invalid exchange"},
    {"EBADR", "Invalid request descriptor"}, {"EXFULL", "Exchange full"}, {"ENOANO", "No anode"},
    {"EBADRQC", "Invalid request code"}, {"EBADSLT", "Invalid slot"}, {}, {"EBFONT", "Bad font file format"},
    {"ENOSTR", "Device not a stream"}, {"ENODATA", "No data available"}, {"ETIME", "Timer expired"},
    {"ENOSR", "Out of streams resources"}, {"ENONET", "Machine is not on the network"},
    {"ENOPKG", "Package not installed"}, {"EREMOTE", "Object is remote"}, {"ENOLINK", "Link has been severed"},
    {"EADV", "Advertise error"}, {"ESRMNT", "Srmount error"}, {"ECOMM", "Communication error on send"},
    {"EPROTO", "Protocol error"}, {"EMULTIHOP", "Multihop attempted"}, {"EDOTDOT", "RFS specific error"},
    {"EBADMSG", "Bad message"}, {"EOVERFLOW", "Value too large for defined data type"},
    {"ENOTUNIQ", "Name not unique on network"}, {"EBADFD", "File descriptor in bad state"},
    {"EREMCHG", "Remote address changed"}, {"ELIBACC", "Can not access a needed shared library"},
    {"ELIBBAD", "Accessing a corrupted shared library"}, {"ELIBSCN", ".lib section in a.out corrupted"},
    {"ELIBMAX", "Attempting to link in too many shared libraries"},
    {"ELIBEXEC", "Cannot exec a shared library directly"},
    {"EILSEQ", "Invalid or incomplete multibyte or wide character"},
    {"ERESTART", "Interrupted system call should be restarted"}, {"ESTRPIPE", "Streams pipe error"},
    {"EUSERS", "Too many users"}, {"ENOTSOCK", "Socket operation on non-socket"},
    {"EDESTADDRREQ", "Destination address required"}, {"EMSGSIZE", "Message too long"},
    {"EPROTOTYPE", "Protocol wrong type for socket"}, {"ENOPROTOOPT", "Protocol not available"},
    {"EPROTONOSUPPORT", "Protocol not supported"}, {"ESOCKTNOSUPPORT", "Socket type not supported"},
    {"ENOTSUP", "Operation not supported"}, {"EPFNOSUPPORT", "Protocol family not supported"},
    {"EAFNOSUPPORT", "Address family not supported by protocol"}, {"EADDRINUSE", "Address already in use"},
    {"EADDRNOTAVAIL", "Cannot assign requested address"}, {"ENETDOWN", "Network is down"},
    {"ENETUNREACH", "Network is unreachable"}, {"ENETRESET", "Network dropped connection on reset"},
    {"ECONNABORTED", "Software caused connection abort"}, {"ECONNRESET", "Connection reset by peer"},
    {"ENOBUFS", "No buffer space available"}, {"EISCONN", "Transport endpoint is already connected"},
    {"ENOTCONN", "Transport endpoint is not connected"},
    {"ESHUTDOWN", "Cannot send after transport endpoint shutdown"},
    {"ETOOMANYREFS", "Too many references: cannot splice"}, {"ETIMEDOUT", "Connection timed out"},
    {"ECONNREFUSED", "Connection refused"}, {"EHOSTDOWN", "Host is down"}, {"EHOSTUNREACH", "No route to host"},
    {"EALREADY", "Operation already in progress"}, {"EINPROGRESS", "Operation now in progress"},
    {"ESTALE", "Stale file handle"}, {"EUCLEAN", "Structure needs cleaning"},
    {"ENOTNAM", "Not a XENIX named type file"}, {"ENAVAIL", "No XENIX semaphores available"},
    {"EISNAM", "Is a named type file"}, {"EREMOTEIO", "Remote I/O error"}, {"EDQUOT", "Disk quota exceeded"},
    {"ENOMEDIUM", "No medium found"}, {"EMEDIUMTYPE", "Wrong medium type"}, {"ECANCELED", "Operation canceled"},
    {"ENOKEY", "Required key not available"}, {"EKEYEXPIRED", "Key has expired"},
    {"EKEYREVOKED", "Key has been revoked"}, {"EKEYREJECTED", "Key was rejected by service"},
    {"EOWNERDEAD", "Owner died"}, {"ENOTRECOVERABLE", "State not recoverable"},
    {"ERFKILL", "Operation not possible due to RF-kill"},
};

constexpr std::string_view signals[] = {
    "0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU",
    "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS", "SIGRTMIN", "SIGRT_1",
    "SIGRT_2", "SIGRT_3", "SIGRT_4", "SIGRT_5", "SIGRT_6", "SIGRT_7", "SIGRT_8", "SIGRT_9", "SIGRT_10", "SIGRT_11", "SIGRT_12",
    "SIGRT_13", "SIGRT_14", "SIGRT_15", "SIGRT_16", "SIGRT_17", "SIGRT_18", "SIGRT_19", "SIGRT_20", "SIGRT_21", "SIGRT_22",
    "SIGRT_23", "SIGRT_24", "SIGRT_25", "SIGRT_26", "SIGRT_27", "SIGRT_28", "SIGRT_29", "SIGRT_30", "SIGRT_31", "SIGRT_32"};

constexpr std::size_t longest = 32;  // bytes of a string that are shown, as strace has it

void quoted(base::TextBuffer& line, std::string_view text, bool more) {
  line.append('"');
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\n': line.append("\\n"); continue;
      case '\t': line.append("\\t"); continue;
      case '\r': line.append("\\r"); continue;
      case '\f': line.append("\\f"); continue;
      case '\v': line.append("\\v"); continue;
      case '"': line.append("\\\""); continue;
      case '\\': line.append("\\\\"); continue;
      default: break;
    }
    if (byte >= 0x20 && byte < 0x7f) {
      line.append(c);
      continue;
    }
    // Three digits only when one follows that could be taken for part of the number.
    const bool digit_follows = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (digit_follows) line.print("\\{:03}", octal(byte));
    else line.print("\\{}", octal(byte));
  }
  line.append('"');
  if (more) line.append("...");
}

}  // namespace

void pointer(base::TextBuffer& line, std::uint64_t address) {
  if (address == 0) line.append("NULL");
  else line.print("{:#x}", address);
}

// At least three digits, the first a 0.
void mode(base::TextBuffer& line, std::uint64_t value) {
  value &= 0xffff;
  if (value < 0100) line.print("{:03}", octal(value));
  else line.print("0{}", octal(value));
}

void text(base::TextBuffer& line, std::string_view whole) { quoted(line, whole.substr(0, longest), whole.size() > longest); }
void whole_text(base::TextBuffer& line, std::string_view whole) { quoted(line, whole, false); }

// Paths are shown whole, other strings by their start.
void path(base::TextBuffer& line, std::uint64_t address) {
  constexpr std::size_t longest_path = 360;
  if (address == 0) { line.append("NULL"); return; }
  std::array<char, longest_path> text;
  std::size_t size = 0;
  while (size < text.size()) {
    const auto c = read_user<char>(address + size);
    if (!c) { line.print("{:#x}", address); return; }
    if (*c == '\0') break;
    text[size++] = *c;
  }
  quoted(line, {text.data(), size}, size == text.size());
}

void string(base::TextBuffer& line, std::uint64_t address) {
  if (address == 0) { line.append("NULL"); return; }
  char text[longest + 1];
  std::size_t size = 0;
  while (size < sizeof text) {
    const auto c = read_user<char>(address + size);
    if (!c) { line.print("{:#x}", address); return; }
    if (*c == '\0') break;
    text[size++] = *c;
  }
  quoted(line, {text, std::min(size, longest)}, size > longest);
}

void bytes(base::TextBuffer& line, std::uint64_t address, std::uint64_t size) {
  if (address == 0) { line.append("NULL"); return; }
  char text[longest];
  const std::size_t n = std::min<std::uint64_t>(size, longest);
  if (!copy_in(text, address, n)) { line.print("{:#x}", address); return; }
  quoted(line, {text, n}, size > longest);
}

void random_bytes(base::TextBuffer& line, std::uint64_t address, std::uint64_t size) {
  std::array<unsigned char, longest> data;
  const std::size_t n = std::min<std::uint64_t>(size, data.size());
  if (!copy_in(data.data(), address, n)) { pointer(line, address); return; }
  line.append('"');
  for (std::size_t i = 0; i < n; ++i) line.print("\\x{:02x}", data[i]);
  line.append(size > n ? "\"..." : "\"");
}

void string_list(base::TextBuffer& line, std::uint64_t address) {
  if (address == 0) { line.append("NULL"); return; }
  constexpr std::size_t most = 8;
  line.append('[');
  for (std::size_t i = 0;; ++i) {
    const auto at = read_user<std::uint64_t>(address + i * 8);
    if (!at || *at == 0) break;
    if (i != 0) line.append(", ");
    if (i == most) { line.append("..."); break; }
    string(line, *at);
  }
  line.append(']');
}

void string_count(base::TextBuffer& line, std::uint64_t address) {
  constexpr std::uint64_t most = 100'000;
  if (address == 0) { line.append("NULL"); return; }
  std::uint64_t count = 0;
  for (; count < most; ++count) {
    const auto at = read_user<std::uint64_t>(address + count * 8);
    if (!at || *at == 0) break;
  }
  line.print("{:#x} /* {} var{} */", address, count, count == 1 ? "" : "s");
}

void wait_status(base::TextBuffer& line, std::uint64_t address, const CallResult* result) {
  if (address == 0) { line.append("NULL"); return; }
  const auto status = read_user<std::uint32_t>(address);
  if (result == nullptr || !*result || **result == 0 || !status) { line.print("{:#x}", address); return; }
  const std::uint32_t s = *status;
  if ((s & 0x7f) == 0) line.print("[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", s >> 8 & 0xff);
  else if ((s & 0xff) == 0x7f) line.print("[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]", signal_name(s >> 8 & 0xff));
  else if (s == 0xffff) line.append("[{WIFCONTINUED(s)}]");
  else line.print("[{{WIFSIGNALED(s) && WTERMSIG(s) == {}{}}}]", signal_name(s & 0x7f), (s & 0x80) != 0 ? " && WCOREDUMP(s)" : "");
}

// The operation and what follows it, which depends on the operation.
void futex_arguments(base::TextBuffer& line, const Arguments& a) {
  constexpr std::string_view names[] = {"FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP",
      "FUTEX_LOCK_PI", "FUTEX_UNLOCK_PI", "FUTEX_TRYLOCK_PI", "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET"};
  enum : std::uint32_t { wait, wake, descriptor, requeue, compare_requeue, wake_op, lock_pi, unlock_pi, trylock_pi, wait_bitset, wake_bitset };
  const auto operation = static_cast<std::uint32_t>(a.b);
  const std::uint32_t command = operation & 127;
  if (command >= std::size(names)) { line.print("{:#x}, {}", operation, static_cast<std::uint32_t>(a.c)); return; }
  line.append(names[command]);
  if ((operation & 128) != 0) line.append("_PRIVATE");
  if ((operation & 256) != 0) line.append("|FUTEX_CLOCK_REALTIME");
  if (command == unlock_pi || command == trylock_pi) return;
  if (command != lock_pi) line.print(", {}", static_cast<std::uint32_t>(a.c));
  if (command == wait || command == wait_bitset || command == lock_pi) {
    line.append(", ");
    timespec(line, a.d);
  }
  if (command == requeue || command == compare_requeue || command == wake_op)
    line.print(", {}, {:#x}", static_cast<std::uint32_t>(a.d), a.e);
  if (command == compare_requeue || command == wake_op) line.print(", {}", static_cast<std::uint32_t>(a.f));
  if (command != wait_bitset && command != wake_bitset) return;
  line.append(", ");
  if (static_cast<std::uint32_t>(a.f) == 0xffff'ffff) line.append("FUTEX_BITSET_MATCH_ANY");
  else line.print("{:#x}", static_cast<std::uint32_t>(a.f));
}

void clone_arguments(base::TextBuffer& line, const Arguments& a, bool is_done) {
  constexpr std::uint64_t signal_bits = 0xff;
  line.append("child_stack=");
  pointer(line, a.b);
  line.append(", flags=");
  if ((a.a & ~signal_bits) != 0 || (a.a & signal_bits) == 0) flags(line, a.a & ~signal_bits, clone_flags);
  if ((a.a & ~signal_bits) != 0 && (a.a & signal_bits) != 0) line.append('|');
  if ((a.a & signal_bits) != 0) line.append(signal_name(static_cast<std::uint32_t>(a.a & signal_bits)));
  if ((a.a & clone_parent_settid) != 0) {
    const auto tid = is_done ? read_user<std::int32_t>(a.c) : Result<std::int32_t>{Fail{Errno::fault}};
    if (tid) line.print(", parent_tid=[{}]", *tid);
    else line.print(", parent_tid={:#x}", a.c);
  }
  if ((a.a & clone_settls) != 0) line.print(", tls={:#x}", a.e);
  if ((a.a & (clone_child_settid | clone_child_cleartid)) != 0) line.print(", child_tidptr={:#x}", a.d);
}

void socket_type(base::TextBuffer& line, std::uint64_t value) {
  constexpr std::string_view names[] = {"0", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET"};
  const std::uint64_t type = value & 0xf;
  if (type < std::size(names)) line.append(names[type]);
  else line.print("{:#x}", type);
  if ((value & 02000000) != 0) line.append("|SOCK_CLOEXEC");
  if ((value & 04000) != 0) line.append("|SOCK_NONBLOCK");
}

std::uint64_t octal(std::uint64_t value) {
  std::uint64_t out = 0;
  for (std::uint64_t place = 1; value != 0; value /= 8, place *= 10) out += value % 8 * place;
  return out;
}

std::string_view signal_name(std::uint32_t signal) { return signal < std::size(signals) ? signals[signal] : "SIG?"; }

std::string_view code_name(std::int32_t signal, std::int32_t code) {
  switch (code) {
    case 0: return "SI_USER";
    case -1: return "SI_QUEUE";
    case -2: return "SI_TIMER";
    case -6: return "SI_TKILL";
    case 0x80: return "SI_KERNEL";
    default: break;
  }
  if (signal == static_cast<std::int32_t>(sig_chld)) {
    constexpr std::string_view names[] = {"CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"};
    if (code >= 1 && code <= 6) return names[code - 1];
  }
  if (signal == static_cast<std::int32_t>(sig_segv)) return code == 1 ? "SEGV_MAPERR" : "SEGV_ACCERR";
  if (signal == static_cast<std::int32_t>(sig_bus)) return code == 1 ? "BUS_ADRALN" : "BUS_ADRERR";
  if (signal == static_cast<std::int32_t>(sig_fpe)) return code == 1 ? "FPE_INTDIV" : "FPE_FLTINV";
  if (signal == static_cast<std::int32_t>(sig_ill)) return "ILL_ILLOPN";
  return "?";
}

std::string_view error_name(std::int32_t error) {
  const auto index = static_cast<std::size_t>(error);
  return index < std::size(errors) && !errors[index].name.empty() ? errors[index].name : "E?";
}
std::string_view error_text(std::int32_t error) {
  const auto index = static_cast<std::size_t>(error);
  return index < std::size(errors) && !errors[index].name.empty() ? errors[index].text : "Unknown error";
}
std::string_view restart_name(std::int32_t error) {
  switch (static_cast<Errno>(error)) {
    case Errno::restart_sys: return "ERESTARTSYS (To be restarted if SA_RESTART is set)";
    case Errno::restart_always: return "ERESTARTNOINTR (To be restarted)";
    default: return "ERESTARTNOHAND (To be restarted if no handler)";
  }
}

}  // namespace exos::strace_values
