// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/features.hpp"

#include "kernel/arch/x86_64/descriptors.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/core/traps.hpp"
#include "kernel/dev/log.hpp"

extern "C" {
void syscall_entry();
extern const std::uint64_t smap_sites_start[], smap_sites_end[];
}

namespace aegis::arch {
[[gnu::section(".fixed")]] constinit Features found_features{};
namespace {

constexpr Features& found = found_features;

// XCR0 components [intel/vol1 13.1]
constexpr std::uint32_t xcr0_x87 = 1u << 0, xcr0_sse = 1u << 1, xcr0_avx = 1u << 2, xcr0_pkru = 1u << 9;

constexpr bool bit(std::uint32_t word, unsigned n) { return (word >> n & 1) != 0; }

// Bytes that the components take in the standard format: the end of the last one. [intel/vol1 13.4.2]
std::uint32_t xsave_size_of(std::uint32_t components) {
  std::uint32_t end = 512 + 64;
  for (unsigned n = 2; n < 32; ++n) {
    if (!bit(components, n)) continue;
    const x86::Cpuid area = x86::cpuid(0xd, n);
    if (area.ebx + area.eax > end) end = area.ebx + area.eax;
  }
  return end;
}

void need(bool present, std::string_view what) {
  if (present) return;
  dev::log("aegis: this processor lacks ", what, ", which Aegis needs\n");
  power_off(126);
}

}  // namespace

void find_features() {  // [intel/vol2 CPUID]
  const x86::Cpuid one = x86::cpuid(1), seven = x86::cpuid(7);
  need(x86::cpuid(0).eax >= 0xd, "CPUID leaf 13");
  need(bit(seven.ebx, 0), "FSGSBASE");
  need(bit(one.ecx, 26), "XSAVE");
  need(bit(one.edx, 9) || bit(one.ecx, 21), "a local APIC");
  found.smep = bit(seven.ebx, 7);
  found.pcid = bit(one.ecx, 17);
  found.invpcid = found.pcid && bit(seven.ebx, 10);
  found.smap = bit(seven.ebx, 20);
  found.umip = bit(seven.ecx, 2);
  found.rdrand = bit(one.ecx, 30);
  found.x2apic = bit(one.ecx, 21);
  found.tsc_deadline = bit(one.ecx, 24);
  found.hypervisor = bit(one.ecx, 31);

  const std::uint32_t offered = x86::cpuid(0xd).eax;
  found.avx = bit(one.ecx, 28) && (offered & xcr0_avx) != 0;
  found.pku = bit(seven.ecx, 3) && (offered & xcr0_pkru) != 0;
  found.xcr0 = xcr0_x87 | xcr0_sse | (found.avx ? xcr0_avx : 0) | (found.pku ? xcr0_pkru : 0);
  if (xsave_size_of(found.xcr0) > sizeof(Context::vector)) {  // PKRU may lie behind AVX-512's space, or further
    found.pku = false;
    found.xcr0 &= ~xcr0_pkru;
  }
  found.xsave_size = xsave_size_of(found.xcr0);
  need(found.xsave_size <= sizeof(Context::vector), "an XSAVE area of 2816 bytes or less");
}

void enable_features() {
  using namespace x86;
  write_cr0(cr0_paging | cr0_write_protect | cr0_protected | cr0_extension | cr0_numeric_error | cr0_monitor_fpu |
            cr0_alignment);
  write_cr4(cr4_pae | cr4_debug | cr4_machine_check | cr4_global | cr4_fxsr | cr4_simd_exceptions | cr4_fsgsbase |
            cr4_xsave | (found.umip ? cr4_umip : 0) | (found.smep ? cr4_smep : 0) | (found.smap ? cr4_smap : 0) |
            (found.pku ? cr4_pke : 0) | (found.pcid ? cr4_pcid : 0));  // cr3 has tag 0 now [intel/vol3 4.10.1]
  write_xcr0(found.xcr0);

  wrmsr(Msr::star, std::uint64_t{selector::user_base} << 48 | std::uint64_t{selector::kernel_code} << 32);
  wrmsr(Msr::lstar, reinterpret_cast<std::uint64_t>(&syscall_entry));
  constexpr std::uint64_t tf = 1u << 8, interrupts = 1u << 9, df = 1u << 10, nt = 1u << 14, ac = 1u << 18;
  wrmsr(Msr::sfmask, tf | interrupts | df | nt | ac);
  wrfsbase(0);
  write_user_gs_base(0);
}

void patch_smap_sites() {
  if (found.smap) return;
  constexpr std::array<std::uint8_t, 3> nop{0x0f, 0x1f, 0x00};
  for (const std::uint64_t* site = smap_sites_start; site != smap_sites_end; ++site)
    std::memcpy(reinterpret_cast<void*>(*site), nop.data(), nop.size());
}

// RDRAND, or the time-stamp counter stirred.
std::uint64_t random_word() {
  std::uint64_t word = x86::rdtsc() * 0x9e37'79b9'7f4a'7c15;
  for (int attempt = 0; found.rdrand && attempt < 10; ++attempt) {  // [intel/vol1 7.3.17.1]
    std::uint64_t value;
    bool good;
    asm volatile("rdrand %0" : "=r"(value), "=@ccc"(good));
    if (good) return word ^ value;
  }
  return word;
}

}  // namespace aegis::arch
