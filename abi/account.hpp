// SPDX-License-Identifier: MIT
// Accounts: what can be limited, counted, and asked back.
#pragma once

#include "abi/types.hpp"

namespace abi {

enum class Resource : std::uint32_t {
  frames = 0,   // physical frames of any use
  slices = 1,   // positions of the slice vectors that are bound to the account's envs
  objects = 2,  // frames in kernel use: accounts, envs, spaces, page tables, tables and their leaves, programs; each counts as a frame too
  programs = 3,  // loaded programs; by name: the program's frame number
};
inline constexpr std::uint32_t resource_count = 4;
inline constexpr std::uint32_t max_account_depth = 16;           // accounts within accounts below the root
inline constexpr std::uint64_t any_units = ~std::uint64_t{0};  // account_revoke: not by name

// A child's claim (the greater of its limit and its use; more than the limit only while units are being asked back) counts
// as use of its parent. Revocation never lowers a limit below its minimum; what is guaranteed to the children comes out of
// the own guarantee: their minima together are at most the own one (else over_limit). The minimum of objects is not used
// and 0.
struct AccountLimits {
  std::array<std::uint64_t, resource_count> limit;    // by Resource
  std::array<std::uint64_t, resource_count> minimum;  // at most the limit
};
static_assert(sizeof(AccountLimits) == 64);

// What account_read tells.
struct AccountInfo {
  AccountLimits limits;
  std::array<std::uint64_t, resource_count> used;  // own, and the children's claims
  std::uint64_t children;
  std::uint64_t run_ns;            // time that its envs have spent on processors, those that have ended included
  std::uint64_t request_resource;  // 1 + the Resource that is being asked back, 0: none
  std::uint64_t request_left;      // units that have yet to be given
  std::uint64_t request_deadline;  // nanoseconds
};
static_assert(sizeof(AccountInfo) == 136);

// The frame that account_bind names. The kernel writes `request` and then delivers the revoke upcall; it appends to
// `losses` while taking by force and then delivers the repossess upcall. The library empties the list by setting
// `loss_count` to 0; losses that found no room are only counted (the frame table tells what is still owned).
struct RevocationRequest {
  std::uint64_t sequence;     // grows with every request
  std::uint64_t resource;     // Resource
  std::uint64_t first;        // by name: the first unit; otherwise any_units
  std::uint64_t count;        // units asked for (by name: at most max_cap_run from `first` on; the limit falls by those owned, the rest need not be given)
  std::uint64_t deadline_ns;
};
struct Loss {
  std::uint64_t resource;     // Resource
  std::uint64_t first, count; // units lost
};
inline constexpr std::size_t max_losses = 168;
struct RevocationPage {
  RevocationRequest request;
  std::uint64_t loss_count;   // entries in use
  std::uint64_t lost_units;   // all units ever taken by force
  std::uint64_t unlisted;     // units among them that found no room in the list
  Loss losses[max_losses];
};
static_assert(sizeof(RevocationPage) <= page_size);

}  // namespace abi
