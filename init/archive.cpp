// SPDX-License-Identifier: MIT
// Maps the boot archive and finds the members that init needs.
#include "init/archive.hpp"

#include "abi/address_map.hpp"
#include "base/cpio.hpp"
#include "init/slots.hpp"
#include "libos/rt/log.hpp"

namespace init {

namespace {

constexpr std::string_view library_name = "aegis/exos", run_name = "aegis/run";

rt::Status map_archive(abi::FrameNumber first, std::uint64_t pages) {
  TRY_VOID(given::account.create_space(slots::archive_space.slot()));
  TRY_VOID(slots::archive_space.map(abi::map::archive_base, {first, pages}, abi::map_read, given::archive));
  return own_space.link(abi::map::archive_slot, slots::archive_space);
}

}  // namespace

std::optional<Archive> open_archive(const abi::boot::Facts& facts) {
  if (!base::range_within(facts.archive_offset, facts.archive_size, facts.archive_frames * abi::page_size) ||
      facts.archive_size == 0) {
    rt::log("init: there is no boot archive");
    return std::nullopt;
  }
  const std::uint64_t in_page = facts.archive_offset % abi::page_size;
  Archive archive{.first_frame = abi::FrameNumber{facts.archive_frame + facts.archive_offset / abi::page_size},
                  .va = abi::map::archive_base + in_page};
  if (const auto mapped = map_archive(archive.first_frame, base::pages_for(in_page + facts.archive_size)); !mapped) {
    rt::log("init: cannot map the boot archive of {} bytes: {}", facts.archive_size, mapped.error());
    return std::nullopt;
  }
  archive.bytes = {reinterpret_cast<const std::byte*>(archive.va), facts.archive_size};

  base::cpio::Reader reader{archive.bytes};
  base::cpio::Entry entry;
  for (;;) {
    const base::cpio::Step step = reader.next(entry);
    if (step == base::cpio::Step::broken) {
      rt::log("init: the boot archive is damaged behind member '{}'", entry.name);
      return std::nullopt;
    }
    if (step == base::cpio::Step::end) break;
    const Member member{entry.data, in_page + entry.data_offset};
    if (entry.name == library_name) archive.library = member;
    if (entry.name == run_name) archive.run = member;
    // What follows is the program's tree; in a large archive there is no need to walk all of it.
    if (archive.library.offset != 0 && archive.run.offset != 0) return archive;
  }
  rt::log("init: the boot archive has no member {}", archive.library.offset == 0 ? library_name : run_name);
  return std::nullopt;
}

}  // namespace init
