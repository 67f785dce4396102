// SPDX-License-Identifier: MIT
#include "libos/exos/calls/ptrace_registers.hpp"

#include "libos/exos/call_helpers.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/trace/registers.hpp"

namespace exos::trace {

namespace {

constexpr std::size_t legacy_size = 512, user_size = 928, debug_registers_at = 848, debug_register_count = 8;
constexpr std::uint64_t nt_prstatus = 1, nt_fpregset = 2, nt_x86_xstate = 0x202;

bool is_debug_register(std::uint64_t offset) {
  return offset >= debug_registers_at && offset < debug_registers_at + debug_register_count * 8;
}

struct Set { std::uint64_t kind; std::size_t size, unit; };

Result<Set> set_of(std::uint64_t kind) {
  switch (kind) {
    case nt_prstatus: return Set{kind, sizeof(UserRegisters), 8};
    case nt_fpregset: return Set{kind, legacy_size, 4};
    case nt_x86_xstate: return Set{kind, vector_size(), 8};
    default: return Fail{Errno::inval};
  }
}

// Where the tracer wants a set, or has it.
Result<Iovec> place_of(std::uint64_t vector, const Set& set) {
  auto place = TRY(read_user<Iovec>(vector));
  if (place.length % set.unit != 0) return Fail{Errno::inval};
  place.length = std::min<std::uint64_t>(place.length, set.size);
  return place;
}

CallResult tell_length(std::uint64_t vector, const Iovec& place) {
  return nothing(write_user(vector + offsetof(Iovec, length), place.length));
}

Status take_vector_state(Task& task, std::uint64_t from, std::size_t size) {
  TRY_VOID(copy_in(vector_state(task).data(), from, size));
  return check_vector_state(task);
}

}  // namespace

CallResult peek_user(const Task& task, std::uint64_t offset, std::uint64_t to) {
  if (offset % 8 != 0 || offset >= user_size) return Fail{Errno::io};
  std::uint64_t value = 0;
  const UserRegisters all = registers_of(*task.frame, task.fs_base);
  if (offset < sizeof all) std::memcpy(&value, reinterpret_cast<const std::byte*>(&all) + offset, sizeof value);
  return nothing(write_user(to, value));
}

CallResult poke_user(Task& task, std::uint64_t offset, std::uint64_t value) {
  if (offset % 8 != 0 || offset >= user_size) return Fail{Errno::io};
  UserRegisters all = registers_of(*task.frame, task.fs_base);
  if (offset >= sizeof all) return is_debug_register(offset) && value == 0 ? CallResult{0} : CallResult{Fail{Errno::io}};
  std::memcpy(reinterpret_cast<std::byte*>(&all) + offset, &value, sizeof value);
  return nothing(set_registers(task, all));
}

CallResult get_registers(const Task& task, std::uint64_t to) { return nothing(write_user(to, registers_of(*task.frame, task.fs_base))); }
CallResult take_registers(Task& task, std::uint64_t from) { return nothing(set_registers(task, TRY(read_user<UserRegisters>(from)))); }

CallResult get_vector_registers(Task& task, std::uint64_t to) {
  return nothing(copy_out(to, vector_state(task).data(), legacy_size));
}
CallResult take_vector_registers(Task& task, std::uint64_t from) {
  TRY_VOID(take_vector_state(task, from, legacy_size));
  legacy_state_written(task);
  return 0;
}

CallResult get_register_set(Task& task, std::uint64_t kind, std::uint64_t vector) {
  const Set set = TRY(set_of(kind));
  const Iovec place = TRY(place_of(vector, set));
  const UserRegisters all = registers_of(*task.frame, task.fs_base);
  const void* from = kind == nt_prstatus ? static_cast<const void*>(&all) : vector_state(task).data();
  TRY_VOID(copy_out(place.base, from, place.length));
  return tell_length(vector, place);
}

CallResult take_register_set(Task& task, std::uint64_t kind, std::uint64_t vector) {
  const Set set = TRY(set_of(kind));
  const Iovec place = TRY(place_of(vector, set));
  if (kind == nt_prstatus) {
    UserRegisters all = registers_of(*task.frame, task.fs_base);
    TRY_VOID(copy_in(&all, place.base, place.length));
    TRY_VOID(set_registers(task, all));
  } else {
    if (kind == nt_x86_xstate && place.length != set.size) return Fail{Errno::fault};
    TRY_VOID(take_vector_state(task, place.base, place.length));
    if (kind == nt_fpregset) legacy_state_written(task);
  }
  return tell_length(vector, place);
}

}  // namespace exos::trace
