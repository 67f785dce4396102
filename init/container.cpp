// SPDX-License-Identifier: MIT
// Builds a container. While that lasts its state slot is linked into the own space, so that init can write there.
#include "init/container.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "base/guard.hpp"
#include "init/slots.hpp"

namespace init {

namespace {

namespace wanted = abi::container;
using abi::page_size;
using rt::Status;

// Frames that init keeps: for its own page tables and for what it may yet have to do.
constexpr std::uint64_t reserve_frames = 64;
constexpr std::uint64_t stack_pages = 16;
constexpr std::uint32_t data_flags = abi::map_read | abi::map_write | abi::map_owned;

// Every position of the first processor but the last, in which init runs when there is something to do for it: a
// sleeping owner's position is skipped, so it costs nothing. Of the other processors all: the library binds them.
constexpr std::uint32_t first_slices = abi::slices_per_cpu - 1;

rt::Result<std::uint64_t> other_slices() {
  const abi::CapInfo all = TRY(given::slices.read());
  return all.count - abi::slices_per_cpu;
}

// All that is left: frames but for what is kept, and the slices, which are init's own until it gives them up.
Status create_account(const Plan& plan) {
  for (std::uint32_t position = 0; position < first_slices; ++position)
    TRY_VOID(given::slices.unbind(position));
  const std::uint64_t slices = first_slices + TRY(other_slices());
  const abi::AccountInfo own = TRY(given::account.usage());
  const std::uint64_t left = rt::room_in(own, abi::Resource::frames);
  const std::uint64_t kept = reserve_frames + plan.swap_frames;
  if (left <= kept) return base::Unexpected{abi::Error::over_limit};
  const std::uint64_t frames = left - kept;
  TRY_VOID(given::account.create_account(slots::account.slot(), {.limit = {frames, slices, frames}, .minimum = {}}));
  return {};
}

Status create_space() {
  TRY_VOID(slots::account.create_space(slots::space.slot()));
  TRY_VOID(slots::space.link(abi::map::image_slot, slots::image_space));
  return slots::space.link(abi::map::archive_slot, slots::archive_space);
}

// Swap pages are init's own frames: mapped where the library wants them, outside its account.
Status map_swap(const Plan& plan) {
  if (plan.swap_frames == 0) return {};
  return slots::space.map_new(abi::map::state_swap, plan.swap_frames, abi::map_read | abi::map_write, given::account);
}

Status write_start_info(const Archive& archive, const Plan& plan) {
  TRY_VOID(slots::space.map_new(abi::map::state_start_info, 1, data_flags, slots::account));
  auto* info = new (reinterpret_cast<void*>(abi::map::state_start_info)) wanted::StartInfo{};
  const abi::AccountInfo account = TRY(slots::account.usage());
  info->version = wanted::start_version;
  info->archive_va = archive.va;
  info->archive_size = archive.bytes.size();
  info->archive_frame = archive.first_frame.raw();
  info->memory_frames = rt::limit_of(account, abi::Resource::frames);
  info->heap_start = abi::map::state_heap;
  info->swap_va = plan.swap_frames == 0 ? 0 : abi::map::state_swap;
  info->swap_pages = plan.swap_frames;
  const std::span run = archive.run.data;
  info->command_size = static_cast<std::uint32_t>(run.size());
  std::memcpy(info->command, run.data(), std::min(run.size(), sizeof info->command));
  return {};
}

// The state slot: the library's data, its facts, the root env's user area and stack. Returns the user area's frame.
rt::Result<abi::FrameNumber> fill_state(const Archive& archive, const Image& image, const Plan& plan, abi::FrameNumber info_frame) {
  TRY_VOID(load_data(image, slots::space, slots::account));
  TRY_VOID(map_swap(plan));
  TRY_VOID(write_start_info(archive, plan));
  TRY_VOID(slots::space.map(abi::map::state_system_info, {info_frame, 1}, abi::map_read, given::info));
  TRY_VOID(slots::space.map_new(abi::map::state_root_stack, stack_pages, data_flags, slots::account));
  const rt::FrameRun area = TRY(slots::account.allocate());
  TRY_VOID(slots::space.map(abi::map::state_root_area, area, data_flags, slots::account));
  return area.first;
}

// What abi/container.hpp promises, right by right.
Status grant_all(abi::FrameNumber info_frame) {
  using abi::AccountRight, abi::ConsoleRight, abi::EnvRight, abi::FramesRight, abi::SpaceRight, abi::TableRight;
  const rt::Table to = slots::table;
  TRY_VOID((slots::account.grant<AccountRight::grant, AccountRight::allocate, AccountRight::frames, AccountRight::divide>(
      to, wanted::account)));
  TRY_VOID((slots::env.grant<EnvRight::grant, EnvRight::control, EnvRight::inspect, EnvRight::wake, EnvRight::donate>(
      to, wanted::self)));
  TRY_VOID((slots::space.grant<SpaceRight::grant, SpaceRight::change, SpaceRight::share, SpaceRight::run>(to, wanted::space)));
  TRY_VOID((slots::table.grant<TableRight::grant, TableRight::insert, TableRight::run>(to, wanted::table)));
  TRY_VOID((given::archive.grant<FramesRight::read, FramesRight::execute>(to, wanted::archive)));
  TRY_VOID(slots::image_space.grant<SpaceRight::share>(to, wanted::image));
  TRY_VOID(slots::archive_space.grant<SpaceRight::share>(to, wanted::archive_space));
  TRY_VOID((given::console.grant<ConsoleRight::grant, ConsoleRight::read, ConsoleRight::write>(to, wanted::console)));
  TRY_VOID(given::self.grant<EnvRight::wake>(to, wanted::monitor));
  if (const std::uint64_t others = TRY(other_slices()); others != 0)
    TRY_VOID(given::slices.grant<abi::SlicesRight::bind>(to, wanted::slices, {abi::slices_per_cpu, others}));
  // Only the page of facts about the machine: what others own is not the container's business.
  return given::info.grant<FramesRight::read>(to, wanted::info, {info_frame.raw(), 1});
}

}  // namespace

Status build_container(const Archive& archive, const Image& image, const Plan& plan) {
  TRY_VOID(create_account(plan));
  TRY_VOID(create_space());
  TRY_VOID(slots::account.create_table(slots::table.slot()));

  TRY_VOID(own_space.link(abi::map::state_slot, slots::space));
  const base::Guard unlink{[] { static_cast<void>(own_space.unlink(abi::map::state_slot)); }};
  const abi::FrameNumber info_frame = TRY(given::info.run()).first;
  const abi::FrameNumber area = TRY(fill_state(archive, image, plan, info_frame));
  TRY_VOID(slots::account.create_env(slots::env.slot(), slots::space, slots::table, area));
  TRY_VOID(slots::env.configure({.gs_base = abi::map::state_root_area, .monitor = given::self.slot()}));
  return grant_all(info_frame);
}

Status start_container(const Image& image) {
  for (std::uint32_t position = 0; position < first_slices; ++position)
    TRY_VOID(given::slices.bind(position, slots::env));
  return slots::env.start(rt::Va{image.elf.header->entry}, rt::Va{abi::map::state_root_stack + stack_pages * page_size},
                          abi::map::state_start_info);
}

}  // namespace init
