// SPDX-License-Identifier: MIT
// The names of flags and numbers in --strace's lines, in strace(1)'s order. Only tables: forms are in strace_values.cpp
// and strace_structures.cpp.
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/memory.hpp"
#include "libos/exos/strace_values.hpp"
#include "libos/exos/userfault_abi.hpp"

namespace exos::strace_values {

namespace {

constexpr Flag open_names[] = {{0, "O_RDONLY"},          {o_wronly, "O_WRONLY"},       {o_rdwr, "O_RDWR"},
                               {o_creat, "O_CREAT"},     {o_excl, "O_EXCL"},           {o_noctty, "O_NOCTTY"},
                               {o_trunc, "O_TRUNC"},     {o_append, "O_APPEND"},       {o_nonblock, "O_NONBLOCK"},
                               {o_sync, "O_SYNC"},       {o_dsync, "O_DSYNC"},         {o_async, "O_ASYNC"},
                               {o_direct, "O_DIRECT"},   {o_largefile, "O_LARGEFILE"}, {o_nofollow, "O_NOFOLLOW"},
                               {o_noatime, "O_NOATIME"}, {o_cloexec, "O_CLOEXEC"},     {o_path, "O_PATH"},
                               {o_tmpfile, "O_TMPFILE"}, {o_directory, "O_DIRECTORY"}};
constexpr Flag prot_names[] = {
    {0, "PROT_NONE"}, {prot_read, "PROT_READ"}, {prot_write, "PROT_WRITE"}, {prot_exec, "PROT_EXEC"}};
constexpr Flag mmap_names[] = {{0, "0"},
                               {3, "MAP_SHARED_VALIDATE"},
                               {map_shared, "MAP_SHARED"},
                               {map_private, "MAP_PRIVATE"},
                               {map_fixed, "MAP_FIXED"},
                               {map_anonymous, "MAP_ANONYMOUS"},
                               {0x40, "MAP_32BIT"},
                               {map_noreserve, "MAP_NORESERVE"},
                               {map_populate, "MAP_POPULATE"},
                               {0x10000, "MAP_NONBLOCK"},
                               {map_growsdown, "MAP_GROWSDOWN"},
                               {0x800, "MAP_DENYWRITE"},
                               {0x1000, "MAP_EXECUTABLE"},
                               {0x2000, "MAP_LOCKED"},
                               {map_stack, "MAP_STACK"},
                               {0x40000, "MAP_HUGETLB"},
                               {0x80000, "MAP_SYNC"},
                               {map_fixed_noreplace, "MAP_FIXED_NOREPLACE"}};
constexpr Flag access_names[] = {{0, "F_OK"}, {4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
constexpr Flag at_names[] = {{0, "0"},
                             {0x100, "AT_SYMLINK_NOFOLLOW"},
                             {0x200, "AT_REMOVEDIR"},
                             {0x400, "AT_SYMLINK_FOLLOW"},
                             {0x800, "AT_NO_AUTOMOUNT"},
                             {0x1000, "AT_EMPTY_PATH"},
                             {0x2000, "AT_STATX_FORCE_SYNC"},
                             {0x4000, "AT_STATX_DONT_SYNC"}};
constexpr Flag at_access_names[] = {
    {0, "0"}, {0x100, "AT_SYMLINK_NOFOLLOW"}, {0x200, "AT_EACCESS"}, {0x1000, "AT_EMPTY_PATH"}};
constexpr Flag statx_names[] = {{0, "0"},
                                {0xfff, "STATX_ALL"},
                                {0x7ff, "STATX_BASIC_STATS"},
                                {1, "STATX_TYPE"},
                                {2, "STATX_MODE"},
                                {4, "STATX_NLINK"},
                                {8, "STATX_UID"},
                                {0x10, "STATX_GID"},
                                {0x20, "STATX_ATIME"},
                                {0x40, "STATX_MTIME"},
                                {0x80, "STATX_CTIME"},
                                {0x100, "STATX_INO"},
                                {0x200, "STATX_SIZE"},
                                {0x400, "STATX_BLOCKS"},
                                {0x800, "STATX_BTIME"},
                                {0x1000, "STATX_MNT_ID"}};
constexpr Flag clone_names[] = {{0, "0"},
                                {0x100, "CLONE_VM"},
                                {0x200, "CLONE_FS"},
                                {0x400, "CLONE_FILES"},
                                {0x800, "CLONE_SIGHAND"},
                                {0x1000, "CLONE_PIDFD"},
                                {0x2000, "CLONE_PTRACE"},
                                {0x4000, "CLONE_VFORK"},
                                {0x8000, "CLONE_PARENT"},
                                {0x10000, "CLONE_THREAD"},
                                {0x20000, "CLONE_NEWNS"},
                                {0x40000, "CLONE_SYSVSEM"},
                                {0x80000, "CLONE_SETTLS"},
                                {0x100000, "CLONE_PARENT_SETTID"},
                                {0x200000, "CLONE_CHILD_CLEARTID"},
                                {0x400000, "CLONE_DETACHED"},
                                {0x800000, "CLONE_UNTRACED"},
                                {0x1000000, "CLONE_CHILD_SETTID"},
                                {0x2000000, "CLONE_NEWCGROUP"},
                                {0x4000000, "CLONE_NEWUTS"},
                                {0x8000000, "CLONE_NEWIPC"},
                                {0x10000000, "CLONE_NEWUSER"},
                                {0x20000000, "CLONE_NEWPID"},
                                {0x40000000, "CLONE_NEWNET"},
                                {0x80000000, "CLONE_IO"}};
constexpr Flag wait_names[] = {{0, "0"},
                               {1, "WNOHANG"},
                               {2, "WSTOPPED"},
                               {4, "WEXITED"},
                               {8, "WCONTINUED"},
                               {0x1000000, "WNOWAIT"},
                               {0x80000000, "__WCLONE"},
                               {0x40000000, "__WALL"},
                               {0x20000000, "__WNOTHREAD"}};
constexpr Flag action_names[] = {{0, "0"},
                                 {0x04000000, "SA_RESTORER"},
                                 {0x08000000, "SA_ONSTACK"},
                                 {0x10000000, "SA_RESTART"},
                                 {0x40000000, "SA_NODEFER"},
                                 {0x80000000, "SA_RESETHAND"},
                                 {4, "SA_SIGINFO"},
                                 {1, "SA_NOCLDSTOP"},
                                 {2, "SA_NOCLDWAIT"}};
constexpr Flag random_names[] = {{0, "0"}, {1, "GRND_NONBLOCK"}, {2, "GRND_RANDOM"}, {4, "GRND_INSECURE"}};
constexpr Flag mremap_names[] = {{0, "0"}, {1, "MREMAP_MAYMOVE"}, {2, "MREMAP_FIXED"}, {4, "MREMAP_DONTUNMAP"}};
constexpr Flag poll_names[] = {{0, "0"},
                               {poll_in, "POLLIN"},
                               {poll_pri, "POLLPRI"},
                               {poll_out, "POLLOUT"},
                               {poll_rdnorm, "POLLRDNORM"},
                               {poll_wrnorm, "POLLWRNORM"},
                               {poll_rdband, "POLLRDBAND"},
                               {poll_wrband, "POLLWRBAND"},
                               {poll_err, "POLLERR"},
                               {poll_hup, "POLLHUP"},
                               {poll_nval, "POLLNVAL"},
                               {poll_rdhup, "POLLRDHUP"}};
constexpr Flag close_on_exec_names[] = {{0, "0"}, {1, "FD_CLOEXEC"}};
constexpr Flag timer_names[] = {{0, "0"}, {1, "TIMER_ABSTIME"}};
constexpr Flag epoll_names[] = {{0, "0"}, {o_cloexec, "EPOLL_CLOEXEC"}};

constexpr Flag whences[] = {{0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}};
constexpr Flag mask_changes[] = {{0, "SIG_BLOCK"}, {1, "SIG_UNBLOCK"}, {2, "SIG_SETMASK"}};
constexpr Flag arch_codes[] = {{0x1001, "ARCH_SET_GS"},
                               {0x1002, "ARCH_SET_FS"},
                               {0x1003, "ARCH_GET_FS"},
                               {0x1004, "ARCH_GET_GS"},
                               {0x3001, "0x3001 /* ARCH_??? */"}};
constexpr Flag resource_names[] = {
    {0, "RLIMIT_CPU"},       {1, "RLIMIT_FSIZE"}, {2, "RLIMIT_DATA"},    {3, "RLIMIT_STACK"},
    {4, "RLIMIT_CORE"},      {5, "RLIMIT_RSS"},   {6, "RLIMIT_NPROC"},   {7, "RLIMIT_NOFILE"},
    {8, "RLIMIT_MEMLOCK"},   {9, "RLIMIT_AS"},    {10, "RLIMIT_LOCKS"},  {11, "RLIMIT_SIGPENDING"},
    {12, "RLIMIT_MSGQUEUE"}, {13, "RLIMIT_NICE"}, {14, "RLIMIT_RTPRIO"}, {15, "RLIMIT_RTTIME"}};
constexpr Flag clock_names[] = {
    {0, "CLOCK_REALTIME"},          {1, "CLOCK_MONOTONIC"},     {2, "CLOCK_PROCESS_CPUTIME_ID"},
    {3, "CLOCK_THREAD_CPUTIME_ID"}, {4, "CLOCK_MONOTONIC_RAW"}, {5, "CLOCK_REALTIME_COARSE"},
    {6, "CLOCK_MONOTONIC_COARSE"},  {7, "CLOCK_BOOTTIME"},      {11, "CLOCK_TAI"}};
constexpr Flag madvise_names[] = {
    {0, "MADV_NORMAL"}, {1, "MADV_RANDOM"},    {2, "MADV_SEQUENTIAL"}, {3, "MADV_WILLNEED"},  {4, "MADV_DONTNEED"},
    {8, "MADV_FREE"},   {10, "MADV_DONTFORK"}, {11, "MADV_DOFORK"},    {14, "MADV_HUGEPAGE"}, {15, "MADV_NOHUGEPAGE"}};
constexpr Flag fadvise_names[] = {{0, "POSIX_FADV_NORMAL"},   {1, "POSIX_FADV_RANDOM"},   {2, "POSIX_FADV_SEQUENTIAL"},
                                  {3, "POSIX_FADV_WILLNEED"}, {4, "POSIX_FADV_DONTNEED"}, {5, "POSIX_FADV_NOREUSE"}};
constexpr Flag family_names[] = {{0, "AF_UNSPEC"}, {1, "AF_UNIX"},     {2, "AF_INET"},
                                 {10, "AF_INET6"}, {16, "AF_NETLINK"}, {17, "AF_PACKET"}};
constexpr Flag fcntl_names[] = {{0, "F_DUPFD"},         {1, "F_GETFD"},
                                {2, "F_SETFD"},         {3, "F_GETFL"},
                                {4, "F_SETFL"},         {5, "F_GETLK"},
                                {6, "F_SETLK"},         {7, "F_SETLKW"},
                                {8, "F_SETOWN"},        {9, "F_GETOWN"},
                                {36, "F_OFD_GETLK"},    {37, "F_OFD_SETLK"},
                                {38, "F_OFD_SETLKW"},   {1030, "F_DUPFD_CLOEXEC"},
                                {1031, "F_SETPIPE_SZ"}, {1032, "F_GETPIPE_SZ"},
                                {1033, "F_ADD_SEALS"},  {1034, "F_GET_SEALS"}};
constexpr Flag lock_names[] = {{0, "F_RDLCK"}, {1, "F_WRLCK"}, {2, "F_UNLCK"}};
constexpr Flag prctl_names[] = {{1, "PR_SET_PDEATHSIG"},   {2, "PR_GET_PDEATHSIG"},     {3, "PR_GET_DUMPABLE"},
                                {4, "PR_SET_DUMPABLE"},    {15, "PR_SET_NAME"},         {16, "PR_GET_NAME"},
                                {23, "PR_CAPBSET_READ"},   {38, "PR_SET_NO_NEW_PRIVS"}, {39, "PR_GET_NO_NEW_PRIVS"},
                                {0x53564d41, "PR_SET_VMA"}};
constexpr Flag terminal_requests[] = {{tcgets, "TCGETS"},       {tcsets, "TCSETS"},         {tcsetsw, "TCSETSW"},
                                      {tcsetsf, "TCSETSF"},     {tiocgwinsz, "TIOCGWINSZ"}, {tiocswinsz, "TIOCSWINSZ"},
                                      {tiocgpgrp, "TIOCGPGRP"}, {tiocspgrp, "TIOCSPGRP"},   {fionread, "FIONREAD"},
                                      {fionbio, "FIONBIO"},     {fioclex, "FIOCLEX"},       {fionclex, "FIONCLEX"},
                                      {tiocsctty, "TIOCSCTTY"}, {tiocnotty, "TIOCNOTTY"},   {ficlone, "FICLONE"},
                                      {userfault::uffdio_api, "UFFDIO_API"},           {userfault::uffdio_register, "UFFDIO_REGISTER"},
                                      {userfault::uffdio_unregister, "UFFDIO_UNREGISTER"}, {userfault::uffdio_wake, "UFFDIO_WAKE"},
                                      {userfault::uffdio_copy, "UFFDIO_COPY"},         {userfault::uffdio_zeropage, "UFFDIO_ZEROPAGE"},
                                      {userfault::uffdio_writeprotect, "UFFDIO_WRITEPROTECT"}, {userfault::uffdio_continue, "UFFDIO_CONTINUE"}};
constexpr Flag userfault_flag_names[] = {{0, "0"}, {userfault::user_mode_only, "UFFD_USER_MODE_ONLY"}, {o_nonblock, "O_NONBLOCK"}, {o_cloexec, "O_CLOEXEC"}};
constexpr Flag userfault_mode_names[] = {{0, "0"}, {userfault::mode_missing, "UFFDIO_REGISTER_MODE_MISSING"},
                                         {userfault::mode_protect, "UFFDIO_REGISTER_MODE_WP"}, {userfault::mode_minor, "UFFDIO_REGISTER_MODE_MINOR"}};
constexpr Flag userfault_feature_names[] = {{0, "0"}, {userfault::feature_protect, "UFFD_FEATURE_PAGEFAULT_FLAG_WP"},
                                            {userfault::feature_missing_shmem, "UFFD_FEATURE_MISSING_SHMEM"},
                                            {userfault::feature_sigbus, "UFFD_FEATURE_SIGBUS"}, {userfault::feature_thread_id, "UFFD_FEATURE_THREAD_ID"},
                                            {userfault::feature_minor_shmem, "UFFD_FEATURE_MINOR_SHMEM"},
                                            {userfault::feature_exact_address, "UFFD_FEATURE_EXACT_ADDRESS"}};
constexpr Flag trace_names[] = {
    {0, "PTRACE_TRACEME"},        {1, "PTRACE_PEEKTEXT"},      {2, "PTRACE_PEEKDATA"},     {3, "PTRACE_PEEKUSER"},
    {4, "PTRACE_POKETEXT"},       {5, "PTRACE_POKEDATA"},      {6, "PTRACE_POKEUSER"},     {7, "PTRACE_CONT"},
    {8, "PTRACE_KILL"},           {9, "PTRACE_SINGLESTEP"},    {12, "PTRACE_GETREGS"},     {13, "PTRACE_SETREGS"},
    {14, "PTRACE_GETFPREGS"},     {15, "PTRACE_SETFPREGS"},    {16, "PTRACE_ATTACH"},      {17, "PTRACE_DETACH"},
    {24, "PTRACE_SYSCALL"},       {31, "PTRACE_SYSEMU"},       {32, "PTRACE_SYSEMU_SINGLESTEP"},
    {0x4200, "PTRACE_SETOPTIONS"}, {0x4201, "PTRACE_GETEVENTMSG"}, {0x4202, "PTRACE_GETSIGINFO"}, {0x4203, "PTRACE_SETSIGINFO"},
    {0x4204, "PTRACE_GETREGSET"}, {0x4205, "PTRACE_SETREGSET"}, {0x4206, "PTRACE_SEIZE"},   {0x4207, "PTRACE_INTERRUPT"},
    {0x4208, "PTRACE_LISTEN"},    {0x4209, "PTRACE_PEEKSIGINFO"}, {0x420a, "PTRACE_GETSIGMASK"}, {0x420b, "PTRACE_SETSIGMASK"},
    {0x420e, "PTRACE_GET_SYSCALL_INFO"}, {0x420f, "PTRACE_GET_RSEQ_CONFIGURATION"}};

}  // namespace

constinit const std::span<const Flag> open_flags{open_names}, prot_flags{prot_names}, mmap_flags{mmap_names},
    access_modes{access_names}, at_flags{at_names}, at_access_flags{at_access_names}, statx_masks{statx_names},
    clone_flags{clone_names}, wait_options{wait_names}, action_flags{action_names}, random_flags{random_names},
    mremap_flags{mremap_names}, poll_events{poll_names}, descriptor_flags{close_on_exec_names},
    epoll_flags{epoll_names}, timer_flags{timer_names}, userfault_flags{userfault_flag_names},
    userfault_modes{userfault_mode_names}, userfault_features{userfault_feature_names};
constinit const std::span<const Flag> whence_names{whences}, mask_change_names{mask_changes},
    arch_code_names{arch_codes}, resources{resource_names}, clocks{clock_names}, madvise_advice{madvise_names},
    fadvise_advice{fadvise_names}, address_families{family_names}, fcntl_commands{fcntl_names}, lock_types{lock_names},
    prctl_options{prctl_names}, ioctl_requests{terminal_requests}, trace_requests{trace_names};

void flags(base::TextBuffer& line, std::uint64_t value, std::span<const Flag> names) {
  value &= 0xffff'ffff;
  bool first = true;
  const auto add = [&](std::string_view name) {
    if (!std::exchange(first, false)) line.append('|');
    line.append(name);
  };
  for (const Flag& flag : names.subspan(1)) {
    if ((value & flag.bits) != flag.bits) continue;
    add(flag.name);
    value &= ~flag.bits;
  }
  if (value != 0) {
    if (!std::exchange(first, false)) line.append('|');
    line.print("{:#x}", value);
  }
  if (first) line.append(names[0].name);
}

// open's access mode is a number, not bits: 0 is shown beside the others.
void open_mode(base::TextBuffer& line, std::uint64_t value) {
  if ((value & o_accmode) != 0) return flags(line, value, open_flags);
  line.append(open_names[0].name);
  if ((value & 0xffff'ffff) == 0) return;
  line.append('|');
  flags(line, value, open_flags);
}

// As pipe2 and dup3 take them, where no access mode belongs.
void extra_open_flags(base::TextBuffer& line, std::uint64_t value) {
  if ((value & 0xffff'ffff) == 0)
    line.append('0');
  else
    flags(line, value, open_flags);
}

void name_of(base::TextBuffer& line, std::uint64_t value, std::span<const Flag> names) {
  for (const Flag& name : names)
    if (name.bits == (value & 0xffff'ffff)) {
      line.append(name.name);
      return;
    }
  const std::string_view family = names.front().name.substr(0, names.front().name.find('_'));
  line.print("{:#x} /* {}_??? */", value & 0xffff'ffff, family);
}

}  // namespace exos::strace_values
