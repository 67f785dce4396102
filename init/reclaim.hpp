// SPDX-License-Identifier: MIT
// Asks the container for memory back as the plan says: one request at a time, with a deadline; what has not been given by
// then is taken by force.
#pragma once

#include "abi/types.hpp"
#include "init/plan.hpp"

namespace init {

class Reclaimer {
 public:
  Reclaimer(const Plan& plan, std::uint64_t start_ns) : plan_{plan}, start_ns_{start_ns} {}
  // Does what is due; called at next_ns() and whenever init is woken.
  void step(std::uint64_t now_ns);
  [[nodiscard]] std::uint64_t next_ns() const;   // all ones: never

 private:
  void ask(const Reclaim& reclaim, std::uint64_t now_ns);
  void conclude(std::uint64_t now_ns);

  const Plan& plan_;
  std::uint64_t start_ns_;
  std::size_t next_ = 0;         // of plan_.reclaims
  bool open_ = false;
  std::uint64_t asked_ = 0, asked_ns_ = 0, deadline_ns_ = 0;
};

}  // namespace init
