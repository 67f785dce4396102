// SPDX-License-Identifier: MIT
// The forms of a program's structures in --strace's lines. Each reads the program's memory by copies only: what cannot
// be read is shown as its address.
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/signal.hpp"
#include "libos/exos/strace_values.hpp"
#include "libos/exos/user_memory.hpp"
#include "libos/exos/userfault_abi.hpp"

namespace exos::strace_values {

namespace {

// The value at `address`, or nothing after NULL or the address has been printed in its place.
template <typename T>
std::optional<T> fetch(base::TextBuffer& line, std::uint64_t address) {
  if (address != 0)
    if (const auto value = read_user<T>(address)) return *value;
  pointer(line, address);
  return std::nullopt;
}

void file_mode(base::TextBuffer& line, std::uint32_t mode) {
  switch (mode & 0170000) {
    case 0100000: line.append("S_IFREG|"); break;
    case 0040000: line.append("S_IFDIR|"); break;
    case 0020000: line.append("S_IFCHR|"); break;
    case 0060000: line.append("S_IFBLK|"); break;
    case 0010000: line.append("S_IFIFO|"); break;
    case 0120000: line.append("S_IFLNK|"); break;
    case 0140000: line.append("S_IFSOCK|"); break;
    default: break;
  }
  if ((mode & 04000) != 0) line.append("S_ISUID|");
  if ((mode & 02000) != 0) line.append("S_ISGID|");
  if ((mode & 01000) != 0) line.append("S_ISVTX|");
  strace_values::mode(line, mode & 0777);
}

void limit_value(base::TextBuffer& line, std::uint64_t value) {
  if (value == ~std::uint64_t{0})
    line.append("RLIM64_INFINITY");
  else if (value > 1024 && value % 1024 == 0)
    line.print("{}*1024", value / 1024);
  else
    line.print("{}", value);
}

void terminal_settings(base::TextBuffer& line, const Termios& t) {
  constexpr std::uint32_t opost = 1, isig = 1, icanon = 2, echo = 8;
  const auto say = [&](bool is_on, std::string_view name) { line.append(is_on ? " " : " -").append(name); };
  line.append("{B38400");
  say((t.oflag & opost) != 0, "opost");
  say((t.lflag & isig) != 0, "isig");
  say((t.lflag & icanon) != 0, "icanon");
  say((t.lflag & echo) != 0, "echo");
  line.append(" ...}");
}

}  // namespace

void stat(base::TextBuffer& line, std::uint64_t address) {
  const auto s = fetch<Stat>(line, address);
  if (!s) return;
  line.append("{st_mode=");
  file_mode(line, s->mode);
  const std::uint32_t kind = s->mode & 0170000;
  const auto device = static_cast<std::uint32_t>(s->rdev);
  if (kind == 0020000 || kind == 0060000)
    line.print(", st_rdev=makedev({:#x}, {:#x})", device_major(device), device_minor(device));
  else
    line.print(", st_size={}", s->size);
  line.append(", ...}");
}

void statx(base::TextBuffer& line, std::uint64_t address) {
  const auto s = fetch<Statx>(line, address);
  if (!s) return;
  line.append("{stx_mask=");
  flags(line, s->mask, statx_masks);
  line.append(", stx_attributes=");
  if (s->attributes == 0)
    line.append('0');
  else
    line.print("{:#x}", s->attributes);
  line.append(", stx_mode=");
  file_mode(line, s->mode);
  line.print(", stx_size={}, ...}}", s->size);
}

void timespec(base::TextBuffer& line, std::uint64_t address) {
  if (const auto t = fetch<Timespec>(line, address))
    line.print("{{tv_sec={}, tv_nsec={}}}", t->seconds, t->nanoseconds);
}

void set_of_signals(base::TextBuffer& line, std::uint64_t set) {
  constexpr int mostly = 64 * 2 / 3;  // from here on the missing ones are shorter to tell
  const bool is_inverted = std::popcount(set) >= mostly;
  if (is_inverted) set = ~set;
  line.append(is_inverted ? "~[" : "[");
  bool first = true;
  for (std::uint32_t signal = 1; signal <= 64; ++signal) {
    if ((set >> (signal - 1) & 1) == 0) continue;
    if (!std::exchange(first, false)) line.append(' ');
    line.append(signal_name(signal).substr(3));  // without SIG
  }
  line.append(']');
}

void signal_set(base::TextBuffer& line, std::uint64_t address) {
  if (const auto set = fetch<std::uint64_t>(line, address)) set_of_signals(line, *set);
}

void signal_action(base::TextBuffer& line, std::uint64_t address) {
  constexpr std::uint64_t siginfo = 4, restorer = 0x0400'0000;
  const auto action = fetch<SignalAction>(line, address);
  if (!action) return;
  line.append((action->flags & siginfo) != 0 ? "{sa_sigaction=" : "{sa_handler=");
  if (action->handler == 0)
    line.append("SIG_DFL");
  else if (action->handler == 1)
    line.append("SIG_IGN");
  else
    line.print("{:#x}", action->handler);
  line.append(", sa_mask=");
  set_of_signals(line, action->mask);
  line.append(", sa_flags=");
  flags(line, action->flags, action_flags);
  if ((action->flags & restorer) != 0) line.print(", sa_restorer={:#x}", action->restorer);
  line.append('}');
}

void resource_limit(base::TextBuffer& line, std::uint64_t address) {
  struct Limit {
    std::uint64_t current, most;
  };
  const auto limit = fetch<Limit>(line, address);
  if (!limit) return;
  line.append("{rlim_cur=");
  limit_value(line, limit->current);
  line.append(", rlim_max=");
  limit_value(line, limit->most);
  line.append('}');
}

void descriptor_pair(base::TextBuffer& line, std::uint64_t address) {
  if (const auto pair = fetch<std::array<std::int32_t, 2>>(line, address))
    line.print("[{}, {}]", (*pair)[0], (*pair)[1]);
}

void system_name(base::TextBuffer& line, std::uint64_t address) {
  constexpr std::uint64_t field = 65;
  if (!read_user<char>(address)) return pointer(line, address);
  line.append("{sysname=");
  string(line, address);
  line.append(", nodename=");
  string(line, address + field);
  line.append(", ...}");
}

// `left`: how many bytes of the pieces are to be shown: all of a write, those that came of a read.
void pieces(base::TextBuffer& line, std::uint64_t address, std::uint64_t count, std::uint64_t left) {
  constexpr std::uint64_t most = 8;
  line.append('[');
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i != 0) line.append(", ");
    if (i == most) {
      line.append("...");
      break;
    }
    const auto piece = read_user<Iovec>(address + i * sizeof(Iovec));
    if (!piece) {
      line.print("{:#x}", address + i * sizeof(Iovec));
      break;
    }
    line.append("{iov_base=");
    const std::uint64_t shown = std::min(piece->length, left);
    bytes(line, piece->base, shown);
    left -= shown;
    line.print(", iov_len={}}}", piece->length);
  }
  line.append(']');
}

void poll_list(base::TextBuffer& line, std::uint64_t address, std::uint64_t count) {
  constexpr std::uint64_t most = 8;
  if (address == 0) return pointer(line, address);
  line.append('[');
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i != 0) line.append(", ");
    if (i == most) {
      line.append("...");
      break;
    }
    const auto entry = fetch<PollFd>(line, address + i * sizeof(PollFd));
    if (!entry) break;
    line.print("{{fd={}, events=", entry->fd);
    flags(line, static_cast<std::uint16_t>(entry->events), poll_events);
    line.append('}');
  }
  line.append(']');
}

// Behind the result: those that are ready.
void poll_answer(base::TextBuffer& line, std::uint64_t address, std::uint64_t count, std::uint64_t ready) {
  constexpr std::uint64_t most = 64;
  if (ready == 0) {
    line.append(" (Timeout)");
    return;
  }
  line.append(" ([");
  bool first = true;
  for (std::uint64_t i = 0; i < count && i < most; ++i) {
    const auto entry = read_user<PollFd>(address + i * sizeof(PollFd));
    if (!entry || entry->revents == 0) continue;
    line.print("{}{{fd={}, revents=", std::exchange(first, false) ? "" : ", ", entry->fd);
    flags(line, static_cast<std::uint16_t>(entry->revents), poll_events);
    line.append('}');
  }
  line.append("])");
}

void directory_entries(base::TextBuffer& line, std::uint64_t address, std::uint64_t size) {
  std::uint64_t entries = 0;
  for (std::uint64_t at = 0; at + directory_entry_name <= size; ++entries) {
    const auto head = read_user<DirectoryEntryHead>(address + at);
    if (!head || head->length == 0) break;
    at += head->length;
  }
  line.print("{:#x} /* {} entries */", address, entries);
}

void socket_address(base::TextBuffer& line, std::uint64_t address, std::uint64_t size) {
  constexpr std::uint16_t unix_family = 1;
  const auto family = size < 2 ? std::nullopt : fetch<std::uint16_t>(line, address);
  if (!family) return;
  line.append("{sa_family=");
  name_of(line, *family, address_families);
  if (*family == unix_family && size > 2) {
    line.append(", sun_path=");
    path(line, address + 2);
  } else if (size > 2) {
    line.append(", sa_data=");
    bytes(line, address + 2, size - 2);
  }
  line.append('}');
}

void clone_request(base::TextBuffer& line, std::uint64_t address, std::uint64_t size, bool is_done) {
  struct Request {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  };
  if (size < sizeof(Request)) return pointer(line, address);
  const auto r = fetch<Request>(line, address);
  if (!r) return;
  line.append("{flags=");
  flags(line, r->flags, clone_flags);
  if ((r->flags & (clone_child_settid | clone_child_cleartid)) != 0) line.print(", child_tid={:#x}", r->child_tid);
  if ((r->flags & clone_parent_settid) != 0) line.print(", parent_tid={:#x}", r->parent_tid);
  line.append(", exit_signal=").append(signal_name(static_cast<std::uint32_t>(r->exit_signal)));
  line.append(", stack=");
  pointer(line, r->stack);
  line.append(", stack_size=");
  if (r->stack_size == 0)
    line.append('0');
  else
    line.print("{:#x}", r->stack_size);
  if ((r->flags & clone_settls) != 0) line.print(", tls={:#x}", r->tls);
  line.append('}');
  if (!is_done || (r->flags & clone_parent_settid) == 0) return;
  if (const auto tid = read_user<std::int32_t>(r->parent_tid)) line.print(" => {{parent_tid=[{}]}}", *tid);
}

namespace {

void userfault_range(base::TextBuffer& line, const userfault::Range& range) {
  line.print("{{start={:#x}, len={:#x}}}", range.start, range.size);
}

// Structures of userfaultfd; false: it is none of its requests. What a request told stands behind its structure.
bool userfault_argument(base::TextBuffer& line, std::uint64_t request, std::uint64_t address) {
  using namespace userfault;
  if (request == uffdio_api) {
    const auto api = fetch<ApiRequest>(line, address);
    if (!api) return true;
    line.print("{{api={:#x}, features=", api->api);
    flags(line, api->features, userfault_features);
    line.print(", ioctls={:#x}}}", api->requests);
  } else if (request == uffdio_unregister || request == uffdio_wake) {
    if (const auto range = fetch<Range>(line, address)) userfault_range(line, *range);
  } else if (request == uffdio_copy) {
    struct Told { CopyRequest request; std::int64_t copied; };
    if (const auto told = fetch<Told>(line, address))
      line.print("{{dst={:#x}, src={:#x}, len={:#x}, mode={}, copy={:#x}}}", told->request.to, told->request.from, told->request.size,
                 told->request.mode, static_cast<std::uint64_t>(told->copied));
  } else if (request == uffdio_register || request == uffdio_zeropage || request == uffdio_writeprotect || request == uffdio_continue) {
    const auto wanted = fetch<RangeAndWord>(line, address);
    if (!wanted) return true;
    line.append("{range=");
    userfault_range(line, wanted->range);
    line.append(", mode=");
    if (request == uffdio_register) flags(line, wanted->word, userfault_modes);
    else line.print("{}", wanted->word);
    const auto told = request == uffdio_writeprotect ? Result<std::int64_t>{0} : read_user<std::int64_t>(address + sizeof *wanted);
    if (told && request == uffdio_register) line.print(", ioctls={:#x}", static_cast<std::uint64_t>(*told));
    else if (told && request != uffdio_writeprotect) line.print(", {}={:#x}", request == uffdio_zeropage ? "zeropage" : "mapped", static_cast<std::uint64_t>(*told));
    line.append('}');
  } else {
    return false;
  }
  return true;
}

}  // namespace

void ioctl_argument(base::TextBuffer& line, std::uint64_t request, std::uint64_t address, bool is_done) {
  request &= 0xffff'ffff;
  const bool is_input = request == tcsets || request == tcsetsw || request == tcsetsf || request == tiocswinsz ||
                        request == tiocspgrp || request == fionbio;
  if (request == fioclex || request == fionclex || request == tiocnotty) return;
  line.append(", ");
  if (!is_input && !is_done) return pointer(line, address);
  if (request >= tcgets && request <= tcsetsf) {
    if (const auto t = fetch<Termios>(line, address)) terminal_settings(line, *t);
  } else if (request == tiocgwinsz || request == tiocswinsz) {
    if (const auto w = fetch<WindowSize>(line, address))
      line.print("{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}", w->rows, w->columns, w->x, w->y);
  } else if (request == tiocgpgrp || request == tiocspgrp || request == fionread || request == fionbio) {
    if (const auto n = fetch<std::int32_t>(line, address)) line.print("[{}]", *n);
  } else if (!userfault_argument(line, request, address)) {
    pointer(line, address);
  }
}

void fcntl_argument(base::TextBuffer& line, std::uint64_t command, std::uint64_t value) {
  constexpr std::uint32_t getfd = 1, setfd = 2, getfl = 3, setfl = 4, getlk = 5, setlkw = 7, getown = 9, ofd_getlk = 36,
                          ofd_setlkw = 38, getpipe_sz = 1032, get_seals = 1034;
  const auto c = static_cast<std::uint32_t>(command);
  if (c == getfd || c == getfl || c == getown || c == getpipe_sz || c == get_seals) return;
  line.append(", ");
  if (c == setfd) return flags(line, value, descriptor_flags);
  if (c == setfl) return open_mode(line, value);
  if ((c < getlk || c > setlkw) && (c < ofd_getlk || c > ofd_setlkw)) {
    line.print("{}", static_cast<std::int32_t>(value));
    return;
  }
  const auto lock = fetch<FileLockArgument>(line, value);
  if (!lock) return;
  line.append("{l_type=");
  name_of(line, static_cast<std::uint16_t>(lock->type), lock_types);
  line.append(", l_whence=");
  name_of(line, static_cast<std::uint16_t>(lock->whence), whence_names);
  line.print(", l_start={}, l_len={}", lock->start, lock->length);
  if (c == getlk || c == ofd_getlk) line.print(", l_pid={}", lock->pid);
  line.append('}');
}

}  // namespace exos::strace_values
