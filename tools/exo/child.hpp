// SPDX-License-Identifier: MIT
// A child process that never outlives its owner: killed by the destructor, and by Linux when this process dies.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "exo/descriptor.hpp"
#include "exo/failure.hpp"

namespace exo {

struct ChildPlan {
  std::vector<std::string> command;   // the first is the program's path, or a name on PATH
  std::vector<int> keep;              // descriptors that the child inherits under the same numbers
  int in = -1, out = -1, err = -1;    // its standard descriptors; -1: /dev/null
  std::string folder;                 // its working directory; empty: this one
};

class Child {
 public:
  [[nodiscard]] static Result<Child> start(const ChildPlan& plan);
  Child(Child&& other) noexcept : pid_{std::exchange(other.pid_, -1)}, ready_{std::move(other.ready_)} {}
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] int ready_fd() const { return ready_.get(); }  // readable when the child has ended
  [[nodiscard]] pid_t pid() const { return pid_; }
  // The wait status of the child, once it has ended; waits at most so long. Nothing: it still runs.
  [[nodiscard]] std::optional<int> wait(int timeout_ms);
  void kill();  // with its process group, and waits. What is left of the group when the child ends by itself goes too

 private:
  explicit Child(pid_t pid) : pid_{pid} {}
  pid_t pid_;
  Descriptor ready_;
  std::optional<int> status_;
};

// From now on SIGINT, SIGTERM and SIGHUP kill the groups of all children before they end this process. For a command that
// runs scripts, whose own children would be left behind.
void end_children_on_signal();

// As a shell tells it: the exit status, or 128 + signal.
[[nodiscard]] int shell_status(int wait_status);

}  // namespace exo
