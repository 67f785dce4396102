// SPDX-License-Identifier: MIT
// A booted kernel on the fake machine: the first env is there, calls are made in its name (or whoever runs).
#pragma once

#include <string>
#include <vector>

#include "abi/boot.hpp"
#include "kernel/core/env.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"
#include "tests/unit/fake_arch.hpp"

namespace fake {

using abi::Call;
using abi::CapSlot;
using abi::Error;

struct Reply {
  Error error;
  std::uint64_t value;
  friend bool operator==(const Reply&, const Reply&) = default;
};

class World {
 public:
  explicit World(std::uint64_t features = abi::cpu_pku);  // boots; aborts when that fails

  // The call of whoever runs on the processor.
  Reply call(Call number, std::initializer_list<std::uint64_t> arguments = {});
  Reply call_raw(std::uint64_t number, const std::array<std::uint64_t, 6>& arguments);
  // How many calls pass between two fillings of what processors remember: 1 tests every call.
  unsigned fill_every = 1;
  // Repeats while the answer is `again`; delivers pokes in between.
  Reply call_done(Call number, std::initializer_list<std::uint64_t> arguments);
  // Puts bytes into the running env's memory (its scratch area) and returns where.
  template <typename T>
  std::uint64_t put(const T& value, std::uint64_t offset = 0) {
    write(scratch() + offset, &value, sizeof value);
    return scratch() + offset;
  }
  template <typename T>
  T get(std::uint64_t offset = 0) {
    T value;
    read(scratch() + offset, &value, sizeof value);
    return value;
  }
  // AccountLimits of so many frames, put into memory.
  std::uint64_t limits(std::uint64_t frames) { return put(abi::AccountLimits{.limit = {frames, 0, frames}, .minimum = {}}, 2048); }
  [[nodiscard]] std::uint64_t scratch() const { return facts_.free_va - 6 * 4096; }  // inside the first env's stack
  void write(std::uint64_t va, const void* from, std::size_t size);
  void read(std::uint64_t va, void* to, std::size_t size);

  // space_update of one operation, repeated until done.
  Error update(CapSlot space, abi::SpaceOp op);
  Error map_new(CapSlot space, std::uint64_t va, std::uint64_t pages,
                std::uint32_t flags = abi::map_read | abi::map_write | abi::map_owned);
  std::uint64_t entry(const aegis::Space& space, std::uint64_t va);

  void pass(std::uint64_t ns);  // time goes on; timers that are due go off
  void deliver_pokes();
  void on(std::uint32_t cpu) { machine().running = cpu; }
  [[nodiscard]] aegis::Cpu& cpu() { return machine().cpus[machine().running]; }
  [[nodiscard]] aegis::Env* current() { return cpu().current; }
  [[nodiscard]] aegis::Kernel& kernel();
  [[nodiscard]] aegis::Env& env_at(CapSlot slot);      // in the first env's table
  [[nodiscard]] aegis::Space& space_at(CapSlot slot);
  [[nodiscard]] aegis::Slot& slot(CapSlot slot);
  [[nodiscard]] aegis::Account& root();
  [[nodiscard]] std::uint64_t frames_used() { return root().of(abi::Resource::frames).used; }
  [[nodiscard]] const abi::boot::Facts& facts() const { return facts_; }

  // An env in a space and a table of its caller's choice, with a user area of the root account.
  std::uint64_t make_env(CapSlot dst, CapSlot space = abi::boot::space, CapSlot table = abi::boot::table);

  [[nodiscard]] std::string problems();  // of the checker; empty when all is well

 private:
  abi::boot::Facts facts_{};
  aegis::Env* first_ = nullptr;
  unsigned calls_ = 0;
};

}  // namespace fake
