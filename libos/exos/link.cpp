// SPDX-License-Identifier: MIT
// The byte link over the console. Outgoing frames are put whole into a ring, so frames of several tasks never mix, and go
// to the kernel from there whenever it takes some; incoming bytes run through a small state machine into the input ring.
// No call here waits in the kernel; tasks wait on the two queues, and the root env's service() wakes them.
#include "libos/exos/link.hpp"

#include "abi/container.hpp"
#include "base/ring.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/process_report.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/terminal.hpp"
#include "libos/rt/calls.hpp"

namespace exos::link {
namespace {

using abi::link::Channel;
using abi::link::Control;
using abi::link::Header;

constexpr std::size_t ring_size = 32 * 1024;
constexpr std::size_t reserve = 256;            // room that only control frames may use
constexpr std::size_t piece_size = 16 * 1024;   // payload of a frame: small enough that several tasks take turns

constinit std::array<std::byte, ring_size> out_memory{}, in_memory{};
constinit base::ByteRing out_ring{out_memory}, in_ring{in_memory};
constinit WaitQueue in_queue, out_queue;
constinit bool ended = false;        // the host sent end of file
constinit bool asked = false;        // a want_input is outstanding

// The frame that is being received.
struct Incoming {
  std::array<std::byte, sizeof(Header)> header_bytes;
  Header header;
  std::size_t header_have = 0, payload_have = 0;
  std::array<std::byte, 16> control;
};
constinit Incoming incoming{};

void put(const void* bytes, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(bytes);
  while (size > 0) {
    const std::span window = out_ring.write_window();
    const std::size_t n = size < window.size() ? size : window.size();
    std::memcpy(window.data(), from, n);
    out_ring.commit(n);
    from += n;
    size -= n;
  }
}

// Hands to the kernel what it takes. True when the ring is empty now.
bool flush() {
  while (!out_ring.empty()) {
    const std::span window = out_ring.read_window();
    const std::size_t n = window.size() < abi::console_chunk ? window.size() : abi::console_chunk;
    const auto taken = own::console.write(window.first(n));
    if (!taken.has_value()) return false;   // would_block: the root env is woken when there is room
    out_ring.consume(static_cast<std::size_t>(*taken));
  }
  return true;
}

void put_frame(Channel channel, std::uint8_t kind, const void* bytes, std::size_t size) {
  const Header header{channel, kind, 0, static_cast<std::uint32_t>(size)};
  put(&header, sizeof header);
  put(bytes, size);
}

void send_control(Control kind, const void* bytes, std::size_t size) {
  if (out_ring.room() < sizeof(Header) + size) flush();
  if (out_ring.room() < sizeof(Header) + size) return send_now(Channel::control, static_cast<std::uint8_t>(kind), bytes, size);
  put_frame(Channel::control, static_cast<std::uint8_t>(kind), bytes, size);
  flush();
}

Status wait_for_room(std::size_t size) {
  while (out_ring.room() < sizeof(Header) + size + reserve) {
    if (flush()) continue;
    TRY_VOID(out_queue.wait());
  }
  return {};
}

void frame_complete() {
  const Header& header = incoming.header;
  if (header.channel == Channel::in) {
    asked = false;
    if (header.size == 0) ended = true;
    in_queue.wake_all();
    console_input();
  } else if (header.channel == Channel::control) {
    std::uint16_t words[2]{};
    std::memcpy(words, incoming.control.data(), sizeof words);
    if (header.kind == static_cast<std::uint8_t>(Control::window_size)) console_resized(words[0], words[1]);
    if (header.kind == static_cast<std::uint8_t>(Control::want_processes)) want_process_report();
  }
  incoming.header_have = incoming.payload_have = 0;
}

void take_payload(std::span<const std::byte> bytes) {
  if (incoming.header.channel == Channel::in) {
    // The host sends no more than was asked for, and that was no more than the room; a host that does not is cut off.
    std::size_t room = in_ring.room();
    while (!bytes.empty() && room > 0) {
      const std::span window = in_ring.write_window();
      const std::size_t n = bytes.size() < window.size() ? bytes.size() : window.size();
      std::memcpy(window.data(), bytes.data(), n);
      in_ring.commit(n);
      bytes = bytes.subspan(n);
      room = in_ring.room();
    }
  } else {
    for (std::size_t i = 0; i < bytes.size() && incoming.payload_have + i < incoming.control.size(); ++i)
      incoming.control[incoming.payload_have + i] = bytes[i];
  }
}

void receive(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (incoming.header_have < sizeof(Header)) {
      incoming.header_bytes[incoming.header_have++] = bytes[0];
      bytes = bytes.subspan(1);
      if (incoming.header_have < sizeof(Header)) continue;
      std::memcpy(&incoming.header, incoming.header_bytes.data(), sizeof(Header));
      incoming.control.fill(std::byte{0});
      if (incoming.header.size == 0) frame_complete();
      continue;
    }
    const std::size_t left = incoming.header.size - incoming.payload_have;
    const std::size_t n = bytes.size() < left ? bytes.size() : left;
    take_payload(bytes.first(n));
    incoming.payload_have += n;
    bytes = bytes.subspan(n);
    if (incoming.payload_have == incoming.header.size) frame_complete();
  }
}

}  // namespace

void start() { static_cast<void>(own::console.bind(own::self)); }

CallResult send_from(Channel channel, std::uint8_t kind, Buffer& buffer) {
  std::uint64_t done = 0;
  while (buffer.left() > 0) {
    const std::size_t n = buffer.left() < piece_size ? buffer.left() : piece_size;
    if (const Status room = wait_for_room(n); !room.has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{room.error()}};
    // Copied behind the header's place before the header is put: a fault leaves no half frame.
    const std::size_t header_at = sizeof(Header);
    base::ByteRing ahead = out_ring;
    ahead.commit(header_at);
    std::size_t copied = 0;
    while (copied < n) {
      const std::span window = ahead.write_window();
      const std::size_t part = n - copied < window.size() ? n - copied : window.size();
      if (!buffer.take(window.data(), part).has_value()) break;
      ahead.commit(part);
      copied += part;
    }
    if (copied == 0) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::fault}};
    const Header header{channel, kind, 0, static_cast<std::uint32_t>(copied)};
    put(&header, sizeof header);
    out_ring.commit(copied);
    flush();
    done += copied;
    if (copied < n) break;
  }
  return done;
}

CallResult send(Channel channel, std::uint8_t kind, const void* bytes, std::size_t size) {
  Buffer buffer = Buffer::memory(const_cast<void*>(bytes), size);
  return send_from(channel, kind, buffer);
}

void send_now(Channel channel, std::uint8_t kind, const void* bytes, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(bytes);
  // A task stays `running` for the scheduler while it spins here, so it yields instead of sleeping.
  const auto spin = [] {
    if (flush()) return;
    if (current_or_null() != nullptr) static_cast<void>(rt::yield());
    else static_cast<void>(rt::sleep(abi::Nanoseconds{now().raw() + 200'000}));
  };
  do {
    const std::size_t n = size < piece_size ? size : piece_size;
    while (out_ring.room() < sizeof(Header) + n) spin();
    put_frame(channel, kind, from, n);
    from += n;
    size -= n;
  } while (size > 0);
  while (!out_ring.empty()) spin();
}

void service() {
  flush();
  if (out_ring.room() >= ring_size / 2) out_queue.wake_all();
  std::array<std::byte, 512> bytes;
  for (;;) {
    const auto got = own::console.read(bytes);
    if (!got.has_value() || *got == 0) return;
    receive(std::span<const std::byte>{bytes}.first(static_cast<std::size_t>(*got)));
  }
}

std::size_t input_ready() { return in_ring.used(); }
bool input_ended() { return ended && in_ring.empty(); }

std::size_t take_input(void* to, std::size_t size) {
  const std::span window = in_ring.read_window();
  const std::size_t n = size < window.size() ? size : window.size();
  std::memcpy(to, window.data(), n);
  in_ring.consume(n);
  return n;
}

void want_input() {
  if (asked || ended || !in_ring.empty()) return;
  asked = true;
  const auto room = static_cast<std::uint32_t>(in_ring.room());
  send_control(Control::want_input, &room, sizeof room);
}

bool offer_control(Control kind, std::span<const std::byte> bytes) {
  if (out_ring.room() < sizeof(Header) + bytes.size() + reserve) flush();
  if (out_ring.room() < sizeof(Header) + bytes.size() + reserve) return false;
  put_frame(Channel::control, static_cast<std::uint8_t>(kind), bytes.data(), bytes.size());
  flush();
  return true;
}

void set_terminal(const abi::link::Terminal& terminal) { send_control(Control::set_terminal, &terminal, sizeof terminal); }

void offer(Channel channel, const void* bytes, std::size_t size) {
  if (out_ring.room() < sizeof(Header) + size + reserve) flush();
  if (out_ring.room() < sizeof(Header) + size + reserve) return;
  put_frame(channel, 0, bytes, size);
  flush();
}

WaitQueue& input_queue() { return in_queue; }
WaitQueue& output_queue() { return out_queue; }

void log_line(std::string_view line) {
  std::array<char, 513> text;
  if (line.ends_with('\n')) line.remove_suffix(1);
  const std::size_t n = line.size() < 512 ? line.size() : 512;
  std::memcpy(text.data(), line.data(), n);
  text[n] = '\n';
  if (out_ring.room() < sizeof(Header) + n + 1 + reserve) flush();
  if (out_ring.room() < sizeof(Header) + n + 1 + reserve) return send_now(Channel::log, 0, text.data(), n + 1);
  put_frame(Channel::log, 0, text.data(), n + 1);
  flush();
}

}  // namespace exos::link
