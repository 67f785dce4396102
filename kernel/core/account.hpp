// SPDX-License-Identifier: MIT
// Accounts: hierarchical containers of frames, slices and kernel objects. A child's claim, the greater of its limit and
// its use, counts as use of its parent, so a limit once given is never found empty. Every frame that is not the kernel's
// own and every bound slice position is charged to exactly one account, by charge() and pay_back() alone.
// Invariants: used <= limit unless a request is open (revocation.hpp); minimum <= limit; the children's minima are
// together at most the own one, so what is guaranteed below is guaranteed above.
#pragma once

#include "kernel/core/kernel.hpp"

namespace aegis {

using abi::Resource;
inline constexpr std::array every_resource{Resource::frames, Resource::slices, Resource::objects, Resource::programs};
static_assert(every_resource.size() == abi::resource_count);

struct Usage {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;      // own units, and the children's claims
  std::uint64_t minimum = 0;   // revocation leaves a limit of so many
  std::uint64_t promised = 0;  // the children's minima
  [[nodiscard]] std::uint64_t room() const { return used < limit ? limit - used : 0; }
  [[nodiscard]] std::uint64_t excess() const { return used > limit ? used - limit : 0; }
  [[nodiscard]] std::uint64_t claim() const { return used < limit ? limit : used; }
};

// What somebody asked back and has not got yet.
struct Request {
  bool open = false;
  bool told = false;             // the requester was woken
  bool forced = false;           // all was taken that can be
  Resource resource{};
  std::uint64_t first = abi::any_units, count = 0;
  std::uint64_t named_left = 0;  // by name: units in the range that the account or one below it has
  std::uint64_t taken = 0;       // by force
  Nanoseconds deadline{};
  ObjectRef requester;           // env
  [[nodiscard]] bool by_name() const { return first != abi::any_units; }
  [[nodiscard]] bool names(Resource what, std::uint64_t unit) const {
    return open && by_name() && resource == what && unit - first < count;
  }
};

// What the end of an account does, one sweep over the frame table after another (account_end.cpp).
enum class EndPass : std::uint8_t { marks, envs, objects, bindings, frames, done };

// Gives an owned frame of any use back to the pool and its account.
void release_frame(Kernel& k, FrameNumber frame);

struct Account {
  std::array<Usage, abi::resource_count> usage{};  // by Resource
  std::uint64_t children = 0;
  std::uint64_t run_ns = 0;     // of its envs; the scheduler adds to it and to the env's own at the same places
  std::uint32_t parent = 0;     // account; 0: the root
  std::uint32_t depth = 0;      // the root: 0
  std::uint32_t vector = 0;     // frame of the bound RevocationPage, pinned; 0: none
  ObjectRef bound;              // env that gets the upcalls
  std::uint64_t requests = 0;   // ever made
  Request request;
  bool dying = false;
  EndPass end_pass{};           // object_destroy: what it sweeps for ...
  std::uint32_t end_position = 0;  // ... and where it is

  [[nodiscard]] Usage& of(Resource what) { return usage[static_cast<std::size_t>(what)]; }
  [[nodiscard]] const Usage& of(Resource what) const { return usage[static_cast<std::size_t>(what)]; }
  // So many more can be charged.
  [[nodiscard]] std::uint64_t room(Resource what = Resource::frames) const { return dying ? 0 : of(what).room(); }
  [[nodiscard]] std::uint64_t room_for_objects() const {
    const std::uint64_t frames = room(), objects = room(Resource::objects);
    return frames < objects ? frames : objects;
  }
  [[nodiscard]] Account* above() const { return parent != 0 ? &object_at<Account>(parent) : nullptr; }
  // The account itself counts.
  [[nodiscard]] bool is_within(const Account& ancestor) const;

  [[nodiscard]] static Result<Account*> create(Kernel& k, Account& parent, const abi::AccountLimits& limits,
                                               FrameNumber where);
  // Gives it other limits, out of its parent's.
  [[nodiscard]] Status set_limits(Kernel& k, const abi::AccountLimits& limits);
  [[nodiscard]] abi::AccountInfo read() const;

  // Takes zeroed frames and charges them; nothing is charged on failure.
  [[nodiscard]] Result<FrameNumber> allocate(Kernel& k, FrameNumber where, FrameUse use,
                                             Contents contents = Contents::zeroed);
  // A run for an object that needs more than a frame.
  [[nodiscard]] Result<FrameNumber> allocate_parts(Kernel& k, std::uint64_t count, FrameUse use, Contents contents);
  // The lowest free one; the caller has found that there is room and a frame.
  [[gnu::always_inline]] FrameNumber allocate_plain(Kernel& k) {
    const FrameNumber frame = k.frames.take_lowest(frame_index(this));
    if (k.open_requests == 0) [[likely]] ++of(Resource::frames).used;
    else charge_plain(k, frame);
    return frame;
  }
  // A plain frame that nobody uses and that nobody asks back, nor any other.
  void free_plain(Kernel& k, FrameNumber frame) {
    Usage& usage_of_frames = of(Resource::frames);
    if (usage_of_frames.excess() != 0) [[unlikely]] return release_frame(k, frame);
    --usage_of_frames.used;
    k.frames.give_back_plain(frame);
  }
  [[nodiscard]] Result<FrameNumber> allocate_run(Kernel& k, const FrameWish& wish);
  // Gives back plain frames that nobody uses; all or none.
  [[nodiscard]] Status free_run(Kernel& k, FrameNumber first, std::uint64_t count);
  [[nodiscard]] bool owns(Kernel& k, FrameNumber frame);

 private:
  void charge_plain(Kernel& k, FrameNumber frame);
};
static_assert(sizeof(Account) <= abi::page_size);

// Who checked that there is room takes `units`, named by the first; and gives them back.
void charge(Kernel& k, Account& account, Resource what, std::uint64_t first, std::uint64_t units);
void pay_back(Kernel& k, Account& account, Resource what, std::uint64_t unit);
// A new limit of an account; its parent's use follows.
void change_limit(Account& account, Resource what, std::uint64_t limit);

// The account that an object of this frame is charged to.
[[nodiscard]] inline Account& owner_of(Kernel& k, std::uint32_t frame) { return object_at<Account>(k.frames[frame].owner); }

}  // namespace aegis
