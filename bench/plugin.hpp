// SPDX-License-Identifier: MIT
// What the plugins for QEMU's translator use of its interface, version 1, and the marks that guests put around what they
// measure: nops that no compiler makes (bench/measure.hpp, bench/rows/row.h).
#pragma once

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

namespace plugin {

inline constexpr int no_registers = 0, add_u64 = 0;
inline constexpr unsigned char mark[] = {0x0f, 0x1f, 0x80};  // nopl disp32(%rax), the displacement below
inline constexpr std::uint32_t begin_mark = 0x4ae60b01, end_mark = 0x4ae60b02, section_mark = 0x4ae60b03;

using Watch = void (*)(unsigned, void*);

// Calls one of these when the instruction is a mark and is executed.
inline void watch_mark(qemu_plugin_insn* instruction, Watch begin, Watch end, Watch section) {
  if (qemu_plugin_insn_size(instruction) != 7) return;
  const auto* bytes = static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction));
  if (std::memcmp(bytes, mark, sizeof mark) != 0) return;
  std::uint32_t which;
  std::memcpy(&which, bytes + sizeof mark, sizeof which);
  const Watch watch = which == begin_mark ? begin : which == end_mark ? end : which == section_mark ? section : nullptr;
  if (watch != nullptr) qemu_plugin_register_vcpu_insn_exec_cb(instruction, watch, no_registers, nullptr);
}

// A kernel lives in the upper half of the addresses (Linux too) and nothing else does.
inline bool is_kernel(std::uint64_t address) { return address >> 63 != 0; }
inline bool is_library(std::uint64_t address) { return address >= abi::map::image_base && address < abi::map::state_base; }

// The value of the argument NAME=VALUE; `otherwise` when there is none.
inline const char* argument(int argc, char** argv, const char* name, const char* otherwise) {
  const std::size_t length = std::strlen(name);
  for (int i = 0; i < argc; ++i)
    if (std::strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') return argv[i] + length + 1;
  return otherwise;
}

// What qemu_plugin_install does for a plugin that writes to the file that the argument `out` names.
inline int install(std::uint64_t id, int argc, char** argv, std::FILE*& out, void (*translated)(std::uint64_t, qemu_plugin_tb*)) {
  out = std::fopen(argument(argc, argv, "out", ""), "w");
  if (out == nullptr) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}

}  // namespace plugin
