// SPDX-License-Identifier: MIT
#include "tests/unit/fake_arch.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "kernel/core/env.hpp"
#include "kernel/core/kernel.hpp"

namespace fake {
namespace {

alignas(4096) std::byte memory[frame_count * 4096];
Machine the_machine;

std::uint64_t frame_bits(std::uint64_t entry) { return (entry & abi::pte_frame_mask) >> 12; }

}  // namespace

Machine& machine() { return the_machine; }

void reset() {
  the_machine = Machine{};
  for (std::uint32_t i = 0; i < cpu_count; ++i) the_machine.cpus[i].id = aegis::arch::CpuId{i};
  if (mprotect(memory, sizeof memory, PROT_READ | PROT_WRITE) != 0) std::abort();  // sealed code
  std::memset(memory, 0xa5, sizeof memory);  // what nobody cleared shows
  aegis::KernelGuard guard;
  *guard = aegis::Kernel{};
}

Translation translation_of(std::uint64_t entry, bool large) {
  return {FrameNumber{frame_bits(entry)}, (entry & abi::pte_write) != 0, (entry & abi::pte_no_execute) == 0, large};
}

std::optional<Translation> walk(std::uint64_t top, std::uint64_t va) {
  if (top == 0 || va >= abi::user_end) return std::nullopt;
  std::uint64_t at = top;
  for (int shift = 39; shift > 12; shift -= 9) {
    const std::uint64_t entry = table(at)[va >> shift & 511];
    if ((entry & abi::pte_present) == 0) return std::nullopt;
    if (shift == 21 && (entry & abi::pte_large) != 0) return translation_of(entry + (va & 0x1f'f000), true);
    at = frame_bits(entry);
  }
  const std::uint64_t entry = table(at)[va >> 12 & 511];
  if ((entry & abi::pte_present) == 0) return std::nullopt;
  return translation_of(entry, false);
}

void fill_translations(std::uint32_t cpu) {
  Machine& m = machine();
  if (m.top[cpu] == 0) return;
  each_page(m.top[cpu], [&](std::uint64_t va, std::uint64_t entry) {
    m.translations[cpu][m.tag[cpu]].insert_or_assign(va, translation_of(entry, (entry & abi::pte_large) != 0));
  });
}

bool translations_agree(std::string& why) {
  Machine& m = machine();
  for (std::uint32_t cpu = 0; cpu < cpu_count; ++cpu) {
    if (m.cpus[cpu].current == nullptr) continue;  // idle: it forgets before an env runs again
    for (const auto& [va, cached] : m.translations[cpu][m.tag[cpu]]) {
      const auto now = walk(m.top[cpu], va);
      if (now && now->frame == cached.frame && (now->write || !cached.write) && (now->execute || !cached.execute))
        continue;
      char text[120];
      std::snprintf(text, sizeof text, "processor %u remembers an old translation of %#llx", cpu,
                    static_cast<unsigned long long>(va));
      why = text;
      return false;
    }
  }
  return true;
}

}  // namespace fake

namespace aegis::arch {

using fake::machine;

std::byte* frame_memory(FrameNumber frame) {
  AEGIS_ASSERT(frame.raw() < fake::frame_count);
  return fake::memory + frame.raw() * 4096;
}
FrameNumber frame_of(const void* memory) {
  const auto offset = static_cast<const std::byte*>(memory) - fake::memory;
  AEGIS_ASSERT(offset >= 0 && static_cast<std::uint64_t>(offset) < sizeof fake::memory);
  return FrameNumber{static_cast<std::uint64_t>(offset) / 4096};
}
void zero_frame(FrameNumber frame) { std::memset(frame_memory(frame), 0, 4096); }
void copy_frame(FrameNumber to, FrameNumber from) { std::memcpy(frame_memory(to), frame_memory(from), 4096); }

namespace {

template <typename F>
bool each_piece(std::uint64_t va, std::size_t size, bool write, F piece) {
  for (std::size_t done = 0; done < size;) {
    const auto at = fake::walk(machine().top[machine().running], va + done);
    if (!at || (write && !at->write)) return false;
    const std::uint64_t offset = (va + done) % 4096;
    const std::size_t n = std::min<std::size_t>(size - done, 4096 - offset);
    piece(frame_memory(at->frame) + offset, done, n);
    done += n;
  }
  return true;
}

}  // namespace

bool copy_from_user(void* to, std::uint64_t from, std::size_t size) {
  return each_piece(from, size, false, [&](std::byte* at, std::size_t done, std::size_t n) {
    std::memcpy(static_cast<std::byte*>(to) + done, at, n);
  });
}
bool copy_to_user(std::uint64_t to, const void* from, std::size_t size) {
  return each_piece(to, size, true, [&](std::byte* at, std::size_t done, std::size_t n) {
    std::memcpy(at, static_cast<const std::byte*>(from) + done, n);
  });
}

void seal_code(FrameNumber first, std::uint64_t count) {
  AEGIS_ASSERT(mprotect(frame_memory(first), count * 4096, PROT_READ | PROT_EXEC) == 0);
}
void unseal_code(FrameNumber first, std::uint64_t count) {
  AEGIS_ASSERT(mprotect(frame_memory(first), count * 4096, PROT_READ | PROT_WRITE) == 0);
}
std::uint64_t run_code(const std::byte* entry, void* run) {
  return reinterpret_cast<std::uint64_t (*)(void*)>(const_cast<std::byte*>(entry))(run);
}
std::uint64_t random_word() { return 0x9e37'79b9'7f4a'7c15; }

void prepare_top_table(FrameNumber top) {
  auto* entries = fake::table(top.raw());
  entries[abi::window_slot] = top.raw() << 12 | abi::pte_present | abi::pte_user | abi::pte_no_execute;
  for (std::uint64_t i = abi::window_slot + 1; i < 512; ++i)
    entries[i] = 0x1000'0000'0000 + i;  // not present; the checker looks for them
}
std::uint32_t tag_count() { return machine().tags; }
void load_space(FrameNumber top, std::uint32_t tag, Remembered remembered) {
  auto& m = machine();
  AEGIS_ASSERT(tag < m.tags);
  m.top[m.running] = top.raw();
  m.tag[m.running] = tag;
  if (m.tags == 1 || remembered == Remembered::forgotten) m.translations[m.running][tag].clear();
}
void load_untagged_space(FrameNumber top) {
  AEGIS_ASSERT(machine().tags == 1 && top.raw() != 0);
  load_space(top, 0, Remembered::forgotten);
}
void flush_translations(std::uint64_t cpus, std::uint64_t start, std::uint64_t pages) {
  AEGIS_ASSERT(cpus < std::uint64_t{1} << fake::cpu_count && cpus != 0);
  for (std::uint32_t cpu = 0; cpu < fake::cpu_count; ++cpu) {
    if ((cpus >> cpu & 1) == 0) continue;
    ++machine().asked[cpu];
    auto& known = machine().translations[cpu][machine().tag[cpu]];
    if (pages == 0) known.clear();
    else std::erase_if(known, [&](const auto& item) {
      const auto& [va, cached] = item;
      const std::uint64_t first = cached.large ? va & ~0x1f'ffffull : va, size = cached.large ? 0x20'0000 : 4096;
      return first < start + pages * 4096 && start < first + size;
    });
  }
}

// Every write to a live table is looked at: what it makes visible must be right already.
std::uint64_t exchange_entry(std::uint64_t* entry, std::uint64_t value) {
  const FrameNumber holder = frame_of(entry);
  if ((value & abi::pte_present) != 0 && fake::machine().frames != nullptr) {
    FrameTable& frames = *fake::machine().frames;
    const FrameInfo& target = frames[FrameNumber{(value & abi::pte_frame_mask) >> 12}];
    AEGIS_ASSERT(frames[holder].use == FrameUse::page_table && frames[holder].maps > 0);
    const bool large = (value & abi::pte_large) != 0;
    AEGIS_ASSERT(!large || (frames[holder].level == 2 && (value >> 12 & 511) == 0));
    if (frames[holder].level == 1 || large)
      AEGIS_ASSERT((target.use == FrameUse::plain || target.use == FrameUse::info) && target.maps > 0);
    else AEGIS_ASSERT(target.use == FrameUse::page_table && target.level == frames[holder].level - 1);
  }
  return std::exchange(*entry, value);
}

Cpu& this_cpu() { return machine().cpus[machine().running]; }
Cpu& cpu(CpuId id) { return machine().cpus[id.raw()]; }
std::uint32_t cpu_count() { return fake::cpu_count; }
Nanoseconds now() { return Nanoseconds{machine().now_ns}; }
std::uint64_t time_stamp() { return machine().now_ns; }
void set_timer(Nanoseconds deadline) { machine().timer[machine().running] = deadline.raw(); }
void poke(CpuId id) {
  ++machine().pokes[id.raw()];
  ++cpu(id).info->pokes;
}
void idle() { std::abort(); }
void relax() { std::abort(); }  // one thread: waiting for the lock would be for ever

void init_context(Context& context) {
  context.registers = {};
  context.vector[0] = std::byte{1};
}
// The unit is one word here: each env's state is what it last had.
void save_user_state(Context&) {}
void load_user_state(const Context&) {}
void load_bases(const Context&) {}
void bind_entries(Env&) {}

std::size_t console_write(std::span<const std::byte> bytes) {
  const std::size_t n = std::min(bytes.size(), machine().console_room);
  machine().console_out.append(reinterpret_cast<const char*>(bytes.data()), n);
  return n;
}
std::size_t console_read(std::span<std::byte> bytes) {
  const std::size_t n = std::min(bytes.size(), machine().console_in.size());
  std::memcpy(bytes.data(), machine().console_in.data(), n);
  machine().console_in.erase(0, n);
  return n;
}
void log_write(std::string_view text) { machine().log += text; }
void power_off(std::uint32_t code) { throw fake::PowerOff{code}; }
void panic(const char* what, const char* file, int line) {
  std::fprintf(stderr, "panic: %s at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace aegis::arch
