// SPDX-License-Identifier: MIT
#include "libos/exos/call_classes.hpp"

namespace exos {
namespace {

constexpr auto names = [] {
  std::array<CallName, call_count> all{};
#define LINUX_CALL(number, name, level, format, note) all[number] = {#name, format};
  LINUX_CALLS(LINUX_CALL)
#undef LINUX_CALL
#define MISSING_CALL(number, name, linux) all[number] = {#name, {}};
  MISSING_LINUX_CALLS(MISSING_CALL)
#undef MISSING_CALL
  return all;
}();

constexpr bool no_number_is_in_both() {
  std::array<bool, call_count> here{};
#define LINUX_CALL(number, name, level, format, note) here[number] = true;
  LINUX_CALLS(LINUX_CALL)
#undef LINUX_CALL
#define MISSING_CALL(number, name, linux) \
  if (here[number]) return false;
  MISSING_LINUX_CALLS(MISSING_CALL)
#undef MISSING_CALL
  return true;
}
static_assert(no_number_is_in_both(), "a call has come: take it out of missing_calls.def.hpp");

// Words with a space behind each.
constexpr std::string_view process_calls = "clone clone3 fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill rt_sigqueueinfo "
                                           "rt_tgsigqueueinfo pidfd_open pidfd_send_signal unshare setns ";
constexpr std::string_view network_calls = "socket socketpair bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg "
                                           "sendmmsg recvmmsg shutdown setsockopt getsockopt ";
constexpr std::string_view signal_calls = "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend "
                                          "rt_tgsigqueueinfo sigaltstack kill tkill tgkill pause signalfd signalfd4 pidfd_send_signal ";
constexpr std::string_view memory_calls = "mmap mprotect munmap brk mremap msync mincore madvise mlock mlock2 munlock mlockall munlockall mbind set_mempolicy "
                                          "get_mempolicy migrate_pages move_pages pkey_mprotect remap_file_pages shmat shmdt process_madvise ";
constexpr std::string_view ipc_calls = "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl ";

constexpr bool lists(std::string_view words, std::string_view name) {
  while (!words.empty()) {
    const std::size_t space = words.find(' ');
    if (words.substr(0, space) == name) return true;
    words.remove_prefix(space + 1);
  }
  return false;
}

bool has_letter(std::string_view format, std::string_view letters) {
  for (const char c : format) if (letters.find(c) != std::string_view::npos) return true;
  return false;
}

bool is_class(std::string_view word) {
  return lists("all file desc process network net signal memory ipc ", word);
}

bool belongs(const CallName& call, std::string_view word) {
  if (word == "all") return true;
  if (word == "file") return has_letter(call.format, "s") && call.name != "sethostname" && call.name != "setdomainname";
  if (word == "desc") return has_letter(call.format, "fI");
  if (word == "process") return lists(process_calls, call.name);
  if (word == "network" || word == "net") return lists(network_calls, call.name);
  if (word == "signal") return lists(signal_calls, call.name);
  if (word == "memory") return lists(memory_calls, call.name);
  if (word == "ipc") return lists(ipc_calls, call.name);
  return call.name == word;
}

}  // namespace

const CallName& call_name(std::uint64_t number) { return names[number]; }

std::string_view parse_call_set(std::string_view text, CallSet& out) {
  out = {};
  const bool inverted = text.starts_with('!');
  if (inverted) text.remove_prefix(1);
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view word = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (word.starts_with('%')) word.remove_prefix(1);   // strace's own spelling of classes
    bool any = false;
    for (std::size_t number = 0; number < call_count; ++number) {
      const bool unknown = names[number].name.empty();
      if (unknown ? word != "all" : !belongs(names[number], word)) continue;
      out.add(number);
      any = true;
    }
    if (!any && !is_class(word)) return word;
  }
  if (inverted) out.invert();
  return {};
}

}  // namespace exos
