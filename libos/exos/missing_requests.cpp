// SPDX-License-Identifier: MIT
#include "libos/exos/missing_requests.hpp"

namespace exos {
namespace {

// Of files and directories, as ext4 has them: attributes, extents, sizes reserved and given back, freezing. [linux fs.h, man ioctl_fs(2)]
constexpr std::array<std::uint32_t, 18> of_files{
    0x1, 0x8008'6601, 0x4008'6602, 0x8008'7601, 0x4008'7602, 0x801c'581f, 0x401c'5820, 0xc020'660b, 0xc004'5877, 0xc004'5878,
    0xc018'5879, 0x4030'5828, 0x4030'5829, 0x4030'582a, 0x4030'582b, 0x4030'5839, 0x8100'9431, 0x4100'9432};
// Of terminals that are no serial line: old and new forms of the mode, console, locked modes, device. [man ioctl_tty(2)]
constexpr std::array<std::uint32_t, 16> of_terminals{
    0x5405, 0x5406, 0x5407, 0x5408, 0x541a, 0x5419, 0x541d, 0x5423, 0x5437, 0x5456, 0x5457, 0x802c'542a, 0x402c'542b, 0x402c'542c, 0x402c'542d,
    0x8004'5432};
// Of sockets of all families: owner, amount not yet sent, time of the last message, interfaces. [linux sockios.h]
constexpr std::array<std::uint32_t, 9> of_sockets{0x5411, 0x8901, 0x8902, 0x8903, 0x8904, 0x8906, 0x8907, 0x8910, 0x8912};
constexpr std::uint32_t first_of_interfaces = 0x8913, last_of_interfaces = 0x8948, file_of_socket = 0x89e0;
constexpr std::uint32_t timer_set_ticks = 0x4008'5400;

constexpr bool is_in(std::span<const std::uint32_t> list, std::uint32_t value) { return std::ranges::find(list, value) != list.end(); }

bool linux_has_ioctl(const File& file, std::uint32_t request) {
  switch (file.kind) {
    case FileKind::regular: case FileKind::directory: return is_in(of_files, request);
    case FileKind::terminal: return is_in(of_terminals, request);
    case FileKind::socket:
      return is_in(of_sockets, request) || (request >= first_of_interfaces && request <= last_of_interfaces) || request == file_of_socket;
    case FileKind::timer: return request == timer_set_ticks;
    default: return false;
  }
}

// PR_SET_SECCOMP, CAPBSET_DROP, GET and SET_TSC, SET_SECUREBITS, MCE_KILL and its GET, SET_MM, CAP_AMBIENT, speculation control,
// IO_FLUSHER, syscall user dispatch, core scheduling. Names of anonymous memory, PR_SET_VMA, are an option of the kernel that many
// do without, and those of other processors are EINVAL on Linux. [linux prctl.h]
constexpr std::array<std::uint32_t, 15> options{22, 24, 25, 26, 28, 33, 34, 35, 47, 52, 53, 57, 58, 59, 62};
// The base of gs, permissions for large vector state, a vDSO at another place. [linux prctl.h of x86]
constexpr std::array<std::uint32_t, 10> codes{0x1001, 0x1004, 0x1021, 0x1022, 0x1023, 0x1024, 0x1025, 0x2001, 0x2002, 0x2003};
// F_GETOWNER_UIDS, F_NOTIFY (of directories), read and write hints. [linux fcntl.h]
constexpr std::array<std::uint32_t, 5> commands{17, 1035, 1036, 1037, 1038};
constexpr std::uint32_t notify = 1026;
// MADV_REMOVE, MADV_COLLAPSE, MADV_HWPOISON, MADV_SOFT_OFFLINE. [linux mman-common.h]
constexpr std::array<std::uint32_t, 4> advices{9, 25, 100, 101};
// Of SOL_SOCKET, for every family: filters, marks, time stamps, peeking at an offset, pacing, cookies. [linux socket.h]
constexpr std::array<std::uint32_t, 22> socket_options{15, 25, 26, 27, 35, 36, 37, 40, 42, 43, 44, 45, 46, 47, 49, 50, 51, 52, 57, 59, 61, 73};

CallResult told_if(bool linux_has, std::string_view what, std::uint64_t which, Errno answer) {
  if (linux_has) tell_missing(what, which, answer);
  return Fail{answer};
}

}  // namespace

CallResult missing_ioctl(const File& file, std::uint64_t request, Errno answer) {
  return told_if(linux_has_ioctl(file, static_cast<std::uint32_t>(request)), "ioctl with request", request, answer);
}
CallResult missing_prctl(std::uint32_t option, Errno answer) {
  return told_if(is_in(options, option), "prctl with option", option, answer);
}
CallResult missing_arch_prctl(std::uint32_t code, Errno answer) {
  return told_if(is_in(codes, code), "arch_prctl with code", code, answer);
}
CallResult missing_fcntl(const File& file, std::uint32_t command, Errno answer) {
  const bool linux_has = is_in(commands, command) || (command == notify && file.kind == FileKind::directory);
  return told_if(linux_has, "fcntl with command", command, answer);
}
CallResult missing_advice(std::int32_t advice, Errno answer) {
  return told_if(is_in(advices, static_cast<std::uint32_t>(advice)), "madvise with advice", static_cast<std::uint32_t>(advice), answer);
}
CallResult missing_socket_option(std::uint32_t option, Errno answer) {
  return told_if(is_in(socket_options, option), "socket option", option, answer);
}

}  // namespace exos
