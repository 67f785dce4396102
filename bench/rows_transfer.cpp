// SPDX-License-Identifier: MIT
// Messages: protected control transfers, rings, waiting for words.
#include "bench/measure.hpp"
#include "libos/parts/ring/ring.hpp"

namespace bench {
namespace {

constexpr std::uint64_t many = 100;

extern "C" void bench_reply_entry();
extern "C" void bench_accept();
// As little as a server can do: the message goes back as it came.
extern "C" [[gnu::naked]] void bench_accept() {
  asm volatile(
      ".globl bench_reply_entry\n"
      "bench_reply_entry:\n"
      "mov %[reply], %%eax\n"
      "xor %%edi, %%edi\n"
      "xor %%esi, %%esi\n"
      "syscall\n"
      "jmp bench_reply_entry\n"
      :
      : [reply] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_reply)));
}

// The message is what the registers hold; the count waits on the stack.
extern "C" void bench_call_often(std::uint64_t entry, std::uint64_t times);
extern "C" [[gnu::naked]] void bench_call_often(std::uint64_t, std::uint64_t) {
  asm volatile(
      "push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
      "push %%rdi\n push %%rsi\n"
      "1: mov %[call], %%eax\n"
      "mov 8(%%rsp), %%rdi\n"
      "xor %%esi, %%esi\n"
      "syscall\n"
      "decq (%%rsp)\n"
      "jnz 1b\n"
      "add $16, %%rsp\n"
      "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n"
      "ret\n"
      :
      : [call] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::pct_call)));
}

rt::Answer hands_back(rt::Request&) { return {}; }

void transfers() {
  Domain server = make_domain();
  const CapSlot entry = new_slot();
  if (const auto made = call::pct_entry(server.env, entry, Va{bench_reply_entry}, 1); !made.has_value())
    return report_unsupported("transfer");
  start(server, [](std::uint64_t) { bench_accept(); });
  must(call::env_yield(server.env));
  // One way: the loop's operation is two of them. In registers: neither side has it in memory.
  measure("transfer_registers", 2 * many, [] {}, [&] { bench_call_often(entry.raw(), many); });
  rt::Message message{};
  measure("transfer", 2 * many, [] {}, [&] { repeat(many, [&] { must(rt::transfer_call(entry, message)); }); });
  must(rt::drop(entry));
  destroy(server);

  Domain handled = make_domain();
  must(call::pct_entry(handled.env, entry, Va{rt::rt_transfer_entry}, 1));
  start(handled, [](std::uint64_t) { static_cast<void>(rt::serve(hands_back)); });
  must(call::env_yield(handled.env));
  measure("transfer_served", many, [] {}, [&] { repeat(many, [&] { must(rt::transfer_call(entry, message)); }); });
  must(rt::drop(entry));
  destroy(handled);
}

void words() {
  const Page page = new_page();
  page.word() = 1;
  const abi::WaitWord ready = rt::is_not(page.word(), 0);
  if (const auto first = rt::wait(ready); !first.has_value()) return report_unsupported("wait_word");
  measure_each("wait_word", many, [&] { static_cast<void>(rt::wait(ready)); });
}

void rings() {
  struct Line {
    std::uint64_t words[8];
  };
  using Memory = parts::RingMemory<Line, 16>;
  static_assert(sizeof(Memory) <= page_size);
  Memory& memory = *reinterpret_cast<Memory*>(new_page().va);
  parts::RingWriter<Line, 16> writer{memory, rt::Env{boot::self}};
  parts::RingReader<Line, 16> reader{memory, rt::Env{boot::self}};
  Line line{};
  measure_each("ring", many, [&] {
    must(writer.try_put(line));
    line = must(reader.try_take());
  });
}

}  // namespace

void messages() {
  transfers();
  words();
  rings();
}

}  // namespace bench
