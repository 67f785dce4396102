// SPDX-License-Identifier: MIT
// A plugin for QEMU's translator: counts instructions of ring 0 and ring 3 apart. The kernel lives in the upper half of
// the addresses and nothing else does, so an instruction's address tells its ring. The guest marks intervals by nops that
// no compiler makes (bench/measure.hpp); each becomes a line "ring-3 ring-0" of the file that the argument `out` names.
// The interface is QEMU's plugin interface, version 1, of which the few things used are declared here.
#include <cstdint>
#include <cstdio>
#include <cstring>

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
constexpr std::uint32_t begin_mark = 0x4ae60b01, end_mark = 0x4ae60b02;

std::uint64_t counts[2];   // [1]: ring 0
std::uint64_t started[2];
std::FILE* out;

void begin(unsigned, void*) { std::memcpy(started, counts, sizeof counts); }
void end(unsigned, void*) {
  std::fprintf(out, "%llu %llu\n", static_cast<unsigned long long>(counts[0] - started[0]),
               static_cast<unsigned long long>(counts[1] - started[1]));
  std::fflush(out);  // the guest may power off at once
}

void translated(std::uint64_t, qemu_plugin_tb* block) {
  const std::size_t size = qemu_plugin_tb_n_insns(block);
  for (std::size_t i = 0; i < size; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const bool ring0 = qemu_plugin_insn_vaddr(instruction) >> 63 != 0;
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, add_u64, &counts[ring0 ? 1 : 0], 1);
    if (ring0 || qemu_plugin_insn_size(instruction) != 7) continue;
    const auto* bytes = static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction));
    if (std::memcmp(bytes, mark, sizeof mark) != 0) continue;
    std::uint32_t which;
    std::memcpy(&which, bytes + sizeof mark, sizeof which);
    if (which == begin_mark) qemu_plugin_register_vcpu_insn_exec_cb(instruction, begin, no_registers, nullptr);
    if (which == end_mark) qemu_plugin_register_vcpu_insn_exec_cb(instruction, end, no_registers, nullptr);
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
