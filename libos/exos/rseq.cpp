// SPDX-License-Identifier: MIT
#include "libos/exos/rseq.hpp"

#include "libos/exos/call_helpers.hpp"

namespace exos {
namespace {

struct Sequence { std::uint32_t version, flags; std::uint64_t start, length, abort; };
static_assert(sizeof(Sequence) == 32);
constexpr std::uint32_t area_size = 32, unregister = 1, no_cpu = ~0u;

Status fix(Task& task, std::uint64_t at) {
  const auto sequence = TRY(read_user<Sequence>(at));
  const bool inside = task.frame->rip - sequence.start < sequence.length;
  // Outside, the word is cleared all the same: the program has left it.
  TRY_VOID(write_user(task.rseq_area + offsetof(RseqArea, sequence), std::uint64_t{0}));
  if (!inside) return {};
  if (sequence.version != 0 || TRY(read_user<std::uint32_t>(sequence.abort - sizeof(std::uint32_t))) != task.rseq_signature)
    return Fail{Errno::inval};
  task.frame->rip = sequence.abort;
  return {};
}

}  // namespace

void leave_sequence(Task& task, std::uint64_t at) {
  if (fix(task, at)) return;
  send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = 0x80});   // as Linux does with a broken one
}

void write_processor(Task& task) {
  task.rseq_processor = current_area().processor->index;
  const std::array<std::uint32_t, 2> words{task.rseq_processor, task.rseq_processor};
  if (!write_user(task.rseq_area, words)) send_fault({.signo = static_cast<std::int32_t>(sig_segv), .code = 0x80});
}

CallResult linux_rseq(const Arguments& a) {
  Task& task = current();
  const std::uint32_t flags = as_u32(a.c), signature = as_u32(a.d);
  if ((flags & unregister) != 0) {
    if (flags != unregister || task.rseq_area == 0 || task.rseq_area != a.a || as_u32(a.b) != area_size) return Fail{Errno::inval};
    if (task.rseq_signature != signature) return Fail{Errno::perm};
    TRY_VOID(write_user(a.a, RseqArea{0, no_cpu, 0, 0, 0, 0}));
    task.rseq_area = 0;
    return 0;
  }
  if (flags != 0) return Fail{Errno::inval};
  if (task.rseq_area != 0) {
    if (task.rseq_area != a.a || as_u32(a.b) != area_size) return Fail{Errno::inval};
    return Fail{task.rseq_signature == signature ? Errno::busy : Errno::perm};
  }
  if (a.a % area_size != 0 || as_u32(a.b) != area_size) return Fail{Errno::inval};
  const std::uint32_t processor = current_area().processor->index;
  TRY_VOID(write_user(a.a, RseqArea{processor, processor, 0, 0, 0, 0}));
  task.rseq_processor = processor;
  task.rseq_area = a.a;
  task.rseq_signature = signature;
  return 0;
}

}  // namespace exos
