// SPDX-License-Identifier: MIT
// The kinds of capabilities as types, with the calls that each takes. A method exists only where the capability's type
// has the right that the call needs (the kernel checks again). Nothing here allocates: slots and addresses are the
// caller's to choose (rt/slots.hpp).
#pragma once

#include "libos/rt/cap.hpp"
#include "libos/rt/clock.hpp"
#include "libos/rt/space.hpp"
#include "libos/rt/transfer.hpp"

namespace rt {

// A run of physical frames, by name.
struct FrameRun {
  FrameNumber first{};
  std::uint64_t count = 0;
};

// --- entries, tables, frames -----------------------------------------------------------------------------------------
template <Rights<abi::Kind::entry> Have>
class Cap<abi::Kind::entry, Have> : public Common<abi::Kind::entry, Have> {
 public:
  using Common<abi::Kind::entry, Have>::Common;
  Result<Reply> call(Message& message, abi::Transfer transfer = no_transfer) const
    requires(Have.has(abi::EntryRight::call))
  {
    return transfer_call(this->slot(), message, transfer);
  }
  [[nodiscard]] Status send(const Message& message, abi::Transfer transfer = no_transfer) const
    requires(Have.has(abi::EntryRight::call))
  {
    return transfer_send(this->slot(), message, transfer);
  }
};

template <Rights<abi::Kind::table> Have>
class Cap<abi::Kind::table, Have> : public Common<abi::Kind::table, Have> {
 public:
  using Common<abi::Kind::table, Have>::Common;
  // Slots 64 * leaf to 64 * leaf + 63.
  template <Rights<abi::Kind::account> A>
    requires(Have.has(abi::TableRight::insert) && A.has(abi::AccountRight::allocate))
  [[nodiscard]] Status grow(std::uint32_t leaf, Cap<abi::Kind::account, A> account) const {
    return call::table_grow(this->slot(), leaf, account.slot(), abi::any_frame);
  }
};

template <Rights<abi::Kind::frames> Have>
class Cap<abi::Kind::frames, Have> : public Common<abi::Kind::frames, Have> {
 public:
  using Common<abi::Kind::frames, Have>::Common;
  [[nodiscard]] Result<FrameRun> run() const {
    const abi::CapInfo info = TRY(this->read());
    return FrameRun{FrameNumber{info.base}, info.count};
  }
};

// --- envs and their time ------------------------------------------------------------------------------------------
template <Rights<abi::Kind::env> Have>
class Cap<abi::Kind::env, Have> : public Common<abi::Kind::env, Have> {
  using R = abi::EnvRight;
  static constexpr bool controls = Have.has(R::control);

 public:
  using Common<abi::Kind::env, Have>::Common;

  [[nodiscard]] Status configure(const abi::EnvEntries& entries) const
    requires controls
  {
    return call::env_configure(this->slot(), &entries);
  }
  [[nodiscard]] Status start(Va rip, Va stack_top, std::uint64_t argument = 0) const
    requires controls
  {
    return call::env_start(this->slot(), rip, stack_top, argument);
  }
  [[nodiscard]] Status stop() const
    requires controls
  {
    return until_done([this] { return call::env_stop(this->slot()); });
  }
  [[nodiscard]] Status resume() const
    requires controls
  {
    return call::env_resume(this->slot());
  }
  [[nodiscard]] Result<abi::EnvState> state() const
    requires(Have.has(R::inspect))
  {
    return read_env(this->slot());
  }
  [[nodiscard]] Status write(const abi::Registers& registers) const
    requires controls
  {
    return call::env_write(this->slot(), &registers);
  }
  [[nodiscard]] Status wake() const
    requires(Have.has(R::wake))
  {
    return call::env_wake(this->slot());
  }
  // The rest of the slice is its.
  [[nodiscard]] Status yield_to() const
    requires(Have.has(R::donate))
  {
    return call::env_yield(this->slot());
  }
  // The same, and the caller sleeps.
  [[nodiscard]] Status yield_to_and_sleep(abi::Nanoseconds deadline) const
    requires(Have.has(R::donate))
  {
    return call::env_sleep(deadline.raw(), this->slot());
  }
  // A way to call it: with serve() `rip` is rt_transfer_entry.
  Result<Entry> make_entry(CapSlot to, std::uint64_t badge, Va rip = Va{rt_transfer_entry}) const
    requires controls
  {
    TRY_VOID(call::pct_entry(this->slot(), to, rip, badge));
    return Entry{to};
  }
};

template <Rights<abi::Kind::slices> Have>
class Cap<abi::Kind::slices, Have> : public Common<abi::Kind::slices, Have> {
 public:
  using Common<abi::Kind::slices, Have>::Common;
  // Position `index` of the capability's range belongs to env from its next round on.
  [[nodiscard]] Status bind(std::uint32_t index, EnvWith<abi::EnvRight::donate> env) const
    requires(Have.has(abi::SlicesRight::bind))
  {
    return call::slice_bind(this->slot(), index, env.slot());
  }
  [[nodiscard]] Status unbind(std::uint32_t index) const
    requires(Have.has(abi::SlicesRight::bind))
  {
    return call::slice_bind(this->slot(), index, abi::no_slot);
  }
};

// --- spaces -------------------------------------------------------------------------------------------------------
// A default-constructed Space is the caller's own.
template <Rights<abi::Kind::space> Have>
class Cap<abi::Kind::space, Have> : public Common<abi::Kind::space, Have> {
  using R = abi::SpaceRight;
  static constexpr bool changes = Have.has(R::change);

 public:
  using Common<abi::Kind::space, Have>::Common;

  [[nodiscard]] Status update(std::span<const SpaceOp> ops) const
    requires changes
  {
    return rt::update(this->slot(), ops);
  }
  // `account` owns the frames; for somebody else's, a frames capability.
  template <Rights<abi::Kind::account> A>
    requires(changes && A.has(abi::AccountRight::frames))
  [[nodiscard]] Status map(std::uint64_t va, FrameRun run, std::uint32_t flags,
                           Cap<abi::Kind::account, A> account) const {
    return rt::map(this->slot(), va, run.first, run.count, flags, account.slot());
  }
  template <Rights<abi::Kind::frames> Shared>
    requires changes
  [[nodiscard]] Status map(std::uint64_t va, FrameRun run, std::uint32_t flags,
                           Cap<abi::Kind::frames, Shared> frames) const {
    return rt::map(this->slot(), va, run.first, run.count, flags, frames.slot());
  }
  template <Rights<abi::Kind::account> A>
    requires(changes && A.has(abi::AccountRight::allocate))
  [[nodiscard]] Status map_new(std::uint64_t va, std::uint64_t pages, std::uint32_t flags,
                               Cap<abi::Kind::account, A> account) const {
    return rt::map_new(this->slot(), va, pages, flags, account.slot());
  }
  [[nodiscard]] Status unmap(std::uint64_t va, std::uint64_t pages) const
    requires changes
  {
    return rt::unmap(this->slot(), va, pages);
  }
  [[nodiscard]] Status protect(std::uint64_t va, std::uint64_t pages, std::uint32_t flags) const
    requires changes
  {
    return rt::protect(this->slot(), va, pages, flags);
  }
  template <Rights<abi::Kind::account> A>
    requires(changes && A.has(abi::AccountRight::allocate))
  [[nodiscard]] Status copy(std::uint64_t va, std::uint64_t pages, std::uint32_t flags,
                            Cap<abi::Kind::account, A> account) const {
    return rt::copy(this->slot(), va, pages, flags, account.slot());
  }
  template <Rights<abi::Kind::space> S>
    requires(changes && S.has(abi::SpaceRight::share))
  [[nodiscard]] Status clone(std::uint64_t va, std::uint64_t pages, std::uint32_t flags,
                             Cap<abi::Kind::space, S> source) const {
    return rt::clone(this->slot(), va, pages, flags, source.slot());
  }
  // 2 MiB mappings: `va` and the run's first frame are multiples of 512 pages.
  template <Rights<abi::Kind::account> A>
    requires(changes && A.has(abi::AccountRight::frames))
  [[nodiscard]] Status map_large(std::uint64_t va, FrameRun run, std::uint32_t flags,
                                 Cap<abi::Kind::account, A> account) const {
    return rt::map(this->slot(), va, run.first, run.count, flags | abi::map_large, account.slot());
  }
  template <Rights<abi::Kind::account> A>
    requires(changes && A.has(abi::AccountRight::allocate))
  [[nodiscard]] Status map_new_large(std::uint64_t va, std::uint64_t large, std::uint32_t flags,
                                     Cap<abi::Kind::account, A> account) const {
    return rt::map_new(this->slot(), va, large * large_pages, flags | abi::map_large, account.slot());
  }
  [[nodiscard]] Status split(std::uint64_t va, std::uint64_t large) const
    requires changes
  {
    return rt::update(this->slot(), std::array{split_op(va, large * large_pages)});
  }
  // Sees 512 GiB of another space.
  template <Rights<abi::Kind::space> S>
    requires(changes && S.has(abi::SpaceRight::share))
  [[nodiscard]] Status link(std::uint32_t index, Cap<abi::Kind::space, S> source) const {
    return call::space_link(this->slot(), index, source.slot());
  }
  [[nodiscard]] Status unlink(std::uint32_t index) const
    requires changes
  {
    return call::space_link(this->slot(), index, abi::no_slot);
  }
  [[nodiscard]] Status move(std::uint64_t to, std::uint64_t from, std::uint64_t pages) const
    requires changes
  {
    return rt::move(this->slot(), to, from, pages);
  }
  [[nodiscard]] Status trim(std::uint64_t va, std::uint64_t pages) const
    requires changes
  {
    return rt::trim(this->slot(), va, pages);
  }
  // The caller goes on in this space; rip and rsp must mean the same there.
  [[nodiscard]] Status enter() const
    requires(Have.has(R::run))
  {
    return call::env_space(this->slot());
  }
};

// Gathers operations and sends them together; full, it sends what it has. flush() must be called at the end: a
// destructor could not tell of the failure.
class SpaceBatch {
 public:
  explicit SpaceBatch(SpaceWith<abi::SpaceRight::change> space) : space_{space} {}
  SpaceBatch(const SpaceBatch&) = delete;
  SpaceBatch& operator=(const SpaceBatch&) = delete;

  [[nodiscard]] Status add(const SpaceOp& op) {
    if (count_ == ops_.size()) TRY_VOID(flush());
    ops_[count_++] = op;
    return {};
  }
  [[nodiscard]] Status flush() {
    const std::size_t count = std::exchange(count_, 0);
    return space_.update(std::span{ops_}.first(count));
  }

 private:
  SpaceWith<abi::SpaceRight::change> space_;
  std::size_t count_ = 0;
  std::array<SpaceOp, abi::space_update_max_ops> ops_{};
};

// --- accounts -----------------------------------------------------------------------------------------------------
template <Rights<abi::Kind::account> Have>
class Cap<abi::Kind::account, Have> : public Common<abi::Kind::account, Have> {
  using R = abi::AccountRight;
  static constexpr bool pays = Have.has(R::allocate);

 public:
  using Common<abi::Kind::account, Have>::Common;

  // New objects, paid by this account; each into an empty slot of the own table.
  Result<Cap<abi::Kind::account>> create_account(CapSlot to, const abi::AccountLimits& limits) const
    requires(Have.has(R::divide))
  {
    TRY_VOID(call::account_create(this->slot(), to, &limits, abi::any_frame));
    return Cap<abi::Kind::account>{to};
  }
  Result<Space> create_space(CapSlot to) const
    requires pays
  {
    TRY_VOID(call::space_create(this->slot(), to, abi::any_frame));
    return Space{to};
  }
  // With `leaves` * 64 slots from 0 on.
  Result<Table> create_table(CapSlot to, std::uint32_t leaves = 1) const
    requires pays
  {
    TRY_VOID(call::table_create(this->slot(), to, abi::any_frame));
    for (std::uint32_t leaf = 0; leaf < leaves; ++leaf) {
      const Status grown = call::table_grow(to, leaf, this->slot(), abi::any_frame);
      if (grown.has_value()) continue;
      static_cast<void>(destroy_and_drop(to));
      return base::Unexpected{grown.error()};
    }
    return Table{to};
  }
  // `area`: a plain frame of this account, which becomes the env's user area.
  Result<Env> create_env(CapSlot to, SpaceWith<abi::SpaceRight::run> space, TableWith<abi::TableRight::run> table,
                         FrameNumber area) const
    requires(pays && Have.has(R::frames))
  {
    TRY_VOID(call::env_create(this->slot(), to, space.slot(), table.slot(), area, abi::any_frame));
    return Env{to};
  }

  // Frames, zeroed. `mask` and `match` choose a colour or an alignment: (first & mask) == match.
  Result<FrameRun> allocate(std::uint64_t count = 1, std::uint32_t mask = 0, std::uint32_t match = 0) const
    requires pays
  {
    return FrameRun{FrameNumber{TRY(call::frame_alloc(this->slot(), abi::any_frame, count, mask, match))}, count};
  }
  Result<FrameRun> allocate_named(FrameNumber first, std::uint64_t count = 1) const
    requires pays
  {
    return FrameRun{FrameNumber{TRY(call::frame_alloc(this->slot(), first, count, 0, 0))}, count};
  }
  // What a 2 MiB mapping needs.
  Result<FrameRun> allocate_large() const
    requires pays
  {
    return allocate(large_pages, large_pages - 1, 0);
  }
  [[nodiscard]] Status free(FrameRun run) const
    requires pays
  {
    return call::frame_free(this->slot(), run.first, run.count);
  }
  template <abi::FramesRight... Wanted>
  Result<FramesWith<Wanted...>> name_frames(CapSlot to, FrameRun run) const
    requires(Have.has(R::frames))
  {
    TRY_VOID(call::frame_cap(this->slot(), to, run.first, run.count, bits(Wanted...)));
    return FramesWith<Wanted...>{to};
  }

  [[nodiscard]] Result<abi::AccountInfo> usage() const { return read_account(this->slot()); }
  template <Rights<abi::Kind::account> Child>
  [[nodiscard]] Status limit(Cap<abi::Kind::account, Child> child, const abi::AccountLimits& limits) const
    requires(Have.has(R::divide))
  {
    return call::account_limit(this->slot(), child.slot(), &limits);
  }
  // A capability to an object that lives in the account's frames, when none is left.
  template <typename Object>
  Result<Object> claim(CapSlot to, FrameNumber object) const
    requires(pays && Have.has(R::frames))
  {
    TRY_VOID(call::account_claim(this->slot(), to, object));
    if (TRY(read_cap(to)).kind == static_cast<std::uint8_t>(Object::kind)) return Object{to};
    TRY_VOID(rt::drop(to));
    return base::Unexpected{Error::wrong_kind};
  }

  // Visible revocation, the holder's side: `env` gets the upcalls, `page` what they say (rt::RevocationInbox).
  [[nodiscard]] Status bind(EnvWith<abi::EnvRight::control> env, FrameNumber page) const
    requires(pays && Have.has(R::frames))
  {
    return call::account_bind(this->slot(), env.slot(), page);
  }
  [[nodiscard]] Status unbind() const
    requires(pays && Have.has(R::frames))
  {
    return call::account_bind(this->slot(), abi::no_slot, FrameNumber{0});
  }
  // The owner's: asks `count` units back, any or from `first` on ...
  [[nodiscard]] Status ask_back(abi::Resource what, std::uint64_t count, abi::Nanoseconds deadline,
                                std::uint64_t first = abi::any_units) const
    requires(Have.has(R::reclaim))
  {
    return call::account_revoke(this->slot(), static_cast<std::uint32_t>(what), first, count, deadline.raw());
  }
  // ... and after the deadline takes what has not been given. Value: units taken by force.
  Result<std::uint64_t> take_back() const
    requires(Have.has(R::reclaim))
  {
    for (;;) {
      const auto taken = call::account_reclaim(this->slot());
      if (taken.has_value() || taken.error() != Error::again) return taken;
    }
  }
};

// --- the machine --------------------------------------------------------------------------------------------------
template <Rights<abi::Kind::console> Have>
class Cap<abi::Kind::console, Have> : public Common<abi::Kind::console, Have> {
 public:
  using Common<abi::Kind::console, Have>::Common;
  // Bytes taken or given, or would_block: then the bound env is woken when that changes.
  Result<std::uint64_t> write(std::span<const std::byte> bytes) const
    requires(Have.has(abi::ConsoleRight::write))
  {
    return call::console_write(this->slot(), bytes.data(), bytes.size());
  }
  Result<std::uint64_t> read(std::span<std::byte> bytes) const
    requires(Have.has(abi::ConsoleRight::read))
  {
    return call::console_read(this->slot(), bytes.data(), bytes.size());
  }
  [[nodiscard]] Status bind(EnvWith<abi::EnvRight::wake> env) const {
    return call::console_bind(this->slot(), env.slot());
  }
};

template <Rights<abi::Kind::machine> Have>
class Cap<abi::Kind::machine, Have> : public Common<abi::Kind::machine, Have> {
 public:
  using Common<abi::Kind::machine, Have>::Common;
  [[noreturn]] void stop(std::uint32_t code) const
    requires(Have.has(abi::MachineRight::stop))
  {
    stop_machine(this->slot(), code);
  }
  [[nodiscard]] Status log(std::string_view text) const
    requires(Have.has(abi::MachineRight::log))
  {
    return call::machine_log(this->slot(), text.data(), text.size());
  }
  [[nodiscard]] Status trace(std::uint32_t events) const
    requires(Have.has(abi::MachineRight::trace))
  {
    return call::trace_set(this->slot(), events);
  }
};

// --- the caller itself -----------------------------------------------------------------------------------------------
inline Status yield() { return call::env_yield(abi::no_slot); }
inline Status sleep(abi::Nanoseconds deadline) { return call::env_sleep(deadline.raw(), abi::no_slot); }
inline Status configure_self(const abi::EnvEntries& entries) { return call::env_configure(abi::no_slot, &entries); }

}  // namespace rt
