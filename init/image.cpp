// SPDX-License-Identifier: MIT
// Loads the library OS without copying its text.
#include "init/image.hpp"

#include "abi/address_map.hpp"
#include "init/slots.hpp"
#include "libos/rt/log.hpp"

namespace init {

namespace {

using base::elf::ProgramHeader;

[[nodiscard]] bool within(const ProgramHeader& s, std::uint64_t start, std::uint64_t end) {
  return s.vaddr >= start && base::range_within(s.vaddr, s.memsz, end);
}

// A segment of text or constants: mapped from where the archive has it.
rt::Status map_segment(const Archive& archive, const ProgramHeader& s) {
  const std::uint64_t first = base::align_down(s.vaddr, abi::page_size);
  const std::uint64_t in_frames = base::align_down(archive.library.offset + s.offset, abi::page_size);
  const std::uint32_t flags = abi::map_read | ((s.flags & base::elf::pf_x) != 0 ? abi::map_execute : 0);
  const rt::FrameRun run{archive.first_frame + in_frames / abi::page_size, base::pages_for(s.vaddr + s.filesz - first)};
  return slots::image_space.map(first, run, flags, given::archive);
}

bool add_segment(const Archive& archive, const ProgramHeader& s, Image& image) {
  const bool writable = (s.flags & base::elf::pf_w) != 0;
  if (writable) {
    if (!within(s, abi::map::state_data, abi::map::state_start_info)) {
      rt::log("init: aegis/exos wants data at {:#x}, outside the state slot", s.vaddr);
      return false;
    }
    const std::uint64_t start = base::align_down(s.vaddr, abi::page_size);
    const std::uint64_t end = base::align_up(s.vaddr + s.memsz, abi::page_size);
    if (image.data_start == image.data_end) image.data_start = start, image.data_end = end;
    image.data_start = start < image.data_start ? start : image.data_start;
    image.data_end = end > image.data_end ? end : image.data_end;
    return true;
  }
  if (!within(s, abi::map::image_base, abi::map::state_base) || s.memsz != s.filesz) {
    rt::log("init: aegis/exos has a read-only segment at {:#x} that cannot be mapped from its file", s.vaddr);
    return false;
  }
  if ((archive.library.offset + s.offset) % abi::page_size != s.vaddr % abi::page_size) {
    rt::log("init: aegis/exos does not start on a page of the boot archive (offset {:#x})", archive.library.offset);
    return false;
  }
  if (const auto mapped = map_segment(archive, s); !mapped) {
    rt::log("init: cannot map the segment of aegis/exos at {:#x}: {}", s.vaddr, mapped.error());
    return false;
  }
  return true;
}

}  // namespace

std::optional<Image> build_image(const Archive& archive) {
  const std::span file = archive.library.data;
  if (!base::is_aligned<std::uint64_t>(archive.library.offset, 8)) {
    rt::log("init: aegis/exos does not start on a page of the boot archive (offset {:#x})", archive.library.offset);
    return std::nullopt;
  }
  const auto elf = base::elf::check(file, file.size());
  if (!elf) {
    rt::log("init: aegis/exos is {}", base::elf::describe(elf.error()));
    return std::nullopt;
  }
  if (const auto made = given::account.create_space(slots::image_space.slot()); !made) {
    rt::log("init: no memory for the library's space: {}", made.error());
    return std::nullopt;
  }
  Image image{.elf = *elf, .file = file};
  bool entry_executable = false;
  for (const ProgramHeader& s : elf->segments) {
    if (s.type != base::elf::pt_load || s.memsz == 0) continue;
    if (!add_segment(archive, s, image)) return std::nullopt;
    const std::uint64_t entry = elf->header->entry;
    entry_executable |= (s.flags & base::elf::pf_x) != 0 && entry >= s.vaddr && entry - s.vaddr < s.filesz;
  }
  if (!entry_executable) {
    rt::log("init: the entry of aegis/exos, {:#x}, is not in its text", elf->header->entry);
    return std::nullopt;
  }
  return image;
}

rt::Status load_data(const Image& image, rt::Space space, rt::Account account) {
  if (image.data_start == image.data_end) return {};
  TRY_VOID(space.map_new(image.data_start, (image.data_end - image.data_start) / abi::page_size,
                         abi::map_read | abi::map_write | abi::map_owned, account));
  for (const ProgramHeader& s : image.elf.segments) {
    if (s.type != base::elf::pt_load || (s.flags & base::elf::pf_w) == 0) continue;
    std::memcpy(reinterpret_cast<void*>(s.vaddr), image.file.data() + s.offset, s.filesz);
  }
  return {};
}

}  // namespace init
