// SPDX-License-Identifier: MIT
// A plugin for QEMU's translator: how many instructions each processor executes, whichever they are, between the marks. Each
// interval becomes a line of the file that the argument `out` names, a number for each processor. Idle processors halt, which is none.
#include <atomic>

#include "bench/plugin.hpp"

extern "C" void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb*, void (*)(unsigned, void*), int flags, void*);

namespace {

constexpr unsigned most = 64;

// Each is written by its own processor's thread alone, and read by that which meets a mark.
std::atomic<std::uint64_t> counts[most];
std::uint64_t started[most];
unsigned seen = 0;
std::FILE* out;

std::uint64_t count_of(unsigned processor) { return counts[processor].load(std::memory_order_relaxed); }

void executed(unsigned processor, void* instructions) {
  if (processor < most) counts[processor].store(count_of(processor) + reinterpret_cast<std::uintptr_t>(instructions), std::memory_order_relaxed);
}

void begin(unsigned, void*) {
  for (unsigned i = 0; i < most; ++i) started[i] = count_of(i);
}
void end(unsigned, void*) {
  for (unsigned i = 0; i < most; ++i)
    if (count_of(i) != 0) seen = i + 1;
  for (unsigned i = 0; i < seen; ++i)
    std::fprintf(out, "%llu%c", static_cast<unsigned long long>(count_of(i) - started[i]), i + 1 == seen ? '\n' : ' ');
  std::fflush(out);  // the guest may power off at once
}

void translated(std::uint64_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  qemu_plugin_register_vcpu_tb_exec_cb(block, executed, plugin::no_registers, reinterpret_cast<void*>(instructions));
  for (std::size_t i = 0; i < instructions; ++i) plugin::watch_mark(qemu_plugin_tb_get_insn(block, i), begin, end, nullptr);
}

}  // namespace

int qemu_plugin_version = 1;

int qemu_plugin_install(std::uint64_t id, const void*, int argc, char** argv) {
  return plugin::install(id, argc, argv, out, translated);
}
