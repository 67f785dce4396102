// SPDX-License-Identifier: MIT
#include "kernel/core/first_env.hpp"

#include "abi/boot.hpp"
#include "base/cpio.hpp"
#include "base/elf.hpp"
#include "kernel/core/slices.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"

namespace aegis {
namespace {

using abi::page_size;

constexpr std::uint64_t stack_pages = 16;
constexpr std::uint64_t may_all = abi::pte_may_write | abi::pte_may_execute;

// The image, and what is laid behind it: a hole, the stack, the user area, the facts.
struct Layout {
  std::uint64_t image_start, image_end;
  [[nodiscard]] std::uint64_t stack() const { return image_end + page_size; }
  [[nodiscard]] std::uint64_t stack_end() const { return stack() + stack_pages * page_size; }
  [[nodiscard]] std::uint64_t user_area() const { return stack_end(); }
  [[nodiscard]] std::uint64_t facts() const { return stack_end() + page_size; }
  [[nodiscard]] std::uint64_t end() const { return stack_end() + 2 * page_size; }
};

void say(std::string_view text) {
  arch::log_write("aegis: first env: ");
  arch::log_write(text);
  arch::log_write("\n");
}
base::Unexpected<Error> refuse(std::string_view why) {
  say(why);
  return fail(Error::bad_argument);
}

std::span<const std::byte> archive_bytes(const traps::BootRecord& record) {
  const std::uint64_t offset = record.archive.start % page_size;
  const std::byte* at = arch::frame_memory(FrameNumber{record.archive.start / page_size}) + offset;
  return {at, static_cast<std::size_t>(record.archive.end - record.archive.start)};
}

Result<std::span<const std::byte>> find_image(const traps::BootRecord& record) {
  if (record.archive.start == record.archive.end) return refuse("no boot archive was given");
  base::cpio::Reader reader{archive_bytes(record)};
  base::cpio::Entry entry;
  if (reader.next(entry) != base::cpio::Step::entry || entry.name != abi::boot::init_path)
    return refuse("the boot archive does not begin with aegis/init");
  return entry.data;
}

// A new frame of the space's account, mapped; a page that segments share keeps its frame and gets the rights of both.
Result<FrameNumber> add_page(Kernel& k, Space& space, std::uint64_t va, std::uint32_t flags) {
  std::uint64_t& entry = TRY(space.make_tables(k, va))[entry_index(va, 1)];
  if (is_present(entry)) {
    const bool executable = (flags & abi::map_execute) != 0;
    (void)change_entry(entry, abi::pte_write, entry | pte_permissions(flags));
    if (executable) (void)change_entry(entry, abi::pte_no_execute, 0);
    return pte_frame(entry);
  }
  const FrameNumber frame = TRY(space.account(k).allocate(k, abi::any_frame, FrameUse::plain));
  k.frames.note_mapped(frame, k.frames[frame_index(&space)].owner);
  fill_entry(k, entry, make_pte(frame, flags | abi::map_owned, may_all));
  return frame;
}

Status load_segment(Kernel& k, Space& space, const base::elf::ProgramHeader& segment,
                    std::span<const std::byte> image) {
  const std::uint32_t flags = abi::map_read | ((segment.flags & base::elf::pf_w) != 0 ? abi::map_write : 0) |
                              ((segment.flags & base::elf::pf_x) != 0 ? abi::map_execute : 0);
  const std::uint64_t end = segment.vaddr + segment.memsz, file_end = segment.vaddr + segment.filesz;
  for (std::uint64_t page = base::align_down(segment.vaddr, page_size); page < end; page += page_size) {
    const FrameNumber frame = TRY(add_page(k, space, page, flags));
    const std::uint64_t from = page < segment.vaddr ? segment.vaddr : page;
    const std::uint64_t to = page + page_size < file_end ? page + page_size : file_end;
    if (from >= to) continue;  // only zeros
    std::memcpy(arch::frame_memory(frame) + (from - page), image.data() + segment.offset + (from - segment.vaddr),
                to - from);
  }
  return {};
}

Result<Layout> load_image(Kernel& k, Space& space, std::span<const std::byte> image, std::uint64_t& entry) {
  // The archive aligns to 4 bytes, the headers want 8.
  alignas(8) std::array<std::byte, 1024> head;
  const std::size_t head_size = image.size() < head.size() ? image.size() : head.size();
  std::memcpy(head.data(), image.data(), head_size);
  const auto view = base::elf::check(std::span{head}.first(head_size), image.size());
  if (!view.has_value()) return refuse(base::elf::describe(view.error()));
  if (view->header->type != base::elf::type_exec) return refuse("aegis/init must be linked at a fixed address");
  Layout layout{.image_start = abi::user_end, .image_end = 0};
  for (const auto& segment : view->segments) {
    if (segment.type != base::elf::pt_load || segment.memsz == 0) continue;
    if (segment.vaddr + segment.memsz > abi::slot_size / 2) return refuse("aegis/init lies too high");
    TRY_VOID(load_segment(k, space, segment, image));
    const std::uint64_t start = base::align_down(segment.vaddr, page_size);
    const std::uint64_t end = base::align_up(segment.vaddr + segment.memsz, page_size);
    if (start < layout.image_start) layout.image_start = start;
    if (end > layout.image_end) layout.image_end = end;
  }
  if (layout.image_end == 0) return refuse("aegis/init has nothing to load");
  entry = view->header->entry;
  return layout;
}

void write_facts(FrameNumber frame, const traps::BootRecord& record, const Layout& layout) {
  const FrameRange archive = archive_frames(record);
  auto* facts = new (arch::frame_memory(frame)) abi::boot::Facts{
      .archive_frame = archive.first, .archive_frames = archive.count,
      .archive_offset = record.archive.start % page_size, .archive_size = record.archive.end - record.archive.start,
      .user_area = layout.user_area(), .free_va = layout.end(),
      .image_start = layout.image_start, .image_end = layout.image_end, .command_line_size = 0, .command_line = {}};
  const std::size_t size = record.command_line.size() < sizeof facts->command_line ? record.command_line.size()
                                                                              : sizeof facts->command_line - 1;
  std::memcpy(facts->command_line, record.command_line.data(), size);
  facts->command_line_size = size;
}

// The fixed slots of abi/boot.hpp.
Status fill_slots(Kernel& k, Table& table, const traps::BootRecord& record, const Account& root, const Env& env) {
  const auto slot = [&](abi::CapSlot number) -> Slot& { return **table.at(number); };
  install(slot(abi::boot::account), Kind::account, k.frames.ref_of(&root));
  install(slot(abi::boot::self), Kind::env, k.frames.ref_of(&env));
  install(slot(abi::boot::space), Kind::space, k.frames.ref_of(&object_at<Space>(env.space)));
  install(slot(abi::boot::table), Kind::table, k.frames.ref_of(&table));
  install(slot(abi::boot::slices), Kind::slices, {}, 0, std::uint64_t{record.cpus} * abi::slices_per_cpu);
  install(slot(abi::boot::console), Kind::console, {});
  install(slot(abi::boot::machine), Kind::machine, {});
  const abi::SystemInfo& info = k.frames.info();
  install(slot(abi::boot::info), Kind::frames, {}, info.info_base, info.info_count);
  const auto bits = [](abi::FramesRight right) { return static_cast<std::uint16_t>(right); };
  slot(abi::boot::info).rights = bits(abi::FramesRight::grant) | bits(abi::FramesRight::read);
  for (std::uint64_t f = info.info_base; f < info.info_base + info.info_count; ++f) ++k.frames[FrameNumber{f}].refs;
  const FrameRange archive = archive_frames(record);
  const std::uint32_t rights =
      bits(abi::FramesRight::grant) | bits(abi::FramesRight::read) | bits(abi::FramesRight::execute);
  return derive_frames(k, slot(abi::boot::account), slot(abi::boot::archive), FrameNumber{archive.first}, archive.count,
                       rights);
}

}  // namespace

Result<Env*> build_first_env(Kernel& k, const traps::BootRecord& record, Account& root) {
  const std::span<const std::byte> image = TRY(find_image(record));
  Space& space = *TRY(Space::create(k, root, abi::any_frame));
  std::uint64_t entry = 0;
  const Layout layout = TRY(load_image(k, space, image, entry));
  for (std::uint64_t va = layout.stack(); va < layout.stack_end(); va += page_size)
    (void)TRY(add_page(k, space, va, abi::map_read | abi::map_write));
  const FrameNumber user_area = TRY(add_page(k, space, layout.user_area(), abi::map_read | abi::map_write));
  write_facts(TRY(add_page(k, space, layout.facts(), abi::map_read)), record, layout);

  Table& table = *TRY(Table::create(k, root, abi::any_frame));
  TRY_VOID(table.grow(k, 0, root, abi::any_frame));
  Env& env = *TRY(Env::create(k, root, {.space = space, .table = table, .user_area = user_area}, abi::any_frame));
  TRY_VOID(fill_slots(k, table, record, root, env));
  env.entries.gs_base = layout.user_area();
  for (std::uint32_t i = 0; i < abi::slices_per_cpu; ++i) TRY_VOID(bind_position(k, i, &env));
  TRY_VOID(env.start(k, entry, layout.stack_end(), layout.facts()));
  return &env;
}

}  // namespace aegis
