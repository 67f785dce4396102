// SPDX-License-Identifier: MIT
#include "libos/exos/trace/registers.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"

namespace exos::trace {

namespace {

constexpr std::uint64_t program_flags = 0x40dd5;    // CF PF AF ZF SF TF DF OF AC: what ptrace may change
constexpr std::size_t features_at = 464, header_at = 512, header_size = 64, mxcsr_at = 24;
constexpr std::uint64_t legacy_features = 3;

const abi::SystemInfo& system_info() { return *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info); }

bool is_selector(std::uint64_t value) { return value == 0 || (value <= 0xffff && (value & 3) == 3); }

}  // namespace

UserRegisters registers_of(const Frame& f, std::uint64_t fs_base) {
  return {f.r15, f.r14, f.r13, f.r12, f.rbp, f.rbx, f.r11, f.r10, f.r9, f.r8, f.rax, f.rcx, f.rdx, f.rsi, f.rdi, f.call,
          f.rip, f.cs, f.rflags, f.rsp, f.ss, fs_base, 0, 0, 0, 0, 0};
}

Status set_registers(Task& task, const UserRegisters& v) {
  for (const std::uint64_t selector : {v.cs, v.ss, v.ds, v.es, v.fs, v.gs}) if (!is_selector(selector)) return Fail{Errno::io};
  if (v.cs == 0 || v.ss == 0 || v.fs_base >= abi::map::program_end || v.gs_base != 0) return Fail{Errno::io};
  Frame& f = *task.frame;
  const std::uint64_t flags = (f.rflags & ~program_flags) | (v.rflags & program_flags);
  const std::uint64_t vector = f.call == ~std::uint64_t{0} ? f.vector : ~std::uint64_t{0}, error = f.error, address = f.address;
  f = {v.r15, v.r14, v.r13, v.r12, v.rbp, v.rbx, v.rax, v.rdi, v.rsi, v.rdx, v.r10, v.r8, v.r9, v.rcx, v.r11, v.call,
       v.rip, f.cs, flags, v.rsp, f.ss, vector, error, address};
  task.fs_base = v.fs_base;
  return {};
}

std::size_t vector_size() { return system_info().xsave_size; }

std::span<std::byte> vector_state(Task& task) { return {vector_buffer(*task.area), vector_size()}; }

Status check_vector_state(Task& task) {
  std::byte* state = vector_buffer(*task.area);
  std::uint64_t header[header_size / 8];
  std::memcpy(header, state + header_at, sizeof header);
  std::uint32_t mxcsr;
  std::memcpy(&mxcsr, state + mxcsr_at, sizeof mxcsr);
  const bool sound = (header[0] & ~system_info().xcr0) == 0 && header[1] == 0 && mxcsr <= 0xffff;
  std::memset(state + header_at + 8, 0, header_size - 8);
  if (sound) return {};
  header[0] &= system_info().xcr0;
  mxcsr &= 0xffff;
  std::memcpy(state + header_at, header, 8);
  std::memcpy(state + mxcsr_at, &mxcsr, sizeof mxcsr);
  return Fail{Errno::inval};
}

void legacy_state_written(Task& task) {
  std::byte* state = vector_buffer(*task.area);
  std::uint64_t present;
  std::memcpy(&present, state + header_at, sizeof present);
  present |= legacy_features;
  std::memcpy(state + header_at, &present, sizeof present);
}

void save_processor_state(Task& task) {
  std::byte* state = vector_buffer(*task.area);
  save_vector(state);
  const std::uint64_t features = system_info().xcr0;
  std::memcpy(state + features_at, &features, sizeof features);
  asm volatile("rdfsbase %0" : "=r"(task.fs_base));
}

void load_processor_state(Task& task) {
  load_vector(vector_buffer(*task.area));
  asm volatile("wrfsbase %0" : : "r"(task.fs_base));
}

void set_step(Task& task) {
  task.stepping = true;
  task.frame->rflags |= trap_flag;
}

void clear_step(Task& task) {
  if (std::exchange(task.stepping, false)) task.frame->rflags &= ~trap_flag;
}

bool steps(const Task& task) { return task.stepping; }

}  // namespace exos::trace
