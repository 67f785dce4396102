// SPDX-License-Identifier: MIT
#include "kernel/core/translations.hpp"

#include "kernel/core/env.hpp"

namespace aegis {
namespace {

// Of `space`, slots of which the range touches; end 0: any.
bool sees(const Space& viewer, const Space& space, const Forgotten& what) {
  if (viewer.links == 0) return false;
  const std::uint64_t first = what.end == 0 ? 0 : what.start / abi::slot_size;
  const std::uint64_t last = what.end == 0 ? abi::user_slots - 1 : (what.end - 1) / abi::slot_size;
  for (std::uint64_t slot = first; slot <= last; ++slot)
    if (viewer.source[slot] == frame_index(&space)) return true;
  return false;
}

template <typename F>
void each_cpu(F each) {
  const std::uint32_t count = arch::cpu_count();
  for (std::uint32_t id = 0; id < count; ++id) each(arch::cpu(arch::CpuId{id}));
}

bool runs(const Cpu& cpu) { return cpu.space != 0 && (object_at<Space>(cpu.space).active & cpu_bit(cpu)) != 0; }

bool shows(const Space& space, const Forgotten& what) {
  if (space.viewed == 0) return false;
  const std::uint64_t slot = what.start / abi::slot_size;
  const bool one_slot = what.end != 0 && (what.end - 1) / abi::slot_size == slot;
  return !one_slot || space.viewers[slot] != 0;
}

// Processors that must forget what they see of the space through another. What they and others remember under other tags
// is out of date from now on: `views_changed` says so to all of them.
std::uint64_t viewing(Kernel& k, const Space& space, const Forgotten& what) {
  std::uint64_t cpus = 0;
  ++k.views_changed;
  each_cpu([&](Cpu& cpu) {
    if (cpu.space == 0 || !(runs(cpu) || what.tables)) return;
    if (sees(object_at<Space>(cpu.space), space, what)) cpus |= cpu_bit(cpu);
    if (runs(cpu)) cpu.tags[cpu.tag].views = k.views_changed;  // it forgets now, or is not concerned
  });
  return cpus;
}

// The processor's tag for the space, and whether what is remembered under it is good.
struct TagChoice {
  std::uint32_t tag;
  arch::Remembered remembered;
};
TagChoice choose_tag(Kernel& k, Cpu& cpu, Space& space) {
  const ObjectRef name = k.frames.ref_of(&space);
  const std::uint32_t known = space.tags[cpu.id.raw()];
  const bool tagged = cpu.tags[known].space == name;
  const bool good = tagged && (space.stale & cpu_bit(cpu)) == 0 &&
                    (space.links == 0 || cpu.tags[known].views == k.views_changed);
  std::uint32_t tag = known;
  if (!tagged) {
    tag = cpu.next_tag;
    cpu.next_tag = (tag + 1) % arch::tag_count();
    space.tags[cpu.id.raw()] = static_cast<std::uint8_t>(tag);
  }
  cpu.tags[tag] = {.space = name, .views = k.views_changed};
  return {tag, good ? arch::Remembered::kept : arch::Remembered::forgotten};
}

void leave_space(Cpu& cpu) {
  if (cpu.space != 0) object_at<Space>(cpu.space).active &= ~cpu_bit(cpu);
}

void stay_idle(Cpu& cpu) {
  leave_space(cpu);
  if (cpu.space == 0 || !object_at<Space>(cpu.space).dying) return;
  cpu.space = 0;
  ++cpu.info->space_loads;
  arch::load_space(FrameNumber{0}, 0, arch::Remembered::kept);
}

}  // namespace

void use_space(Kernel& k, Cpu& cpu) {
  if (cpu.current == nullptr) return stay_idle(cpu);
  const std::uint32_t wanted = cpu.current->space;
  Space& space = object_at<Space>(wanted);
  if (cpu.space == wanted && (space.active & cpu_bit(cpu)) != 0) [[likely]] return;  // it has been told of all changes
  leave_space(cpu);
  const TagChoice choice = choose_tag(k, cpu, space);
  const bool loaded = cpu.space == wanted;
  cpu.space = wanted;
  cpu.tag = choice.tag;
  space.active |= cpu_bit(cpu);
  space.stale &= ~cpu_bit(cpu);
  if (loaded && choice.remembered == arch::Remembered::kept) return;  // it was idle, and nothing has changed
  ++cpu.info->space_loads;
  if (arch::tag_count() > 1 && choice.remembered == arch::Remembered::kept) ++cpu.info->kept_loads;
  arch::load_space(FrameNumber{space.top}, choice.tag, choice.remembered);
}

std::uint64_t cpus_using(Kernel&, const Space& space) {
  std::uint64_t cpus = 0;
  each_cpu([&](const Cpu& cpu) {
    if (cpu.space == 0) return;
    const bool own = cpu.space == frame_index(&space);
    if (own || (space.viewed != 0 && sees(object_at<Space>(cpu.space), space, {}))) cpus |= cpu_bit(cpu);
  });
  return cpus;
}

void forget(Kernel& k, Space& space, const Forgotten& what) {
  std::uint64_t cpus = space.active;
  space.stale |= ~cpus;
  if (what.tables) cpus |= cpus_using(k, space);
  if (shows(space, what)) cpus |= viewing(k, space, what);
  if (cpus != 0) arch::flush_translations(cpus, what.start, what.end == 0 ? 0 : (what.end - what.start) / abi::page_size);
}

}  // namespace aegis
