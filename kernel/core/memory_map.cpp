// SPDX-License-Identifier: MIT
#include "kernel/core/memory_map.hpp"

#include "kernel/core/check.hpp"
#include "kernel/core/page_entry.hpp"
#include "kernel/core/program.hpp"
#include "kernel/core/trace.hpp"

namespace aegis {
namespace {

using traps::BootRecord;
using traps::MemoryRange;

MemoryRange inner_pages(const MemoryRange& range) {
  const std::uint64_t start = base::align_up(range.start, base::page_size),
                      end = base::align_down(range.end, base::page_size);
  return {start, start < end ? end : start};
}
MemoryRange outer_pages(const MemoryRange& range) {
  return {base::align_down(range.start, base::page_size), base::align_up(range.end, base::page_size)};
}

// Calls each(start, end) for the parts of [start, end) that nobody has reserved: `at` moves behind what is in the way.
template <typename F>
void each_gap(const BootRecord& record, MemoryRange range, F each) {
  std::uint64_t at = range.start;
  while (at < range.end) {
    std::uint64_t stop = range.end;
    bool inside = false;
    const auto consider = [&](const MemoryRange& taken) {
      const MemoryRange pages = outer_pages(taken);
      if (taken.start == taken.end || pages.end <= at || pages.start >= stop) return;
      if (pages.start <= at) {
        at = pages.end;
        inside = true;
      } else {
        stop = pages.start;
      }
    };
    for (const MemoryRange& taken : record.reserved) consider(taken);
    consider(record.archive);
    consider({0, base::page_size});  // frame 0 stands for nobody
    if (inside) continue;
    each(at, stop);
    at = stop;
  }
}

// The first run of `size` bytes that is free in the map, or 0.
std::uint64_t find_place(const BootRecord& record, std::uint64_t size) {
  std::uint64_t place = 0;
  for (const MemoryRange& ram : record.ram)
    each_gap(record, inner_pages(ram), [&](std::uint64_t start, std::uint64_t end) {
      if (place == 0 && end - start >= size) place = start;
    });
  return place;
}

// The pages at `start` are all zero: so are the tables.
void attach_tables(Kernel& k, const InfoLayout& layout, std::byte* start, std::uint32_t cpus) {
  k.slices = {reinterpret_cast<ObjectRef*>(start + layout.slices), std::size_t{cpus} * abi::slices_per_cpu};
  k.envs.attach({reinterpret_cast<abi::EnvInfo*>(start + layout.envs), layout.env_count});
  k.programs.attach({reinterpret_cast<abi::ProgramEntry*>(start + layout.programs), layout.program_count});
  for (std::uint32_t id = 0; id < cpus; ++id) {
    Cpu& cpu = arch::cpu(arch::CpuId{id});
    cpu.bit = std::uint64_t{1} << id;
    cpu.info = reinterpret_cast<abi::CpuInfo*>(start + layout.cpus + id * cpu_info_size);
    begin_trace(cpu, reinterpret_cast<abi::TraceRing*>(start + layout.traces + id * trace_ring_size));
  }
  trace_mask.store(default_trace_mask, std::memory_order_relaxed);
}

}  // namespace

FrameRange archive_frames(const BootRecord& record) {
  if (record.archive.start == record.archive.end) return {};
  const MemoryRange pages = outer_pages(record.archive);
  return {pages.start / base::page_size, (pages.end - pages.start) / base::page_size};
}

bool build_frame_table(Kernel& k, const BootRecord& record) {
  std::uint64_t frames = 0;
  for (const MemoryRange& ram : record.ram)
    if (ram.end / base::page_size > frames) frames = ram.end / base::page_size;
  const FrameRange archive = archive_frames(record);
  if (archive.first + archive.count > frames) return false;

  const InfoLayout layout = info_layout(frames, record.cpus);
  const std::uint64_t info_pages = layout.pages;
  const std::uint64_t bitmap_size = base::align_up(2 * ((frames + 63) / 64) * sizeof(std::uint64_t), std::uint64_t{64});
  const std::uint64_t table_pages = base::pages_for(bitmap_size + frames * recount_size);  // the checker's behind it
  constexpr std::uint64_t room_pages = base::pages_for(sizeof(ProgramRoom));
  const std::uint64_t bitmap_pages = table_pages + record.cpus * room_pages;  // and the processors' for programs
  const std::uint64_t place = find_place(record, (info_pages + bitmap_pages) * base::page_size);
  if (place == 0) return false;

  const FrameNumber first{place / base::page_size};
  for (FrameNumber f = first; f < first + info_pages + bitmap_pages; ++f) arch::zero_frame(f);
  auto* info = new (arch::frame_memory(first)) abi::SystemInfo{
      .magic = abi::info_magic, .version = abi::info_version, .size = sizeof(abi::SystemInfo), .frames = frames,
      .free_frames = 0, .kernel_frames = 0, .info_base = first.raw(), .info_count = info_pages,
      .frame_table_offset = layout.frames, .tsc_base = record.tsc_base, .tsc_mul = record.tsc_mul,
      .tsc_shift = record.tsc_shift, .cpus = record.cpus, .wall_base_ns = record.wall_base_ns, .slice_ns = slice_ns,
      .grace_ns = grace_ns, .boot_tsc = record.boot_tsc, .xcr0 = record.xcr0, .xsave_size = record.xsave_size,
      .features = record.features,
      .slice_table_offset = layout.slices, .env_table_offset = layout.envs, .env_table_count = layout.env_count,
      .cpu_table_offset = layout.cpus, .cpu_info_size = cpu_info_size, .trace_offset = layout.traces,
      .trace_size = trace_ring_size, .trace_mask = default_trace_mask,
      .program_table_offset = layout.programs, .program_table_count = layout.program_count};
  auto* table = reinterpret_cast<FrameInfo*>(arch::frame_memory(first) + layout.frames);
  auto* bitmap = reinterpret_cast<std::uint64_t*>(arch::frame_memory(first + info_pages));
  k.frames.attach(*info, table, bitmap, frames);
  k.flags_astray = ~std::uint64_t{(page_flags ^ abi::map_read) | ((record.features & abi::cpu_pku) != 0 ? abi::map_keys : 0)};
  attach_tables(k, layout, arch::frame_memory(first), record.cpus);
  k.recount = arch::frame_memory(first + info_pages) + bitmap_size;
  for (std::uint32_t id = 0; id < record.cpus; ++id)
    arch::cpu(arch::CpuId{id}).room = reinterpret_cast<ProgramRoom*>(arch::frame_memory(first + info_pages + table_pages + id * room_pages));

  // All memory is zero, and so is the table: "free". What is RAM and unclaimed gets its bit; the rest is said to be
  // taken.
  std::uint64_t reserved_from = 0;
  const auto reserve_until = [&](std::uint64_t frame) {
    for (; reserved_from < frame; ++reserved_from) table[reserved_from].use = FrameUse::reserved;
  };
  for (const MemoryRange& ram : record.ram)
    each_gap(record, inner_pages(ram), [&](std::uint64_t start, std::uint64_t end) {
      const std::uint64_t end_frame = end / base::page_size;
      reserve_until(start / base::page_size);
      for (std::uint64_t f = start / base::page_size; f < end_frame; ++f) {
        const bool own = f >= first.raw() && f < first.raw() + info_pages + bitmap_pages;
        if (own) table[f].use = f < first.raw() + info_pages ? FrameUse::info : FrameUse::reserved;
        else k.frames.add_free(FrameNumber{f});
      }
      reserved_from = end_frame;
    });
  reserve_until(frames);
  std::uint64_t usable = 0;
  for (const MemoryRange& ram : record.ram) usable += (inner_pages(ram).end - inner_pages(ram).start) / base::page_size;
  info->kernel_frames = usable - info->free_frames - archive.count;
  return true;
}

}  // namespace aegis
