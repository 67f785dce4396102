// SPDX-License-Identifier: MIT
// The information pages against what the test did.
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::RunState;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw();

struct Information : ::testing::Test {
  World w;
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  const abi::SystemInfo& info() { return w.kernel().frames.info(); }
  template <typename T>
  const T* table(std::uint64_t offset) {
    return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(&info()) + offset);
  }
  // The exported entry of the env in a slot.
  const abi::EnvInfo* entry(CapSlot slot) {
    const std::uint32_t name = w.slot(slot).object.frame;
    const auto* entries = table<abi::EnvInfo>(info().env_table_offset);
    for (std::uint64_t i = 0; i < info().env_table_count; ++i)
      if (entries[i].env == name) return &entries[i];
    return nullptr;
  }
  const abi::CpuInfo& cpu(std::uint64_t id) {
    return *table<abi::CpuInfo>(info().cpu_table_offset + id * info().cpu_info_size);
  }
  std::uint64_t calls(std::uint64_t id, Call number) {
    // The counters follow the struct; a flexible array member is no array to the sanitiser.
    return table<std::uint64_t>(info().cpu_table_offset + id * info().cpu_info_size + sizeof(abi::CpuInfo))
        [static_cast<std::size_t>(number)];
  }
};

TEST_F(Information, EachTableBeginsOnItsOwnPage) {
  const abi::SystemInfo& i = info();
  EXPECT_EQ(i.version, 3u);
  const std::array<std::uint64_t, 8> places{0, i.frame_table_offset, i.slice_table_offset, i.env_table_offset,
                                            i.program_table_offset, i.cpu_table_offset, i.trace_offset, i.info_count * 4096};
  const std::array<std::uint64_t, 7> sizes{sizeof i, i.frames * sizeof(abi::FrameInfo),
                                           i.cpus * abi::slices_per_cpu * sizeof(abi::SliceOwner),
                                           i.env_table_count * sizeof(abi::EnvInfo),
                                           i.program_table_count * sizeof(abi::ProgramEntry), i.cpus * i.cpu_info_size,
                                           i.cpus * i.trace_size};
  for (std::size_t n = 0; n < sizes.size(); ++n) {
    EXPECT_EQ(places[n] % 4096, 0u);
    EXPECT_LE(places[n] + sizes[n], places[n + 1]) << n;
    EXPECT_LT(places[n + 1] - places[n] - sizes[n], 4096u) << n;
  }
  EXPECT_GE(i.cpu_info_size, sizeof(abi::CpuInfo) + abi::call_count * 8);
  for (std::uint64_t f = i.info_base; f < i.info_base + i.info_count; ++f)
    EXPECT_EQ(w.kernel().frames[FrameNumber{f}].use, abi::FrameUse::info);
}

TEST_F(Information, EnvsHaveEntriesWhileTheyLive) {
  const abi::EnvInfo* first = entry(abi::boot::self);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->account, w.slot(abi::boot::account).object.frame);
  EXPECT_EQ(first->space, w.slot(abi::boot::space).object.frame);
  EXPECT_EQ(first->state, static_cast<std::uint32_t>(RunState::running));
  w.make_env(CapSlot{20});
  const abi::EnvInfo* second = entry(CapSlot{20});
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->state, static_cast<std::uint32_t>(RunState::created));
  EXPECT_EQ(second->calls, 0u);
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  EXPECT_EQ(second->state, static_cast<std::uint32_t>(RunState::ready));
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_space, {21}).error, Error::none);
  EXPECT_EQ(second->space, w.slot(CapSlot{21}).object.frame);
  (void)w.call(Call::env_halt, {1});
  EXPECT_EQ(second->state, static_cast<std::uint32_t>(RunState::halted));
  ASSERT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(second->env, 0u);
  ASSERT_EQ(w.call(Call::cap_drop, {20}).error, Error::none);
  w.make_env(CapSlot{20});
  EXPECT_EQ(entry(CapSlot{20}), second) << "the entry serves again";
  EXPECT_EQ(second->calls, 0u) << "and remembers nothing";
  EXPECT_EQ(second->switches, 0u);
}

TEST_F(Information, WithoutAnEntryThereIsNoEnv) {
  // Capabilities may go; the envs stay.
  const std::uint64_t count = info().env_table_count;
  for (std::uint64_t n = 1; n < count; ++n) {
    w.make_env(CapSlot{20});
    if (n + 1 < count) { ASSERT_EQ(w.call(Call::cap_drop, {20}).error, Error::none); }
  }
  const std::uint64_t area = w.call(Call::frame_alloc, {account, any, 1, 0, 0}).value;
  const std::uint64_t free = info().free_frames;
  const auto create = [&] {
    return w.call(Call::env_create, {account, 22, abi::boot::space.raw(), abi::boot::table.raw(), area, any}).error;
  };
  EXPECT_EQ(create(), Error::no_frame);
  EXPECT_EQ(info().free_frames, free) << "nothing was taken";
  EXPECT_EQ(w.kernel().frames[FrameNumber{area}].pins, 0u);
  ASSERT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(create(), Error::none);
}

TEST_F(Information, CallsAreCounted) {
  w.make_env(CapSlot{20});
  const abi::EnvInfo &mine = *entry(abi::boot::self), &other = *entry(CapSlot{20});
  const std::uint64_t before = mine.calls, nops = calls(0, Call::nop), bad = calls(0, Call::cap_drop);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(w.call(Call::nop).error, Error::none);
  EXPECT_EQ(w.call(Call::cap_drop, {63}).error, Error::empty_slot);
  EXPECT_EQ(mine.calls, before + 11);
  EXPECT_EQ(calls(0, Call::nop), nops + 10);
  EXPECT_EQ(calls(0, Call::cap_drop), bad + 1) << "refused ones too";
  EXPECT_EQ(calls(1, Call::nop), 0u);
  EXPECT_EQ(other.calls, 0u);
  EXPECT_EQ(w.call_raw(abi::call_count, {}).error, Error::bad_call);
  EXPECT_EQ(mine.calls, before + 11) << "what is no call is not counted";
}

TEST_F(Information, SwitchesSlicesAndTime) {
  w.make_env(CapSlot{20});
  const abi::EnvInfo &mine = *entry(abi::boot::self), &other = *entry(CapSlot{20});
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  const std::uint32_t mine_before = mine.switches, slices = mine.slices;
  const std::uint64_t switches = cpu(0).switches;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
    machine().now_ns += 1000;
    ASSERT_EQ(w.call(Call::env_yield, {0}).error, Error::none);
  }
  EXPECT_EQ(other.switches, 5u);
  EXPECT_EQ(other.run_ns, 5000u);
  EXPECT_EQ(mine.switches, mine_before + 5);
  EXPECT_EQ(cpu(0).switches, switches + 10);
  EXPECT_EQ(mine.slices, slices) << "all within one";
  for (int i = 0; i < 3; ++i) w.pass(aegis::slice_ns);
  EXPECT_EQ(mine.slices, slices + 3);
  EXPECT_EQ(other.slices, 0u);
}

TEST_F(Information, ExceptionsUpcallsOverruns) {
  const std::uint64_t area = w.make_env(CapSlot{20});
  auto& user = *reinterpret_cast<abi::UserArea*>(aegis::arch::frame_memory(FrameNumber{area}));
  ASSERT_EQ(w.call(Call::env_configure, {20, w.put(abi::EnvEntries{.exception = 0x3000, .prologue = 0x4000,
                                                                   .epilogue = 0x5000})}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  const abi::EnvInfo& e = *entry(CapSlot{20});
  for (std::uint64_t p = 0; p < 64; ++p)
    ASSERT_EQ(w.call(Call::slice_bind, {abi::boot::slices.raw(), p, 20}).error, Error::none);
  w.pass(aegis::slice_ns);
  ASSERT_EQ(w.current(), &w.env_at(CapSlot{20}));
  EXPECT_EQ(e.slices, 1u);
  EXPECT_EQ(e.upcalls, 1u) << "the prologue";
  const std::uint64_t before = cpu(0).exceptions;
  aegis::traps::exception(w.cpu(), 6, 0, 0);
  EXPECT_EQ(e.exceptions, 1u);
  EXPECT_EQ(cpu(0).exceptions, before + 1);
  user.upcall.busy = 0;
  w.pass(aegis::slice_ns);
  EXPECT_EQ(e.upcalls, 2u) << "the epilogue";
  EXPECT_EQ(e.overruns, 0u);
  w.pass(aegis::grace_ns);
  EXPECT_EQ(e.overruns, 1u);
  // It has not taken the first one: the second is not delivered, but the processor has seen it.
  while (w.current() != &w.env_at(CapSlot{20})) w.pass(aegis::slice_ns);
  aegis::traps::exception(w.cpu(), 6, 0, 0);
  EXPECT_EQ(e.exceptions, 1u);
  EXPECT_EQ(cpu(0).exceptions, before + 2);
  EXPECT_EQ(e.state, static_cast<std::uint32_t>(RunState::stuck));
}

TEST_F(Information, SliceOwnersAreTheKernelsOwn) {
  w.make_env(CapSlot{20});
  const auto* owners = table<abi::SliceOwner>(info().slice_table_offset);
  const std::uint32_t first = w.slot(abi::boot::self).object.frame, other = w.slot(CapSlot{20}).object.frame;
  for (std::uint64_t p = 0; p < 64; ++p) EXPECT_EQ(owners[p].env, first);
  ASSERT_EQ(w.call(Call::slice_bind, {abi::boot::slices.raw(), 70, 20}).error, Error::none);
  EXPECT_EQ(owners[70].env, other);
  EXPECT_EQ(owners[70].generation, w.kernel().frames[other].generation);
  ASSERT_EQ(w.call(Call::slice_bind, {abi::boot::slices.raw(), 70, 0}).error, Error::none);
  EXPECT_EQ(owners[70].env, 0u);
  EXPECT_EQ(w.kernel().slices.data(), static_cast<const void*>(owners));
}

TEST_F(Information, PokesAreCountedAtTheirTarget) {
  w.make_env(CapSlot{20});
  ASSERT_EQ(w.call(Call::slice_bind, {abi::boot::slices.raw(), 64, 20}).error, Error::none);
  const std::uint64_t pokes = cpu(1).pokes;
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  EXPECT_EQ(cpu(1).pokes, pokes + 1) << "an idle processor where it owns a slice";
  EXPECT_EQ(cpu(0).pokes, 0u);
}

}  // namespace
