// SPDX-License-Identifier: MIT
// The verbs of space_update. Each page is checked and then changed on its own; what was done before an error stays
// done, and the caller is told how far it came.
#pragma once

#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"

namespace aegis {

namespace quick {
struct Protection;  // quick_update.hpp
}

class SpaceUpdate {
 public:
  // `table`: where the operations' authorities are looked up.
  SpaceUpdate(Kernel& k, Table& table, Space& space) : k_{k}, table_{table}, space_{space}, pending_{k, space} {}

  // Does all of the operation or a first part: `pages` says how many. `again`: the budget is used up.
  [[nodiscard]] Status run(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] bool exhausted() const { return budget_ == 0; }

 private:
  struct Authority {
    Account* account = nullptr;  // exactly one of the two is there
    const Slot* frames = nullptr;
  };
  [[nodiscard]] Status check_form(const abi::SpaceOp& op) const;
  [[nodiscard]] Result<Authority> authority(const abi::SpaceOp& op) const;
  struct Clone {
    PendingFlush& source_pending;
    std::uint64_t taken;  // bits that source and copy lose
  };
  [[nodiscard]] Status clone_entries(const Clone& how, std::uint64_t va, std::uint64_t* from, std::uint64_t* to, std::uint64_t number,
                                     std::uint64_t& passed);
  [[nodiscard]] Result<Space*> clone_source(const abi::SpaceOp& op) const;
  [[nodiscard]] Status inside_capability(const abi::SpaceOp& op, const Authority& by) const;
  [[nodiscard]] Result<std::uint64_t> ceiling_for(const Authority& by, FrameNumber frame, std::uint32_t flags) const;

  enum class Tables : bool { make, find };
  template <typename F>
  [[nodiscard]] Status each_page(const abi::SpaceOp& op, std::uint64_t& pages, Tables tables, F each);
  [[nodiscard]] Result<std::uint64_t*> tables_at(std::uint64_t va, Tables tables, std::uint32_t flags);
  template <typename F>
  [[nodiscard]] Status each_large(const abi::SpaceOp& op, std::uint64_t& pages, F each);
  [[nodiscard]] Status afford(std::uint64_t steps);
  void clear_way(std::uint64_t& entry, std::uint64_t va);
  template <typename F>
  [[nodiscard]] Status each_table(Space& in, std::uint64_t start, std::uint64_t count, std::uint64_t& pages, F visit);
  [[nodiscard]] Status protect_entries(const quick::Protection& to, std::uint64_t va, std::uint64_t* entry, std::uint64_t number,
                                       std::uint64_t& passed);
  template <typename F>
  [[nodiscard]] Status each_present(Space& in, std::uint64_t start, std::uint64_t count, std::uint64_t& pages, F each);

  void put(std::uint64_t& entry, std::uint64_t va, std::uint64_t value);
  [[nodiscard]] Status map(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status map_new(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status unmap(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status protect(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status copy(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status clone(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status map_large(const abi::SpaceOp& op, const Authority& by, std::uint64_t& pages);
  [[nodiscard]] Status map_new_large(const abi::SpaceOp& op, const Authority& by, std::uint64_t& pages);
  [[nodiscard]] Status split(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status move(const abi::SpaceOp& op, std::uint64_t& pages);
  [[nodiscard]] Status dispatch(const abi::SpaceOp& op, std::uint64_t& pages);

  Kernel& k_;
  Table& table_;
  Space& space_;
  std::uint64_t budget_ = abi::space_update_budget;
  PendingFlush pending_;
};

}  // namespace aegis
