// SPDX-License-Identifier: MIT
// A plugin for QEMU's translator: how often each instruction is executed between the marks. Of the marked intervals the first `skip` are
// left out and the next `take` counted; then the file `out` holds a line "address count" for each instruction (hexadecimal, decimal).
#include <cstdlib>
#include <unordered_map>

#include "bench/plugin.hpp"

namespace {

std::unordered_map<std::uint64_t, std::uint64_t> counts;  // by address; its nodes stay where they are
const char* out;
long skip, take;
bool is_counting;

void count(unsigned, void* counter) {
  if (is_counting) ++*static_cast<std::uint64_t*>(counter);
}

void begin(unsigned, void*) { is_counting = skip-- <= 0 && take > 0; }
void end(unsigned, void*) {
  if (is_counting && --take == 0) {
    std::FILE* file = std::fopen(out, "w");
    if (file == nullptr) return;
    for (const auto& [address, times] : counts)
      if (times != 0) std::fprintf(file, "%llx %llu\n", static_cast<unsigned long long>(address), static_cast<unsigned long long>(times));
    std::fclose(file);
  }
  is_counting = false;
}

void translated(std::uint64_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  for (std::size_t i = 0; i < instructions; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const std::uint64_t address = qemu_plugin_insn_vaddr(instruction);
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, count, plugin::no_registers, &counts[address]);
    if (!plugin::is_kernel(address)) plugin::watch_mark(instruction, begin, end, nullptr);
  }
}

}  // namespace

int qemu_plugin_version = 1;

int qemu_plugin_install(std::uint64_t id, const void*, int argc, char** argv) {
  out = ::strdup(plugin::argument(argc, argv, "out", ""));
  skip = std::atol(plugin::argument(argc, argv, "skip", "0"));
  take = std::atol(plugin::argument(argc, argv, "take", "1"));
  if (*out == 0) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
