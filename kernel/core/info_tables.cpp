// SPDX-License-Identifier: MIT
#include "kernel/core/info_tables.hpp"

namespace aegis {
namespace {

// One env needs seven frames at the very least (its own, user area, four page tables, something to run), so this never
// is what ends a fork bomb in a machine of some size.
constexpr std::uint64_t frames_per_env = 16, min_envs = 256;
// The root account's limit of programs is their number, so nobody finds the table full who may have a program.
constexpr std::uint64_t frames_per_program = 64, min_programs = 256;

}  // namespace

InfoLayout info_layout(std::uint64_t frame_count, std::uint32_t cpu_count) {
  std::uint64_t end = 0;
  const auto place = [&](std::uint64_t bytes) {
    const std::uint64_t at = end;
    end = base::align_up(end + bytes, base::page_size);
    return at;
  };
  InfoLayout layout{};
  layout.env_count = frame_count / frames_per_env < min_envs ? min_envs : frame_count / frames_per_env;
  layout.program_count = frame_count / frames_per_program < min_programs ? min_programs : frame_count / frames_per_program;
  (void)place(sizeof(abi::SystemInfo));
  layout.frames = place(frame_count * sizeof(FrameInfo));
  layout.slices = place(std::uint64_t{cpu_count} * abi::slices_per_cpu * sizeof(abi::SliceOwner));
  layout.envs = place(layout.env_count * sizeof(abi::EnvInfo));
  layout.programs = place(layout.program_count * sizeof(abi::ProgramEntry));
  layout.cpus = place(cpu_count * cpu_info_size);
  layout.traces = place(cpu_count * trace_ring_size);
  layout.pages = end / base::page_size;
  return layout;
}

}  // namespace aegis
