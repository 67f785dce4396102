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
  [[nodiscard]] Status resize(std::size_t bytes);                     // F_SETPIPE_SZ; EBUSY when more is in it
  void drop();                                                        // the last end is gone: so are the bytes
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t used() const { return ring_.used(); }
  [[nodiscard]] std::size_t room() const { return capacity_ - used(); }

  std::uint32_t readers = 0, writers = 0;
  std::uint32_t reader_opens = 0, writer_opens = 0;   // ever: a FIFO's open waits for the other side's to change

  // Told of data, room, or an end that came or went. The two pipes of a socket pair share one.
  [[nodiscard]] WaitQueue& queue() { return shared_queue != nullptr ? *shared_queue : own_queue_; }
  WaitQueue* shared_queue = nullptr;
  [[nodiscard]] std::size_t peek(std::byte* to, std::size_t size) const;   // without taking
  void skip(std::size_t bytes) { ring_.consume(bytes); }                   // bytes that are there

 private:
  WaitQueue own_queue_;
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
