// SPDX-License-Identifier: MIT
// process_vm_readv and process_vm_writev.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/memory_visit.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {
namespace {

constexpr std::uint64_t most_vectors = 1024;
constexpr std::size_t piece_size = 16 * 1024;

Result<Vector<Iovec>> read_vectors(std::uint64_t address, std::uint64_t count) {
  if (count > most_vectors) return Fail{Errno::inval};
  Vector<Iovec> list;
  TRY_VOID(list.resize(static_cast<std::size_t>(count)));
  TRY_VOID(copy_in(list.data(), address, list.size() * sizeof(Iovec)));
  for (const Iovec& piece : list)
    if (piece.length > ~std::uint64_t{0} / 2) return Fail{Errno::inval};
  return list;
}

// Goes through a list of pieces byte by byte, as it were.
struct Cursor {
  const Vector<Iovec>& list;
  std::size_t index = 0;
  std::uint64_t within = 0;
  [[nodiscard]] std::uint64_t left() {
    while (index < list.size() && within == list[index].length) ++index, within = 0;
    return index < list.size() ? list[index].length - within : 0;
  }
  [[nodiscard]] std::uint64_t address() const { return list[index].base + within; }
};

enum class Direction { from_other, to_other };

Status move_piece(Memory& other, Direction direction, std::uint64_t own, std::uint64_t theirs, std::byte* bounce, std::size_t n) {
  if (direction == Direction::from_other) {
    TRY_VOID(read_memory(other, bounce, theirs, n));
    return copy_out(own, bounce, n);
  }
  TRY_VOID(copy_in(bounce, own, n));
  return write_memory(other, theirs, bounce, n);
}

CallResult transfer(const Arguments& a, Direction direction) {
  if (a.f != 0) return Fail{Errno::inval};
  const Vector<Iovec> own = TRY(read_vectors(a.b, a.c)), theirs = TRY(read_vectors(a.d, a.e));
  const Task* task = find_task(as_u32(a.a));   // any thread of it
  if (task == nullptr) return Fail{Errno::srch};
  const Process* process = task->process;
  if (!trace::may_access(*process)) return Fail{Errno::perm};
  const Ref<Memory> other = process->memory;
  Vector<std::byte> bounce;
  TRY_VOID(bounce.resize(piece_size));
  Cursor mine{own}, far{theirs};
  std::uint64_t moved = 0;
  for (std::uint64_t n; (n = std::min({mine.left(), far.left(), std::uint64_t{piece_size}})) > 0; moved += n) {
    const auto to_page = [](std::uint64_t address) { return abi::page_size - address % abi::page_size; };
    n = std::min({n, to_page(far.address()), to_page(mine.address())});   // what lies before a bad page is moved
    if (const Status done = move_piece(*other, direction, mine.address(), far.address(), bounce.data(), static_cast<std::size_t>(n)); !done)
      return moved > 0 ? CallResult{moved} : CallResult{Fail{done.error()}};
    mine.within += n;
    far.within += n;
  }
  return moved;
}

}  // namespace

CallResult linux_process_vm_readv(const Arguments& a) { return transfer(a, Direction::from_other); }
CallResult linux_process_vm_writev(const Arguments& a) { return transfer(a, Direction::to_other); }

CallResult linux_kcmp(const Arguments& a) {
  enum : std::uint32_t { file, memory, files, paths, actions, io, semaphores };
  const Process* first = find_process(as_u32(a.a));
  const Process* second = find_process(as_u32(a.b));
  if (first == nullptr || second == nullptr || first->exited || second->exited) return Fail{Errno::srch};
  if (current_process().euid != 0 && (first->uid != current_process().euid || second->uid != current_process().euid)) return Fail{Errno::perm};
  const Task &one = *const_cast<Process*>(first)->tasks.front(), &two = *const_cast<Process*>(second)->tasks.front();
  // Equal, less or greater: an order of the objects, whatever it is.
  const auto compare = [](const void* x, const void* y) { return CallResult{x == y ? 0u : x < y ? 1u : 2u}; };
  switch (as_u32(a.c)) {
    case file: return compare(TRY(one.files->get(as_u32(a.d))).get(), TRY(two.files->get(as_u32(a.e))).get());
    case memory: return compare(first->memory.get(), second->memory.get());
    case files: return compare(one.files.get(), two.files.get());
    case paths: return compare(one.paths.get(), two.paths.get());
    case actions: return compare(first->actions.get(), second->actions.get());
    case io: return compare(first, second);
    case semaphores: return 0;   // nobody has any
    default: return Fail{Errno::inval};
  }
}

}  // namespace exos
