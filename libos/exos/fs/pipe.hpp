// SPDX-License-Identifier: MIT
// Pipes and FIFOs: one ring of bytes, with counted ends.
#pragma once

#include "base/format.hpp"
#include "base/ring.hpp"
#include "libos/exos/fs/open_file.hpp"

namespace exos {

// What the two ends (or the opens of a FIFO) share. Memory comes with the first byte.
class Pipe {
 public:
  std::uint32_t refs = 0;
  static void dispose(Pipe* pipe);

  [[nodiscard]] CallResult read(Buffer& buffer, bool nonblocking);
  [[nodiscard]] CallResult write(Buffer& buffer, bool nonblocking);   // EPIPE without its signal
  // Whether so many bytes go in at once, all or nothing, and that: in one piece, before the ring's end. No packets.
  [[nodiscard]] bool fits_window(std::size_t size) const { return readers != 0 && !packets && ring_.write_window().size() >= size && size != 0; }
  [[nodiscard]] CallResult write_window(Buffer& buffer);
  // tee and splice between pipes: bytes of this one into `to`, taken (skip) or not. As write: EAGAIN, restart_sys.
  [[nodiscard]] CallResult copy_to(Pipe& to, std::size_t most, bool nonblocking);
  [[nodiscard]] Status wait_for_data(bool nonblocking);               // success with none: no writer is left
  [[nodiscard]] Status resize(std::size_t bytes);                     // F_SETPIPE_SZ; EBUSY when more is in it
  void drop();                                                        // the last end is gone: so are the bytes
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t used() const { return ring_.used(); }
  [[nodiscard]] std::size_t payload() const { return packets ? used() - packet_count_ * sizeof(std::uint32_t) : used(); }
  [[nodiscard]] std::size_t room() const { return capacity_ - used(); }

  std::uint32_t readers = 0, writers = 0;
  bool packets = false;                                               // O_DIRECT: each write is read as one, behind its length
  std::uint32_t reader_opens = 0, writer_opens = 0;   // ever: a FIFO's open waits for the other side's to change

  // Told of data, room, or an end that came or went.
  [[nodiscard]] WaitQueue& queue() { return queue_; }
  [[nodiscard]] std::size_t peek(std::byte* to, std::size_t size) const;   // without taking
  void skip(std::size_t bytes) { ring_.consume(bytes); }                   // bytes that are there

 private:
  [[nodiscard]] CallResult read_packet(Buffer& buffer);
  [[nodiscard]] CallResult write_bytes(Buffer& buffer, bool nonblocking);
  [[nodiscard]] CallResult write_packets(Buffer& buffer, bool nonblocking);
  std::size_t packet_count_ = 0;
  WaitQueue queue_;
  [[nodiscard]] Status ensure_memory();
  void* memory_ = nullptr;
  std::size_t capacity_ = 64 * 1024;
  base::ByteRing ring_;
};
using PipeRef = Ref<Pipe>;

// The two ends of a new pipe: reading, writing.
struct PipeEnds { FileRef reader, writer; };
[[nodiscard]] Result<PipeEnds> make_pipe(std::uint32_t flags);
[[nodiscard]] Pipe* pipe_of(File& file);     // null when it is not one

}  // namespace exos
