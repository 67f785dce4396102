// SPDX-License-Identifier: MIT
// Builds a container. While that lasts its state slot is linked into the own space, so that init can write there.
#include "init/container.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "base/guard.hpp"
#include "init/slots.hpp"
#include "libos/rt/objects.hpp"

namespace init {

namespace {

namespace call = rt::call;
namespace given = abi::boot;
namespace wanted = abi::container;
using abi::page_size;
using rt::bits;
using rt::Status;

// Frames that init keeps: for its own page tables and for what it may yet have to do.
constexpr std::uint64_t reserve_frames = 64;
constexpr std::uint64_t stack_pages = 16;
constexpr std::uint32_t data_flags = abi::map_read | abi::map_write | abi::map_owned;

// Every position of the first processor but the last, in which init runs when there is something to do for it: a
// sleeping owner's position is skipped, so it costs nothing. Of the other processors all: the library binds them.
constexpr std::uint32_t first_slices = abi::slices_per_cpu - 1;

rt::Result<std::uint64_t> other_slices() {
  const abi::CapInfo all = TRY(rt::read_cap(given::slices));
  return all.count - abi::slices_per_cpu;
}

// All that is left: frames but for what is kept, and the slices, which are init's own until it gives them up.
Status create_account(const Plan& plan) {
  for (std::uint32_t position = 0; position < first_slices; ++position)
    TRY_VOID(call::slice_bind(given::slices, position, abi::no_slot));
  const std::uint64_t slices = first_slices + TRY(other_slices());
  const abi::AccountInfo own = TRY(rt::read_account(given::account));
  const std::uint64_t left = rt::room_in(own, abi::Resource::frames);
  const std::uint64_t kept = reserve_frames + plan.swap_frames;
  if (left <= kept) return base::Unexpected{abi::Error::over_limit};
  const std::uint64_t frames = left - kept;
  return rt::create_account(given::account, slots::account,
                            {.limit = {frames, slices, frames}, .minimum = {}});
}

Status create_space() {
  TRY_VOID(call::space_create(slots::account, slots::space, abi::any_frame));
  TRY_VOID(call::space_link(slots::space, abi::map::image_slot, slots::image_space));
  return call::space_link(slots::space, abi::map::archive_slot, slots::archive_space);
}

// Swap pages are init's own frames: mapped where the library wants them, outside its account.
Status map_swap(const Plan& plan) {
  if (plan.swap_frames == 0) return {};
  return rt::map_new(slots::space, abi::map::state_swap, plan.swap_frames, abi::map_read | abi::map_write, given::account);
}

Status write_start_info(const Archive& archive, const Plan& plan) {
  TRY_VOID(rt::map_new(slots::space, abi::map::state_start_info, 1, data_flags, slots::account));
  auto* info = new (reinterpret_cast<void*>(abi::map::state_start_info)) wanted::StartInfo{};
  const abi::AccountInfo account = TRY(rt::read_account(slots::account));
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
  TRY_VOID(rt::map(slots::space, abi::map::state_system_info, info_frame, 1, abi::map_read, given::info));
  TRY_VOID(rt::map_new(slots::space, abi::map::state_root_stack, stack_pages, data_flags, slots::account));
  const abi::FrameNumber area{TRY(call::frame_alloc(slots::account, abi::any_frame, 1, 0, 0))};
  TRY_VOID(rt::map(slots::space, abi::map::state_root_area, area, 1, data_flags, slots::account));
  return area;
}

struct Grant {
  abi::CapSlot from, to;
  std::uint32_t rights;
};

Status grant_all(abi::FrameNumber info_frame) {
  using abi::AccountRight, abi::ConsoleRight, abi::EnvRight, abi::FramesRight, abi::SpaceRight, abi::TableRight;
  constexpr std::array grants{
      Grant{slots::account, wanted::account,
            bits(AccountRight::grant, AccountRight::allocate, AccountRight::frames, AccountRight::divide)},
      Grant{slots::env, wanted::self,
            bits(EnvRight::grant, EnvRight::control, EnvRight::inspect, EnvRight::wake, EnvRight::donate)},
      Grant{slots::space, wanted::space,
            bits(SpaceRight::grant, SpaceRight::change, SpaceRight::share, SpaceRight::run)},
      Grant{slots::table, wanted::table, bits(TableRight::grant, TableRight::insert, TableRight::run)},
      Grant{given::archive, wanted::archive, bits(FramesRight::read, FramesRight::execute)},
      Grant{slots::image_space, wanted::image, bits(SpaceRight::share)},
      Grant{slots::archive_space, wanted::archive_space, bits(SpaceRight::share)},
      Grant{given::console, wanted::console, bits(ConsoleRight::grant, ConsoleRight::read, ConsoleRight::write)},
      Grant{given::self, wanted::monitor, bits(EnvRight::wake)},
  };
  for (const Grant& g : grants) TRY_VOID(call::cap_grant(g.from, slots::table, g.to, g.rights, 0, 0));
  if (const std::uint64_t others = TRY(other_slices()); others != 0)
    TRY_VOID(call::cap_grant(given::slices, slots::table, wanted::slices, bits(abi::SlicesRight::bind), abi::slices_per_cpu, others));
  // Only the page of facts about the machine: what others own is not the container's business.
  return call::cap_grant(given::info, slots::table, wanted::info, bits(FramesRight::read), info_frame.raw(), 1);
}

}  // namespace

Status build_container(const Archive& archive, const Image& image, const Plan& plan) {
  TRY_VOID(create_account(plan));
  TRY_VOID(create_space());
  TRY_VOID(call::table_create(slots::account, slots::table, abi::any_frame));
  TRY_VOID(call::table_grow(slots::table, 0, slots::account, abi::any_frame));

  TRY_VOID(call::space_link(abi::no_slot, abi::map::state_slot, slots::space));
  const base::Guard unlink{
      [] { static_cast<void>(call::space_link(abi::no_slot, abi::map::state_slot, abi::no_slot)); }};
  const abi::CapInfo info = TRY(rt::read_cap(given::info));
  const abi::FrameNumber info_frame{info.base};
  const abi::FrameNumber area = TRY(fill_state(archive, image, plan, info_frame));
  TRY_VOID(call::env_create(slots::account, slots::env, slots::space, slots::table, area, abi::any_frame));
  const abi::EnvEntries entries{.gs_base = abi::map::state_root_area, .monitor = given::self};
  TRY_VOID(call::env_configure(slots::env, &entries));
  return grant_all(info_frame);
}

Status start_container(const Image& image) {
  for (std::uint32_t position = 0; position < first_slices; ++position)
    TRY_VOID(call::slice_bind(given::slices, position, slots::env));
  return call::env_start(slots::env, rt::Va{image.elf.header->entry},
                         rt::Va{abi::map::state_root_stack + stack_pages * page_size}, abi::map::state_start_info);
}

}  // namespace init
