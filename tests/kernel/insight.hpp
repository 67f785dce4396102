// SPDX-License-Identifier: MIT
// The tables of the information pages as a test reads them. Only in the first env, which sees them all.
#pragma once

#include "tests/kernel/domain.hpp"

namespace guest {

template <typename T>
[[nodiscard]] const T* info_table(std::uint64_t offset) {
  return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(&system_info()) + offset);
}

[[nodiscard]] inline std::span<const abi::EnvInfo> env_table() {
  return {info_table<abi::EnvInfo>(system_info().env_table_offset), system_info().env_table_count};
}
[[nodiscard]] inline std::span<const abi::ProgramEntry> program_table() {
  return {info_table<abi::ProgramEntry>(system_info().program_table_offset), system_info().program_table_count};
}
// Of an env that lives; there is one.
[[nodiscard]] inline const volatile abi::EnvInfo& env_info(CapSlot env, Where at = here()) {
  const std::uint64_t name = must(rt::read_cap(env), at).object;
  for (const abi::EnvInfo& entry : env_table())
    if (entry.env == name) return entry;
  give_up(at, "the env has no entry");
}
[[nodiscard]] inline const volatile abi::CpuInfo& cpu_info(std::uint64_t id) {
  return *info_table<abi::CpuInfo>(system_info().cpu_table_offset + id * system_info().cpu_info_size);
}
[[nodiscard]] inline std::uint64_t calls_on(std::uint64_t cpu, abi::Call number) {
  return cpu_info(cpu).calls[static_cast<std::size_t>(number)];
}
[[nodiscard]] inline std::span<const abi::SliceOwner> slice_owners() {
  return {info_table<abi::SliceOwner>(system_info().slice_table_offset),
          std::size_t{system_info().cpus} * abi::slices_per_cpu};
}

// A processor's trace ring.
class Ring {
 public:
  explicit Ring(std::uint64_t cpu)
      : ring_{*info_table<abi::TraceRing>(system_info().trace_offset + cpu * system_info().trace_size)} {}
  [[nodiscard]] std::uint64_t next() const { return std::atomic_ref{const_cast<std::uint64_t&>(ring_.next)}.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t capacity() const { return ring_.capacity; }
  [[nodiscard]] abi::TraceRecord operator[](std::uint64_t number) const {
    return reinterpret_cast<const abi::TraceRecord*>(&ring_ + 1)[number % ring_.capacity];
  }

 private:
  const abi::TraceRing& ring_;
};

inline void bind_all(std::uint32_t cpu, CapSlot env, std::uint32_t first = 0, std::uint32_t count = abi::slices_per_cpu) {
  for (std::uint32_t position = first; position < first + count; ++position)
    must(call::slice_bind(boot::slices, cpu * abi::slices_per_cpu + position, env));
}

inline void sleep_ns(std::uint64_t ns) { must(call::env_sleep(now_ns() + ns, abi::no_slot)); }

// Counters are exact, but a timer that goes off meanwhile counts too: runs `body` until one of its runs fell into a
// single slice of the caller with no interrupt but what it makes itself. The body returns nothing and may run often.
template <typename F>
bool undisturbed(F body, Where at = here()) {
  const auto& self = env_info(boot::self, at);
  for (int attempt = 0; attempt < 50; ++attempt) {
    sleep_ns(10'000);  // a fresh slice
    const std::uint32_t slices = self.slices;
    body();
    if (self.slices == slices) return true;
  }
  fail(at, "disturbed fifty times");
  return false;
}

}  // namespace guest
