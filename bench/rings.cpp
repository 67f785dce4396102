// SPDX-License-Identifier: MIT
// A plugin for QEMU's translator: counts instructions of ring 0, of ring 3, and of the library OS within it apart, and how
// often the few that change between them or forget translations are executed. A kernel lives in the upper half of the
// addresses and nothing else does, so an instruction's address tells its ring. Each marked interval becomes a line of the
// file that the argument `out` names: ring 3, ring 0, library, `syscall`, `iret`, writes of CR3, `invlpg`; the mark between
// sections becomes a line "section".
#include "bench/plugin.hpp"

namespace {

using plugin::add_u64;

enum Counter : unsigned { in_ring3, in_ring0, in_library, calls, returns, space_writes, page_flushes, counters };
std::uint64_t counts[counters];
std::uint64_t started[counters];
std::FILE* out;

void begin(unsigned, void*) { std::memcpy(started, counts, sizeof counts); }
void end(unsigned, void*) {
  for (unsigned i = 0; i < counters; ++i)
    std::fprintf(out, "%llu%c", static_cast<unsigned long long>(counts[i] - started[i]), i + 1 == counters ? '\n' : ' ');
  std::fflush(out);  // the guest may power off at once
}
void section(unsigned, void*) {
  std::fputs("section\n", out);
  std::fflush(out);
}

void count(qemu_plugin_insn* instruction, Counter counter) {
  qemu_plugin_register_vcpu_insn_exec_inline(instruction, add_u64, &counts[counter], 1);
}

// The instructions whose number says more than their share of the sum.
void count_special(qemu_plugin_insn* instruction, const unsigned char* bytes, std::size_t size) {
  constexpr unsigned register_field = 0x38;
  if (size == 2 && bytes[0] == 0x48 && bytes[1] == 0xcf) return count(instruction, returns);
  if (size < 2 || bytes[0] != 0x0f) return;
  if (size == 2 && bytes[1] == 0x05) return count(instruction, calls);
  if (size == 3 && bytes[1] == 0x22 && (bytes[2] & register_field) == 3 << 3) return count(instruction, space_writes);
  if (size >= 3 && bytes[1] == 0x01 && bytes[2] < 0xc0 && (bytes[2] & register_field) == 7 << 3)
    return count(instruction, page_flushes);
}

void translated(std::uint64_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  for (std::size_t i = 0; i < instructions; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const std::uint64_t address = qemu_plugin_insn_vaddr(instruction);
    const bool ring0 = plugin::is_kernel(address);
    count(instruction, ring0 ? in_ring0 : in_ring3);
    if (plugin::is_library(address)) count(instruction, in_library);
    count_special(instruction, static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction)), qemu_plugin_insn_size(instruction));
    if (!ring0) plugin::watch_mark(instruction, begin, end, section);
  }
}

}  // namespace

int qemu_plugin_version = 1;

int qemu_plugin_install(std::uint64_t id, const void*, int argc, char** argv) {
  return plugin::install(id, argc, argv, out, translated);
}
