// SPDX-License-Identifier: MIT
#include "libos/exos/protection_keys.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/memory.hpp"
#include "libos/exos/user_memory.hpp"

namespace exos::keys {

namespace {

constexpr std::uint32_t key_count = 16, initial_rights = 0x5555'5554;
constexpr std::uint64_t pkru_component = 9;          // of the vector state [intel/vol1 13.1]
constexpr std::size_t present_at = 512;              // which components an xsave area has: XSTATE_BV

// The program's part of a value for PKRU.
std::uint32_t of_program(std::uint32_t pkru) { return guard::is_on() ? pkru & ~guard::key_bits : pkru; }

// Where PKRU lies in an xsave area. [intel/vol2 CPUID leaf 0DH]
std::uint32_t pkru_at() {
  static constinit std::uint32_t at = 0;
  if (at == 0) {
    std::uint32_t a = 0xd, c = pkru_component, d;
    asm volatile("cpuid" : "+a"(a), "=b"(at), "+c"(c), "=d"(d));
  }
  return at;
}

}  // namespace

bool exist() {
  return (reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info)->features & abi::cpu_pku) != 0;
}

std::uint32_t read_rights() {
  std::uint32_t pkru;
  asm volatile("rdpkru" : "=a"(pkru) : "c"(0) : "rdx");
  return pkru;
}

void write_rights(std::uint32_t pkru) { asm volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory"); }

void set_initial_rights() { if (exist()) write_rights(of_program(initial_rights)); }

Result<std::uint32_t> allocate(Memory& memory, std::uint32_t rights) {
  if (!exist()) return Fail{Errno::nospc};
  for (std::uint32_t key = 1; key < (guard::is_on() ? guard::key : key_count); ++key) {
    if ((memory.keys >> key & 1) != 0) continue;
    in_use = true;
    memory.keys = static_cast<std::uint16_t>(memory.keys | 1u << key);
    write_rights((read_rights() & ~(3u << 2 * key)) | rights << 2 * key);
    return key;
  }
  return Fail{Errno::nospc};
}

bool is_allocated(const Memory& memory, std::int32_t key) {
  return exist() && key >= 0 && key < static_cast<std::int32_t>(key_count) && (memory.keys >> key & 1) != 0;
}

bool forbid(std::uint32_t key, bool writes) {
  constexpr std::uint32_t access = 1, write = 2;
  return (read_rights() >> 2 * key & (writes ? access | write : access)) != 0;
}

Status release(Memory& memory, std::int32_t key) {
  if (!is_allocated(memory, key)) return Fail{Errno::inval};
  memory.keys = static_cast<std::uint16_t>(memory.keys & ~(1u << key));
  return {};
}

Status load_rights(std::uint64_t vector_state) {
  std::uint32_t pkru = initial_rights;
  if (vector_state != 0) {
    const auto present = TRY(read_user<std::uint64_t>(vector_state + present_at));
    pkru = (present >> pkru_component & 1) == 0 ? 0 : TRY(read_user<std::uint32_t>(vector_state + pkru_at()));
  }
  write_rights(of_program(pkru));
  return {};
}

}  // namespace exos::keys
