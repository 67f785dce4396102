// SPDX-License-Identifier: MIT
// See the header. Compiled for the host too, where the unit tests look at what is left in the vector registers.
//
// Copies go by words with `rep movsq`; where that is not the quickest, those of vector_copy_least bytes and more by 32 bytes with
// AVX, 512 in a turn. The vector registers are the program's, so the two that this takes come back as they were:
// - Their upper halves are zero while the processor says that its AVX state is the initial one (XINUSE). Then `vzeroupper` makes
//   it so again: loading zeros would leave it in use, which slows a program's SSE instructions down and makes every xsave longer.
// - A write of 32 bytes clears what AVX-512 has above them: while that is in use (XINUSE again) words are copied.
// A slice that ends in between is the kernel's affair, which keeps all of the state; a fault that is resolved comes back here, and
// copies of the pager meanwhile save what they find.
#include "libos/exos/copy_routines.hpp"

#include <cpuid.h>

#include "libos/exos/user_access.hpp"

namespace exos {

extern "C" {
[[gnu::used]] constinit bool exos_vector_copies = false;
extern std::byte exos_copy_begin[], exos_copy_end[], exos_copy_failed[];
extern std::byte exos_copied_at_once[], exos_zeroed_at_once[];
extern std::byte exos_vector_copy_begin[], exos_vector_copy_end[], exos_vector_copy_failed[];
void exos_copy_routines();
[[gnu::weak]] extern const InPlaceAccess exos_accesses_begin[], exos_accesses_end[];   // none in the unit tests
}

// eax is still what xgetbv told: bit 2 is AVX.
#define RESTORE_VECTOR_REGISTERS \
  "test $4, %%al\n jz 1f\n vmovdqu (%%rsp), %%ymm0\n vmovdqu 32(%%rsp), %%ymm1\n 2: add $64, %%rsp\n"
#define RESTORE_CLEAN_VECTOR_REGISTERS \
  "1: vzeroupper\n movdqu (%%rsp), %%xmm0\n movdqu 32(%%rsp), %%xmm1\n jmp 2b\n"

// Only caller-saved registers, and only vector copies use the stack: elsewhere the failure label can return as well as the end
// can. Aligned 4 and 8 bytes are one access: other threads of the program may change them meanwhile.
extern "C" [[gnu::naked, gnu::used]] void exos_copy_routines() {
  asm volatile(
      ".globl exos_copy_at_once\n exos_copy_at_once:\n call exos_copy\n"
      ".globl exos_copied_at_once\n exos_copied_at_once:\n ret\n"
      ".globl exos_zero_at_once\n exos_zero_at_once:\n call exos_zero\n"
      ".globl exos_zeroed_at_once\n exos_zeroed_at_once:\n ret\n"
      ".globl exos_copy_begin\n exos_copy_begin:\n"
      ".globl exos_copy\n exos_copy:\n"
      "cmp $8, %%rdx\n ja 4f\n jb 3f\n mov (%%rsi), %%rcx\n mov %%rcx, (%%rdi)\n mov $1, %%eax\n ret\n"
      "3: cmp $4, %%edx\n je 5f\n mov %%edx, %%ecx\n rep movsb\n mov $1, %%eax\n ret\n"
      "5: mov (%%rsi), %%ecx\n mov %%ecx, (%%rdi)\n mov $1, %%eax\n ret\n"
      "4: cmp %[vector_least], %%rdx\n jae 6f\n"
      // The last 8 bytes in one piece, some of them twice.
      "5: mov -8(%%rsi,%%rdx), %%rax\n lea -8(%%rdi,%%rdx), %%r8\n"
      "mov %%rdx, %%rcx\n shr $3, %%rcx\n rep movsq\n"
      "mov %%rax, (%%r8)\n mov $1, %%eax\n ret\n"
      "6: mov exos_vector_copies@GOTPCREL(%%rip), %%rax\n cmpb $0, (%%rax)\n je 5b\n"
      "mov %%rdx, %%r8\n mov $1, %%ecx\n xgetbv\n mov %%r8, %%rdx\n"      // eax: components in use, of those that are on
      "test $0x40, %%al\n jnz 5b\n"
      "sub $64, %%rsp\n vmovdqu %%ymm0, (%%rsp)\n vmovdqu %%ymm1, 32(%%rsp)\n"
      "shr $9, %%rdx\n sub %%rsi, %%rdi\n"
      ".globl exos_vector_copy_begin\n exos_vector_copy_begin:\n"
      ".set offset, 0\n .rept 8\n"
      "vmovdqu offset(%%rsi), %%ymm0\n vmovdqu offset+32(%%rsi), %%ymm1\n"
      "vmovdqu %%ymm0, offset(%%rsi,%%rdi)\n vmovdqu %%ymm1, offset+32(%%rsi,%%rdi)\n"
      ".set offset, offset+64\n .endr\n"
      "add $512, %%rsi\n dec %%rdx\n jnz exos_vector_copy_begin\n"
      ".globl exos_vector_copy_end\n exos_vector_copy_end:\n"
      RESTORE_VECTOR_REGISTERS
      "mov %%r8d, %%edx\n and $511, %%edx\n jnz 3f\n mov $1, %%eax\n ret\n"
      "3: add %%rsi, %%rdi\n jmp exos_copy\n"
      RESTORE_CLEAN_VECTOR_REGISTERS
      ".globl exos_vector_copy_failed\n exos_vector_copy_failed:\n"
      RESTORE_VECTOR_REGISTERS
      "xor %%eax, %%eax\n ret\n"
      RESTORE_CLEAN_VECTOR_REGISTERS
      ".globl exos_zero\n exos_zero:\n"
      "xor %%eax, %%eax\n mov %%rsi, %%rcx\n shr $3, %%rcx\n rep stosq\n"
      "mov %%esi, %%ecx\n and $7, %%ecx\n rep stosb\n"
      "mov $1, %%eax\n ret\n"
      ".globl exos_exchange\n exos_exchange:\n"
      "mov (%%rsi), %%eax\n lock cmpxchg %%edx, (%%rdi)\n mov %%eax, (%%rsi)\n mov $1, %%eax\n ret\n"
      ".globl exos_copy_end\n exos_copy_end:\n"
      ".globl exos_copy_failed\n exos_copy_failed:\n"
      "xor %%eax, %%eax\n ret\n"
      :
      : [vector_least] "i"(vector_copy_least));
}

// Vectors where there is AVX, XINUSE can be read (XGETBV of 1) and short `rep movs` are not said to be fast: those that have FSRM
// move whole lines by it from the first bytes on, and save nothing before.
void choose_copies() {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  constexpr std::uint32_t osxsave = 1u << 27, avx = 1u << 28, fsrm = 1u << 4, reads_in_use = 1u << 2, sse_and_avx = 6;
  __cpuid(1, a, b, c, d);
  if ((c & osxsave) == 0 || (c & avx) == 0) return;
  __cpuid_count(7, 0, a, b, c, d);
  if ((d & fsrm) != 0) return;
  __cpuid_count(0xd, 1, a, b, c, d);
  if ((a & reads_in_use) == 0) return;
  asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  exos_vector_copies = (a & sse_and_avx) == sse_and_avx;
}

namespace {

std::uint64_t address(const std::byte* label) { return reinterpret_cast<std::uint64_t>(label); }
bool is_copy(std::uint64_t rip) { return rip >= address(exos_copy_begin) && rip < address(exos_copy_end); }
bool is_vector_copy(std::uint64_t rip) { return rip >= address(exos_vector_copy_begin) && rip < address(exos_vector_copy_end); }

}  // namespace

std::uint64_t after_failed_copy(std::uint64_t rip) {
  if (is_vector_copy(rip)) return address(exos_vector_copy_failed);
  if (is_copy(rip)) return address(exos_copy_failed);
  for (const InPlaceAccess* access = exos_accesses_begin; access != exos_accesses_end; ++access)
    if (access->at == rip) return access->after;
  return 0;
}

// By where it returns to; a vector copy has the two registers above that.
bool is_copy_at_once(std::uint64_t rip, std::uint64_t rsp) {
  if (!is_copy(rip)) return false;
  constexpr std::uint64_t saved = 64;
  const std::uint64_t back = *reinterpret_cast<const std::uint64_t*>(rsp + (is_vector_copy(rip) ? saved : 0));
  return back == address(exos_copied_at_once) || back == address(exos_zeroed_at_once);
}

}  // namespace exos
