// SPDX-License-Identifier: MIT
// The library's copies to and from programs, on the host's processor: what they move, what a fault leaves, and what is in the
// vector registers afterwards. Emulators say that all of the state is in use; here it can be the initial one, or AVX-512's.
#include <csignal>
#include <cstring>
#include <vector>

#include <cpuid.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <gtest/gtest.h>

#include "libos/exos/copy_routines.hpp"

extern "C" bool exos_vector_copies;

namespace {

constexpr std::size_t page = 4096;
constexpr std::uint32_t avx_in_use = 1u << 2;

bool processor_can() {
  std::uint32_t a, b, c, d;
  __cpuid_count(0xd, 1, a, b, c, d);
  return (a & 4) != 0 && __builtin_cpu_supports("avx");
}

// A copy between registers that are loaded in front of it and stored behind it.
struct Registers {
  alignas(64) unsigned char bytes[128];
  friend bool operator==(const Registers& a, const Registers& b) { return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0; }
};

Registers pattern() {
  Registers r;
  for (std::size_t i = 0; i < sizeof r.bytes; ++i) r.bytes[i] = static_cast<unsigned char>(i * 13 + 1);
  return r;
}

// Below the red zone.
#define COPY "lea -128(%%rsp), %%rsp\n call exos_copy\n lea 128(%%rsp), %%rsp\n"
#define CLOBBERS "rcx", "r8", "memory", "xmm0", "xmm1"

bool copy_with_avx(void* to, const void* from, std::size_t size, Registers& r) {
  bool done;
  asm volatile("vmovdqu (%[r]), %%ymm0\n vmovdqu 64(%[r]), %%ymm1\n" COPY
               "vmovdqu %%ymm0, (%[r])\n vmovdqu %%ymm1, 64(%[r])\n vzeroupper\n"
               : "=&a"(done), "+D"(to), "+S"(from), "+d"(size)
               : [r] "r"(r.bytes)
               : CLOBBERS);
  return done;
}

bool copy_with_avx512(void* to, const void* from, std::size_t size, Registers& r) {
  bool done;
  asm volatile("vmovdqu64 (%[r]), %%zmm0\n vmovdqu64 64(%[r]), %%zmm1\n" COPY
               "vmovdqu64 %%zmm0, (%[r])\n vmovdqu64 %%zmm1, 64(%[r])\n vzeroall\n"
               : "=&a"(done), "+D"(to), "+S"(from), "+d"(size)
               : [r] "r"(r.bytes)
               : CLOBBERS);
  return done;
}

struct InUse { std::uint32_t before, after; };
// The upper halves are the initial ones; what the processor says of them in front of the copy and behind it.
InUse copy_with_sse(void* to, const void* from, std::size_t size, Registers& r) {
  InUse in_use{};
  asm volatile("vzeroupper\n movdqu (%[r]), %%xmm0\n movdqu 64(%[r]), %%xmm1\n"
               "mov %%rdx, %%r9\n mov $1, %%ecx\n xgetbv\n mov %%eax, %[before]\n mov %%r9, %%rdx\n" COPY
               "mov $1, %%ecx\n xgetbv\n mov %%eax, %[after]\n movdqu %%xmm0, (%[r])\n movdqu %%xmm1, 64(%[r])\n"
               : [before] "=&r"(in_use.before), [after] "=&r"(in_use.after), "+D"(to), "+S"(from), "+d"(size)
               : [r] "r"(r.bytes)
               : CLOBBERS, "rax", "r9");
  return in_use;
}

class CopyRoutines : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !processor_can()) GTEST_SKIP() << "no AVX, or nobody can say whether it is in use";
    exos_vector_copies = GetParam();
  }
  void TearDown() override { exos_vector_copies = false; }
};

TEST_P(CopyRoutines, MoveAllBytesAndNoOthers) {
  std::vector<unsigned char> from(3000), to(3000);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 7 + i / 256);
  for (std::size_t size = 0; size < 2600; ++size) {
    const std::size_t a = 1 + size % 67, b = 1 + size % 31;
    std::fill(to.begin(), to.end(), 0xee);
    ASSERT_TRUE(exos::exos_copy(to.data() + b, from.data() + a, size));
    ASSERT_EQ(std::memcmp(to.data() + b, from.data() + a, size), 0) << size;
    ASSERT_EQ(to[b - 1], 0xee);
    ASSERT_EQ(to[b + size], 0xee);
  }
}

TEST_P(CopyRoutines, LeaveTheRegistersWhole) {
  if (!__builtin_cpu_supports("avx")) GTEST_SKIP();
  std::vector<unsigned char> from(page, 'a'), to(page);
  for (const std::size_t size : {std::size_t{100}, exos::vector_copy_least, std::size_t{1000}, page}) {
    Registers r = pattern();
    EXPECT_TRUE(copy_with_avx(to.data(), from.data(), size, r));
    EXPECT_EQ(r, pattern()) << size;
    EXPECT_EQ(to[size - 1], 'a');
  }
}

TEST_P(CopyRoutines, LeaveWideRegistersWhole) {
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP();
  std::vector<unsigned char> from(page, 'a'), to(page);
  Registers r = pattern();
  EXPECT_TRUE(copy_with_avx512(to.data(), from.data(), page, r));
  EXPECT_EQ(r, pattern());
  EXPECT_EQ(from, to);
}

TEST_P(CopyRoutines, DoNotTakeUpperHalvesIntoUse) {
  if (!processor_can()) GTEST_SKIP();
  std::vector<unsigned char> from(page, 'a'), to(page);
  Registers r = pattern();
  const InUse in_use = copy_with_sse(to.data(), from.data(), page, r);
  EXPECT_EQ(from, to);
  EXPECT_EQ(std::memcmp(r.bytes, pattern().bytes, 16), 0);
  EXPECT_EQ(std::memcmp(r.bytes + 64, pattern().bytes + 64, 16), 0);
  EXPECT_EQ(in_use.before & avx_in_use, in_use.after & avx_in_use);
}

void continue_after(int, siginfo_t*, void* context) {
  auto& rip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  const std::uint64_t after = exos::after_failed_copy(static_cast<std::uint64_t>(rip));
  if (after == 0) std::signal(SIGSEGV, SIG_DFL);
  else rip = static_cast<greg_t>(after);
}

TEST_P(CopyRoutines, ComeBackFromAFault) {
  if (!__builtin_cpu_supports("avx")) GTEST_SKIP();
  auto* memory = static_cast<unsigned char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_EQ(mprotect(memory + page, page, PROT_NONE), 0);
  struct sigaction action{}, old{};
  action.sa_sigaction = continue_after;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &old);
  std::vector<unsigned char> own(page, 'a');
  for (std::size_t there = 0; there < page; there += 123) {
    for (const std::size_t size : {there + 1, there + 100, page}) {
      if (size <= there || size > page) continue;
      Registers r = pattern();
      EXPECT_FALSE(copy_with_avx(memory + page - there, own.data(), size, r));
      EXPECT_EQ(r, pattern());
      EXPECT_FALSE(copy_with_avx(own.data(), memory + page - there, size, r));
      EXPECT_EQ(r, pattern());
    }
    Registers r = pattern();
    EXPECT_TRUE(copy_with_avx(memory + page - there, own.data(), there, r));
  }
  sigaction(SIGSEGV, &old, nullptr);
  munmap(memory, 2 * page);
}

INSTANTIATE_TEST_SUITE_P(All, CopyRoutines, testing::Bool(), [](const auto& i) { return i.param ? "ByVectors" : "ByWords"; });

}  // namespace
