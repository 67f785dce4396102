// SPDX-License-Identifier: MIT
// Rings between two processors: every message arrives once and in order, whoever is slow; sleepers are woken; a peer
// that writes nonsense is found out.
#include "libos/parts/ring/ring.hpp"

#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

struct Line {
  std::uint64_t sequence, payload[7];
};
using Memory = parts::RingMemory<Line, 16>;

constexpr std::uint64_t messages = 5'000, slow_every = 500;
Memory* there;  // from the first processor to the second
Memory* back;
constexpr CapSlot first_env{boot::self};
CapSlot second_env;
volatile std::uint64_t wrong;

void linger() {
  for (int i = 0; i < 20'000; ++i) asm volatile("pause");
}

// On the second processor: sends back what comes, with the payload's sum.
[[noreturn]] void echoes(std::uint64_t) {
  parts::RingReader<Line, 16> in{*there, rt::Env{first_env}};
  parts::RingWriter<Line, 16> out{*back, rt::Env{first_env}};
  for (std::uint64_t i = 0; i < messages; ++i) {
    auto line = in.take();
    if (!line.has_value() || line->sequence != i) wrong = wrong + 1;
    if (!line.has_value()) rt::halt(static_cast<std::uint64_t>(line.error()));
    for (std::size_t word = 1; word < 7; ++word) line->payload[0] += line->payload[word];
    if (i % slow_every == 0) linger();  // the other side runs ahead, and sleeps when the ring is full
    if (!out.put(*line).has_value()) rt::halt(1);
  }
  rt::halt(0);
}

void between_processors() {
  Thread t = make_thread();
  second_env = t.env;
  start(t, echoes);
  for (std::uint32_t position = 0; position < abi::slices_per_cpu; ++position)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + position, t.env));
  parts::RingWriter<Line, 16> out{*there, rt::Env{second_env}};
  parts::RingReader<Line, 16> in{*back, rt::Env{second_env}};
  const std::uint64_t start_ns = now_ns();
  std::uint64_t received = 0;
  const auto receive = [&](const rt::Result<Line>& line) {
    if (must(line).sequence != received || line->payload[0] != 7 * received + 21) wrong = wrong + 1;
    ++received;
  };
  for (std::uint64_t i = 0; i < messages; ++i) {
    Line line{.sequence = i, .payload = {}};
    for (std::size_t word = 0; word < 7; ++word) line.payload[word] = i + word;
    if (i % slow_every == slow_every / 2) {  // everything comes back, and the other side sleeps on an empty ring
      while (received < i) receive(in.take());
      linger();
    }
    for (;;) {
      const rt::Status put = out.try_put(line);
      if (put.has_value()) break;
      expect_error(put, Error::would_block);
      receive(in.take());
    }
  }
  while (received < messages) receive(in.take());
  const std::uint64_t took = now_ns() - start_ns;
  expect_equal(std::uint64_t{wrong}, 0ull, "messages out of order or changed");
  rt::log("{} messages of {} bytes there and back in {} us: {} ns each", messages, sizeof(Line), took / 1000,
          took / messages);
  expect_error(in.try_take(), Error::would_block, "nothing is left");
  for (int i = 0; i < 1000 && must(rt::read_env(t.env)).state != abi::RunState::halted; ++i) linger();
  expect_equal(must(rt::read_env(t.env)).code, 0ull, "its end");
  for (std::uint32_t position = 0; position < abi::slices_per_cpu; ++position)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + position, abi::no_slot));
  destroy(t);
}

void nonsense() {
  const auto reset = [] { std::memset(static_cast<void*>(there), 0, sizeof(Memory)); };
  const Line line{};
  reset();
  parts::RingReader<Line, 16> reader{*there, rt::Env{first_env}};
  there->written = 17;  // more than fits
  expect_error(reader.try_take(), Error::wrong_state);
  there->written = ~std::uint64_t{0};
  expect_error(reader.try_take(), Error::wrong_state);
  reset();
  parts::RingWriter<Line, 16> writer{*there, rt::Env{first_env}};
  for (int i = 0; i < 16; ++i) expect_ok(writer.try_put(line));
  expect_error(writer.try_put(line), Error::would_block);
  there->taken = 17;  // more than was written
  expect_error(writer.try_put(line), Error::wrong_state);
  there->taken = 1;
  expect_ok(writer.try_put(line), "as it should be");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  const Page first = new_page(), second = new_page();
  static_assert(sizeof(Memory) <= page_size);
  there = reinterpret_cast<Memory*>(first.va);
  back = reinterpret_cast<Memory*>(second.va);
  nonsense();
  std::memset(first.words(), 0, page_size);
  between_processors();
  finish();
}
