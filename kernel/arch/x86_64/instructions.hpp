// SPDX-License-Identifier: MIT
// The instructions that C++ has no words for, one function each, and the numbers of the registers they touch. What a
// paravirtual host would replace is here and nowhere else.
#pragma once

#include "base/std.hpp"

namespace aegis::x86 {

// --- ports [intel/vol1 19] ------------------------------------------------------------------------------------------
inline void out8(std::uint16_t port, std::uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
inline void out16(std::uint16_t port, std::uint16_t value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
inline void out32(std::uint16_t port, std::uint32_t value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
[[nodiscard]] inline std::uint8_t in8(std::uint16_t port) {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
[[nodiscard]] inline std::uint16_t in16(std::uint16_t port) {
  std::uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
[[nodiscard]] inline std::uint32_t in32(std::uint16_t port) {
  std::uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

// --- model-specific registers [intel/vol4 2] -----------------------------------------------------------------------
enum class Msr : std::uint32_t {
  apic_base = 0x1b, tsc_deadline = 0x6e0, x2apic = 0x800, efer = 0xc000'0080, star = 0xc000'0081, lstar = 0xc000'0082,
  sfmask = 0xc000'0084, gs_base = 0xc000'0101, kernel_gs_base = 0xc000'0102,
};
[[nodiscard]] inline std::uint64_t rdmsr(Msr msr) {
  std::uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return std::uint64_t{high} << 32 | low;
}
inline void wrmsr(Msr msr, std::uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(msr), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32))
               : "memory");
}
inline constexpr std::uint64_t efer_syscall = 1u << 0, efer_no_execute = 1u << 11;

// --- control registers [intel/vol3 2.5] ----------------------------------------------------------------------------
inline constexpr std::uint64_t cr0_protected = 1u << 0, cr0_monitor_fpu = 1u << 1, cr0_extension = 1u << 4,
                               cr0_numeric_error = 1u << 5, cr0_write_protect = 1u << 16, cr0_alignment = 1u << 18,
                               cr0_paging = 1u << 31;
inline constexpr std::uint64_t cr4_debug = 1u << 3, cr4_pae = 1u << 5, cr4_machine_check = 1u << 6,
                               cr4_global = 1u << 7, cr4_fxsr = 1u << 9, cr4_simd_exceptions = 1u << 10,
                               cr4_umip = 1u << 11, cr4_fsgsbase = 1u << 16, cr4_pcid = 1u << 17, cr4_xsave = 1u << 18, cr4_smep = 1u << 20,
                               cr4_smap = 1u << 21, cr4_pke = 1u << 22;
[[nodiscard]] inline std::uint64_t read_cr2() {
  std::uint64_t value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}
[[nodiscard]] inline std::uint64_t read_cr3() {
  std::uint64_t value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
inline void write_cr0(std::uint64_t value) { asm volatile("mov %0, %%cr0" : : "r"(value) : "memory"); }
inline void write_cr3(std::uint64_t value) { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
inline void write_cr4(std::uint64_t value) { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }
inline constexpr std::uint64_t cr3_tag = 0xfff, cr3_keep = std::uint64_t{1} << 63;
// Everything under a tag but global translations. [intel/vol2 INVPCID]
inline void invpcid(std::uint64_t tag) {
  constexpr std::uint64_t single_context = 1;
  const std::array<std::uint64_t, 2> descriptor{tag, 0};
  asm volatile("invpcid %0, %1" : : "m"(descriptor), "r"(single_context) : "memory");
}
inline void invlpg(std::uint64_t va) { asm volatile("invlpg (%0)" : : "r"(va) : "memory"); }
inline void write_xcr0(std::uint64_t value) {
  asm volatile("xsetbv"
               :
               : "c"(0), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32)));
}

// --- identification and time ---------------------------------------------------------------------------------------
struct Cpuid { std::uint32_t eax, ebx, ecx, edx; };
[[nodiscard]] inline Cpuid cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
  Cpuid r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}
[[nodiscard]] inline std::uint64_t rdtsc() {
  std::uint64_t low, high;  // the upper halves are cleared [intel/vol2 RDTSC]
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return high << 32 | low;
}
inline void pause() { asm volatile("pause" : : : "memory"); }

// --- segment bases [intel/vol1 16.1] -------------------------------------------------------------------------------
[[nodiscard]] inline std::uint64_t rdfsbase() {
  std::uint64_t value;
  asm volatile("rdfsbase %0" : "=r"(value));
  return value;
}
inline void wrfsbase(std::uint64_t value) { asm volatile("wrfsbase %0" : : "r"(value)); }
// In the kernel the user's gs base is the hidden one. Between the two swapgs nothing may touch gs; an NMI may come.
[[nodiscard]] inline std::uint64_t read_user_gs_base() {
  std::uint64_t value;
  asm volatile("swapgs\n rdgsbase %0\n swapgs" : "=r"(value) : : "memory");
  return value;
}
inline void write_user_gs_base(std::uint64_t value) {
  asm volatile("swapgs\n wrgsbase %0\n swapgs" : : "r"(value) : "memory");
}

// Bit 47 copied upwards: what the processor accepts as an address. [intel/vol1 3.3.7.1]
[[nodiscard]] constexpr std::uint64_t canonical(std::uint64_t va) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(va << 16) >> 16);
}

[[noreturn]] inline void halt_for_ever() {
  for (;;) asm volatile("cli\n hlt");
}

}  // namespace aegis::x86
