// SPDX-License-Identifier: MIT
#include "tests/unit/world.hpp"

#include <cstdio>
#include <cstdlib>

#include "base/elf.hpp"
#include "kernel/core/table.hpp"
#include "tests/unit/checker.hpp"

namespace fake {
namespace {

constexpr std::uint64_t image_va = 0x20'0000;
constexpr std::uint64_t archive_start = 16 * 4096 + 64;

void append_member(std::vector<std::byte>& out, std::string_view name, std::span<const std::byte> data) {
  const auto bytes = [&](const void* from, std::size_t n) {
    out.insert(out.end(), static_cast<const std::byte*>(from), static_cast<const std::byte*>(from) + n);
  };
  const auto pad = [&] { while (out.size() % 4 != 0) out.push_back(std::byte{0}); };
  char header[111];
  std::snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u, 0100755u, 0u,
                0u, 1u, 0u, static_cast<unsigned>(data.size()), 0u, 0u, 0u, 0u, static_cast<unsigned>(name.size() + 1),
                0u);
  bytes(header, 110);
  bytes(name.data(), name.size());
  out.push_back(std::byte{0});
  pad();
  bytes(data.data(), data.size());
  pad();
}

// The smallest program: one read-only, executable page and one writable page without file contents.
std::vector<std::byte> tiny_program() {
  std::vector<std::byte> file(8192);
  base::elf::FileHeader header{.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                               .type = base::elf::type_exec,
                               .machine = base::elf::machine_x86_64,
                               .version = 1,
                               .entry = image_va,
                               .phoff = 64,
                               .ehsize = 64,
                               .phentsize = 56,
                               .phnum = 2};
  const base::elf::ProgramHeader segments[2] = {{.type = base::elf::pt_load,
                                                 .flags = base::elf::pf_r | base::elf::pf_x,
                                                 .offset = 4096,
                                                 .vaddr = image_va,
                                                 .filesz = 100,
                                                 .memsz = 100},
                                                {.type = base::elf::pt_load,
                                                 .flags = base::elf::pf_r | base::elf::pf_w,
                                                 .offset = 4096,
                                                 .vaddr = image_va + 4096,
                                                 .filesz = 8,
                                                 .memsz = 5000}};
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + 64, segments, sizeof segments);
  std::memset(file.data() + 4096, 0x90, 100);
  return file;
}

}  // namespace

World::World(std::uint64_t features) {
  reset();
  std::vector<std::byte> archive;
  append_member(archive, abi::boot::init_path, tiny_program());
  append_member(archive, "TRAILER!!!", {});
  std::memcpy(aegis::arch::frame_memory(FrameNumber{0}) + archive_start, archive.data(), archive.size());
  const std::array ram{aegis::traps::MemoryRange{0, frame_count / 2 * 4096 + 100},
                       aegis::traps::MemoryRange{(frame_count / 2 + 8) * 4096 - 5, frame_count * 4096}};
  const std::array reserved{aegis::traps::MemoryRange{0, 16 * 4096},
                            aegis::traps::MemoryRange{100 * 4096 + 5, 101 * 4096}};
  const aegis::traps::BootRecord record{.ram = ram,
                                        .reserved = reserved,
                                        .archive = {archive_start, archive_start + archive.size()},
                                        .command_line = "unit test",
                                        .cpus = cpu_count,
                                        .features = features};
  if (!aegis::traps::start(record)) {
    std::fprintf(stderr, "%s", machine().log.c_str());
    std::abort();
  }
  machine().frames = &kernel().frames;
  for (std::uint32_t i = cpu_count; i-- > 0;) {
    on(i);
    aegis::traps::start_cpu(machine().cpus[i]);
  }
  first_ = current();
  read(first_->context.registers.rdi, &facts_, sizeof facts_);
}

aegis::Kernel& World::kernel() {
  aegis::KernelGuard guard;
  return *guard;
}

Reply World::call_raw(std::uint64_t number, const std::array<std::uint64_t, 6>& a) {
  aegis::Env& env = *current();
  const aegis::ObjectRef name = kernel().frames.ref_of(&env);
  abi::Registers& r = env.context.registers;
  r.rdi = a[0], r.rsi = a[1], r.rdx = a[2], r.r10 = a[3], r.r8 = a[4], r.r9 = a[5];
  for (std::uint32_t i = 0; i < cpu_count && calls_ % fill_every == 0; ++i) fill_translations(i);
  ++calls_;
  aegis::traps::call(cpu(), number);
  if (kernel().frames.live<aegis::Env>(name) == nullptr) return {Error::none, 0};
  return {static_cast<Error>(r.rax), r.rdx};
}

Reply World::call(Call number, std::initializer_list<std::uint64_t> arguments) {
  std::array<std::uint64_t, 6> a{};
  std::copy(arguments.begin(), arguments.end(), a.begin());
  return call_raw(static_cast<std::uint64_t>(number), a);
}

Reply World::call_done(Call number, std::initializer_list<std::uint64_t> arguments) {
  for (int i = 0; i < 100'000; ++i) {
    const Reply reply = call(number, arguments);
    if (reply.error != Error::again) return reply;
    deliver_pokes();
  }
  return {Error::again, 0};
}

void World::write(std::uint64_t va, const void* from, std::size_t size) {
  if (!aegis::arch::copy_to_user(va, from, size)) std::abort();
}
void World::read(std::uint64_t va, void* to, std::size_t size) {
  if (!aegis::arch::copy_from_user(to, va, size)) std::abort();
}

Error World::update(CapSlot space, abi::SpaceOp op) {
  for (int i = 0; i < 100'000; ++i) {
    const Reply reply = call(Call::space_update, {space.raw(), put(op), 1});
    if (reply.error != Error::again) return reply.error;
    const auto progress = abi::SpaceProgress::unpack(reply.value);
    if (progress.ops == 1) return Error::none;
    op.address += std::uint64_t{progress.pages} * 4096;
    op.pages -= progress.pages;
    if (op.verb == abi::SpaceVerb::move) op.frame += std::uint64_t{progress.pages} * 4096;
    else if (op.verb <= abi::SpaceVerb::map_new || op.verb == abi::SpaceVerb::copy)
      op.frame += op.frame == abi::any_frame.raw() ? 0 : progress.pages;
  }
  return Error::again;
}

Error World::map_new(CapSlot space, std::uint64_t va, std::uint64_t pages, std::uint32_t flags) {
  return update(space, {abi::SpaceVerb::map_new, flags, abi::boot::account, 0, va, pages, abi::any_frame.raw()});
}

std::uint64_t World::entry(const aegis::Space& space, std::uint64_t va) {
  std::uint64_t at = space.top;
  for (int shift = 39; shift > 12; shift -= 9) {
    const std::uint64_t e = table(at)[va >> shift & 511];
    if ((e & abi::pte_present) == 0) return 0;
    if (shift == 21 && (e & abi::pte_large) != 0) return e;
    at = (e & abi::pte_frame_mask) >> 12;
  }
  return table(at)[va >> 12 & 511];
}

void World::pass(std::uint64_t ns) {
  machine().now_ns += ns;
  const std::uint32_t here = machine().running;
  for (std::uint32_t i = 0; i < cpu_count; ++i) {
    if (machine().timer[i] > machine().now_ns) continue;
    machine().timer[i] = ~std::uint64_t{0};
    on(i);
    aegis::traps::timer(machine().cpus[i]);
  }
  on(here);
  deliver_pokes();
}

void World::deliver_pokes() {
  const std::uint32_t here = machine().running;
  for (std::uint32_t i = 0; i < cpu_count; ++i)
    while (machine().pokes[i] > 0) {
      machine().pokes[i] = 0;
      on(i);
      aegis::traps::poked(machine().cpus[i]);
    }
  on(here);
}

aegis::Slot& World::slot(CapSlot number) { return **aegis::object_at<aegis::Table>(first_->table).at(number); }
aegis::Env& World::env_at(CapSlot number) { return aegis::object_at<aegis::Env>(slot(number).object.frame); }
aegis::Space& World::space_at(CapSlot number) { return aegis::object_at<aegis::Space>(slot(number).object.frame); }
aegis::Account& World::root() { return aegis::object_at<aegis::Account>(slot(abi::boot::account).object.frame); }

std::uint64_t World::make_env(CapSlot dst, CapSlot space, CapSlot caps) {
  const std::uint64_t area = call(Call::frame_alloc, {abi::boot::account.raw(), abi::any_frame.raw(), 1, 0, 0}).value;
  const Reply made = call(Call::env_create,
                          {abi::boot::account.raw(), dst.raw(), space.raw(), caps.raw(), area, abi::any_frame.raw()});
  if (made.error != Error::none) std::abort();
  return area;
}

std::string World::problems() {
  std::string all;
  for (const std::string& line : check(kernel())) all += line + "\n";
  return all;
}

}  // namespace fake
