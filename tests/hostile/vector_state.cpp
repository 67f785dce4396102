// SPDX-License-Identifier: MIT
// x87, SSE, AVX, MXCSR and PKRU are each env's own: one fills all that XSAVE knows with a secret and gives its time, with no
// other env in between, to one that looks. That one finds what it had, or in its first slice the initial state; the first
// finds its own again.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint64_t secret = 0xfeed'5ec4'e7fe'ed00;
constexpr std::uint16_t control_word = 0x027f, initial_control_word = 0x037f;  // of the x87: double, or extended precision
constexpr std::uint32_t mxcsr = 0x7f80, initial_mxcsr = 0x1f80;                // rounding towards 0, or to nearest
constexpr std::uint32_t pkru = 0xc000'0000;                                    // no access with key 15, which no page has
constexpr std::uint64_t avx = 1u << 2, protection_keys = 1u << 9;
constexpr std::size_t avx_at = 576, all_of_it = 2816;

std::uint64_t enabled_components() {
  std::uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}
std::uint32_t offset_of_component(std::uint32_t number) {
  std::uint32_t a = 0xd, b, c = number, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return b;
}

// An XSAVE area. [intel/vol1 13.4]
class Image {
 public:
  explicit Image(std::uint64_t va) : bytes_{reinterpret_cast<std::byte*>(va)} {}
  template <typename T>
  [[nodiscard]] T& at(std::size_t offset) const {
    return *reinterpret_cast<T*>(bytes_ + offset);
  }
  void plant(std::uint64_t seed) const {
    std::memset(bytes_, 0, all_of_it);
    at<std::uint16_t>(0) = control_word;
    at<std::uint8_t>(4) = 0xff;  // all eight registers of the x87 are in use
    at<std::uint32_t>(24) = mxcsr;
    for (std::size_t i = 0; i < 8; ++i) {
      at<std::uint64_t>(32 + 16 * i) = seed + i;
      at<std::uint16_t>(40 + 16 * i) = 0x4000;
    }
    for (std::size_t i = 0; i < 32; ++i) at<std::uint64_t>(160 + 8 * i) = seed + 8 + i;
    at<std::uint64_t>(512) = enabled_components();
    if ((enabled_components() & avx) != 0)
      for (std::size_t i = 0; i < 32; ++i) at<std::uint64_t>(avx_at + 8 * i) = seed + 40 + i;
    if ((enabled_components() & protection_keys) != 0) at<std::uint32_t>(offset_of_component(9)) = pkru;
  }
  void expect_initial(std::string_view what) const {
    expect_equal(at<std::uint16_t>(0), initial_control_word, what);
    expect_equal(at<std::uint16_t>(2), std::uint16_t{0}, what);
    expect_equal(at<std::uint32_t>(24), initial_mxcsr, what);
    expect(zero(32, 416), base::Text<80>{"{}: registers of x87 and SSE", what}.view());
    expect(zero(avx_at, all_of_it), base::Text<80>{"{}: AVX and what follows", what}.view());
  }
  void expect_planted(std::uint64_t va) const {
    const Image planted{va};
    expect(std::memcmp(bytes_, planted.bytes_, 5) == 0, "x87 control");
    expect_equal(at<std::uint32_t>(24), mxcsr, "MXCSR");
    expect(std::memcmp(bytes_ + 32, planted.bytes_ + 32, 384) == 0, "registers of x87 and SSE");
    expect(std::memcmp(bytes_ + avx_at, planted.bytes_ + avx_at, all_of_it - avx_at) == 0, "AVX and what follows");
  }

 private:
  [[nodiscard]] bool zero(std::size_t from, std::size_t to) const {
    for (std::size_t i = from; i < to; ++i)
      if (bytes_[i] != std::byte{0}) return false;
    return true;
  }
  std::byte* bytes_;
};

constexpr std::uint64_t yield = abi::call_base + static_cast<std::uint64_t>(abi::Call::env_yield);
constexpr std::uint64_t halt = abi::call_base + static_cast<std::uint64_t>(abi::Call::env_halt);

// At rdi a page with an image and, at 4088, whom to give the time; what it has afterwards goes to the next page.
[[gnu::naked]] void holder_entry() {
  asm volatile(
      "mov %%rdi, %%rbx\n mov $-1, %%eax\n mov $-1, %%edx\n xrstor64 (%%rbx)\n"
      "mov 4088(%%rbx), %%edi\n mov %0, %%eax\n syscall\n"
      "mov $-1, %%eax\n mov $-1, %%edx\n xsave64 4096(%%rbx)\n"
      "xor %%edi, %%edi\n mov %1, %%eax\n syscall\n ud2\n" : : "i"(yield), "i"(halt));
}
// What it has at first goes to the page at rdi, after it has given time away to the next one.
[[gnu::naked]] void reader_entry() {
  asm volatile(
      "mov %%rdi, %%rbx\n mov $-1, %%eax\n mov $-1, %%edx\n xsave64 (%%rbx)\n"
      "xor %%edi, %%edi\n mov %0, %%eax\n syscall\n"
      "mov $-1, %%eax\n mov $-1, %%edx\n xsave64 4096(%%rbx)\n"
      "xor %%edi, %%edi\n mov %1, %%eax\n syscall\n ud2\n" : : "i"(yield), "i"(halt));
}

std::uint64_t two_pages() {
  const std::uint64_t va = new_va(2);
  must(rt::map_new(abi::no_slot, va, 2, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  return va;
}

enum class Reader : bool { is_new, has_run };

void look_behind(Reader how, std::uint64_t seed) {
  Thread holder = make_thread(), reader = make_thread();
  const std::uint64_t held = two_pages(), seen = two_pages();
  must(call::env_start(reader.env, Va{&reader_entry}, Va{reader.stack_top}, seen));
  if (how == Reader::has_run) must(call::env_yield(reader.env));
  Image{held}.plant(seed);
  Image{held}.at<std::uint64_t>(4088) = reader.env.raw();
  must(call::env_start(holder.env, Va{&holder_entry}, Va{holder.stack_top}, held));
  expect_equal(run(holder.env).state, abi::RunState::halted, "the one with the secret");
  expect_equal(run(reader.env).state, abi::RunState::halted, "the one that looks");
  Image{seen}.expect_initial("at first");
  Image{seen + page_size}.expect_initial("later");
  Image{held + page_size}.expect_planted(held);
  destroy(holder);
  destroy(reader);
  must(rt::unmap(abi::no_slot, held, 2));
  must(rt::unmap(abi::no_slot, seen, 2));
}

// Two with secrets of their own, each of whom gives its time to the other, over several slices.
void side_by_side() {
  Thread one = make_thread(), two = make_thread();
  const std::uint64_t a = two_pages(), b = two_pages();
  Image{a}.plant(secret);
  Image{b}.plant(~secret);
  Image{a}.at<std::uint64_t>(4088) = two.env.raw();
  Image{b}.at<std::uint64_t>(4088) = one.env.raw();
  must(call::env_start(one.env, Va{&holder_entry}, Va{one.stack_top}, a));
  must(call::env_start(two.env, Va{&holder_entry}, Va{two.stack_top}, b));
  expect_equal(run(one.env).state, abi::RunState::halted);
  expect_equal(run(two.env).state, abi::RunState::halted);
  Image{a + page_size}.expect_planted(a);
  Image{b + page_size}.expect_planted(b);
  destroy(one);
  destroy(two);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  rt::log("components {:#x}", enabled_components());
  for (std::uint64_t round = 0; round < 20; ++round) {
    look_behind(Reader::is_new, secret + round * 256);
    look_behind(Reader::has_run, secret + round * 256);
    side_by_side();
  }
  finish();
}
