// SPDX-License-Identifier: MIT
// What the files of the pager share: one sweep of the hand, and visits to other address spaces, whose page tables can be
// read only from within.
#pragma once

#include "abi/account.hpp"
#include "libos/exos/eviction.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/memory.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/protection_keys.hpp"

namespace exos::pager {

struct Sweep {
  const EvictionPolicy& policy;
  std::uint64_t wanted;      // frames
  std::uint64_t freed = 0;
  std::uint32_t round = 0;
  [[nodiscard]] bool done() const { return freed >= wanted; }
};

// The caller goes through spaces and is back in its own at the end. The library is at the same place in all of them.
class Visitor {
 public:
  using Place = rt::SpaceWith<abi::SpaceRight::run>;
  Visitor();
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;
  ~Visitor() { go_home(); }
  void go_home() { go(home_); }
  void go(Place space);

 private:
  keys::Opened opened_;
  Place home_, at_;
};

struct Hand {
  enum class Stage { programs, files } stage = Stage::programs;
  Memory* memory = nullptr;        // null: the first
  std::uint64_t address = 0;
  MemoryFile* file = nullptr;
  std::uint64_t index = 0;
};

// Pages of one process from hand.address on. True: the end was reached; false: the want is met.
[[nodiscard]] bool sweep_memory(Memory& memory, Hand& hand, Sweep& sweep, Visitor& visitor);
// Pages of one file from hand.index on, likewise.
[[nodiscard]] bool sweep_file(MemoryFile& file, Hand& hand, Sweep& sweep);

// Pages of the process's own that are in memory.
[[nodiscard]] std::uint64_t own_pages(Memory& memory, Visitor& visitor);

// For a request (pager_request.cpp): frees about `wanted` frames, or those that it names; how many.
[[nodiscard]] std::uint64_t evict_for_request(const abi::RevocationRequest& request, std::uint64_t wanted);
std::uint64_t shrink_for_request();

}  // namespace exos::pager
