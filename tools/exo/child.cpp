// SPDX-License-Identifier: MIT
#include "exo/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace exo {
namespace {

// Children that have not been waited for, where a signal handler can read them. More than these are started, not listed.
constinit std::array<std::atomic<pid_t>, 64> living{};

void enlist(pid_t pid) {
  for (std::atomic<pid_t>& place : living) {
    pid_t none = 0;
    if (place.compare_exchange_strong(none, pid)) return;
  }
}

void strike_off(pid_t pid) {
  for (std::atomic<pid_t>& place : living) {
    pid_t it = pid;
    if (place.compare_exchange_strong(it, 0)) return;
  }
}

void end_all(int signal) {
  for (const std::atomic<pid_t>& place : living)
    if (const pid_t pid = place.load(); pid > 0) ::kill(-pid, SIGKILL);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// In the child, before exec: only async-signal-safe calls. Returns errno of what failed.
int become(const ChildPlan& plan, char** argv, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return ESRCH;  // it died before the line above
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);

  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int standard[3] = {plan.in, plan.out, plan.err};
  for (int i = 0; i < 3; ++i)
    if (::dup2(standard[i] >= 0 ? standard[i] : null, i) < 0) return errno;
  for (const int fd : plan.keep)
    if (::fcntl(fd, F_SETFD, 0) < 0) return errno;
  if (!plan.folder.empty() && ::chdir(plan.folder.c_str()) != 0) return errno;
  ::execvp(argv[0], argv);
  return errno;
}

}  // namespace

Result<Child> Child::start(const ChildPlan& plan) {
  std::vector<char*> argv;
  for (const std::string& word : plan.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int trouble[2];
  if (::pipe2(trouble, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
  const Descriptor trouble_in{trouble[0]};
  Descriptor trouble_out{trouble[1]};

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start a process");
  if (pid == 0) {
    const int error = become(plan, argv.data(), parent);
    [[maybe_unused]] const ssize_t n = ::write(trouble_out.get(), &error, sizeof error);
    ::_exit(127);
  }
  Child child{pid};
  enlist(pid);
  trouble_out.reset();
  int error = 0;
  if (::read(trouble_in.get(), &error, sizeof error) == sizeof error)
    return fail(own_failure, "cannot start " + plan.command[0] + ": " + std::strerror(error));
  child.ready_ = Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!child.ready_) return fail_errno("cannot watch a process");
  return child;
}

Child::~Child() { kill(); }

std::optional<int> Child::wait(int timeout_ms) {
  if (status_) return status_;
  pollfd ready{.fd = ready_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, timeout_ms) <= 0) return std::nullopt;
  // Not yet waited for, so the number of the group is still its own.
  ::kill(-pid_, SIGKILL);
  strike_off(pid_);
  int status = 0;
  if (::waitpid(pid_, &status, 0) == pid_) status_ = status;
  return status_;
}

void Child::kill() {
  if (pid_ <= 0 || status_) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // if it had not yet made its group
  strike_off(pid_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
  status_ = status;
}

void end_children_on_signal() {
  struct sigaction action{};
  action.sa_handler = end_all;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace exo
