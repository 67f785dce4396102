// SPDX-License-Identifier: MIT
// Translation shoot-down. One request at a time, described in `request`; each target has a flag in its PerCpu. A target
// answers from the interrupt, or from relax() when it waits for a lock with interrupts off: so a sender that holds the
// kernel lock never waits for somebody who waits for the sender.
#include "kernel/arch/x86_64/address.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/per_cpu.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/core/trace.hpp"

namespace aegis::arch {
namespace {

constexpr std::uint64_t single_page_limit = 32;  // above it, reloading cr3 is cheaper

struct Request {
  std::uint64_t start, pages;  // pages 0: everything
};
constinit Request request{};
constinit std::atomic<bool> request_taken{false};

// Of the tag in use. Its paging-structure caches go with any invlpg. [intel/vol3 4.10.4.1] The translations of the page-table
// window stay in a range's case: whoever takes tables or large pages away asks for everything.
void flush_here(const Request& what) {
  if (what.pages - 1 >= single_page_limit) [[unlikely]] {  // or 0: everything
    const std::uint64_t cr3 = this_per_cpu().cr3;
    return features().invpcid ? x86::invpcid(cr3 & x86::cr3_tag) : x86::write_cr3(cr3);
  }
  for (std::uint64_t i = 0; i < what.pages; ++i) x86::invlpg(what.start + i * base::page_size);
}

}  // namespace

void answer_flush() {
  PerCpu& self = this_per_cpu();
  if (!self.flush_wanted.load(std::memory_order_acquire)) return;  // pairs with the release in flush_translations
  flush_here(request);
  ++self.cpu.info->flushed;
  self.flush_wanted.store(false, std::memory_order_release);       // pairs with the sender's acquire
}

namespace {

[[gnu::noinline]] void flush_there(PerCpu& self, std::uint64_t others, std::uint64_t start, std::uint64_t pages) {
  ++self.cpu.info->flushes;
  trace(self.cpu, TraceEvent::flush, others, pages);

  while (request_taken.exchange(true, std::memory_order_acquire)) relax();
  request = {start, pages};
  for (std::uint32_t id = 0; id < cpu_count(); ++id) {
    if ((others >> id & 1) == 0) continue;
    PerCpu& target = per_cpu(CpuId{id});
    target.flush_wanted.store(true, std::memory_order_release);
    local_apic().send(target.apic_id, vector::flush);
  }
  for (std::uint32_t id = 0; id < cpu_count(); ++id) {
    if ((others >> id & 1) == 0) continue;
    while (per_cpu(CpuId{id}).flush_wanted.load(std::memory_order_acquire)) x86::pause();
  }
  request_taken.store(false, std::memory_order_release);
}

}  // namespace

void flush_translations(std::uint64_t cpus, std::uint64_t start, std::uint64_t pages) {
  PerCpu& self = this_per_cpu();
  const std::uint64_t own = std::uint64_t{1} << self.cpu.id.raw();
  if ((cpus & own) != 0) [[likely]] flush_here({start, pages});
  if ((cpus & ~own) != 0) [[unlikely]] flush_there(self, cpus & ~own, start, pages);
}

void relax() {
  x86::pause();
  answer_flush();
}

}  // namespace aegis::arch
