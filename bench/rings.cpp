// SPDX-License-Identifier: MIT
// A plugin for QEMU's translator: counts instructions of ring 0, of ring 3, and of the library OS within it apart, and how
// often the few that change between them or forget translations are executed. A kernel lives in the upper half of the
// addresses (Linux too) and nothing else does, so an instruction's address tells its ring. The guest marks intervals by
// nops that no compiler makes (bench/measure.hpp, bench/rows/row.h); each becomes a line of the file that the argument
// `out` names: ring 3, ring 0, library, `syscall`, `iret`, writes of CR3, `invlpg`. A third mark becomes a line "section".
// The interface is QEMU's plugin interface, version 1, of which the few things used are declared here.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "abi/address_map.hpp"

extern "C" {
struct qemu_plugin_tb;
struct qemu_plugin_insn;
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb*, std::size_t);
const void* qemu_plugin_insn_data(const qemu_plugin_insn*);
std::size_t qemu_plugin_insn_size(const qemu_plugin_insn*);
std::uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn*);
void qemu_plugin_register_vcpu_tb_trans_cb(std::uint64_t id, void (*)(std::uint64_t, qemu_plugin_tb*));
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn*, void (*)(unsigned, void*), int flags, void*);
void qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_insn*, int operation, void* counter, std::uint64_t);

[[gnu::visibility("default")]] extern int qemu_plugin_version;
[[gnu::visibility("default")]] int qemu_plugin_install(std::uint64_t id, const void* info, int argc, char** argv);
}

namespace {

constexpr int no_registers = 0, add_u64 = 0;
constexpr unsigned char mark[] = {0x0f, 0x1f, 0x80};  // nopl disp32(%rax), the displacement below
constexpr std::uint32_t begin_mark = 0x4ae60b01, end_mark = 0x4ae60b02, section_mark = 0x4ae60b03;

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

bool is_library(std::uint64_t address) { return address >= abi::map::image_base && address < abi::map::state_base; }

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

void watch_mark(qemu_plugin_insn* instruction, const unsigned char* bytes, std::size_t size) {
  if (size != 7 || std::memcmp(bytes, mark, sizeof mark) != 0) return;
  std::uint32_t which;
  std::memcpy(&which, bytes + sizeof mark, sizeof which);
  const auto watch = which == begin_mark     ? begin
                     : which == end_mark     ? end
                     : which == section_mark ? section
                                             : nullptr;
  if (watch != nullptr) qemu_plugin_register_vcpu_insn_exec_cb(instruction, watch, no_registers, nullptr);
}

void translated(std::uint64_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  for (std::size_t i = 0; i < instructions; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const std::uint64_t address = qemu_plugin_insn_vaddr(instruction);
    const bool ring0 = address >> 63 != 0;
    count(instruction, ring0 ? in_ring0 : in_ring3);
    if (is_library(address)) count(instruction, in_library);
    const auto* bytes = static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction));
    const std::size_t size = qemu_plugin_insn_size(instruction);
    count_special(instruction, bytes, size);
    if (!ring0) watch_mark(instruction, bytes, size);
  }
}

}  // namespace

int qemu_plugin_version = 1;

int qemu_plugin_install(std::uint64_t id, const void*, int argc, char** argv) {
  for (int i = 0; i < argc; ++i)
    if (std::strncmp(argv[i], "out=", 4) == 0) out = std::fopen(argv[i] + 4, "w");
  if (out == nullptr) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
