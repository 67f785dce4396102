// SPDX-License-Identifier: MIT
#include "libos/exos/vdso.hpp"

#include "libos/exos/processor.hpp"
#include "libos/exos/vdso/image.hpp"

// The build folder's vdso/image.so.
asm(".pushsection .rodata.vdso, \"a\", @progbits\n"
    "exos_vdso_begin: .incbin \"" EXOS_VDSO "\"\n exos_vdso_end:\n"
    ".popsection\n");
extern "C" [[gnu::visibility("hidden")]] const std::byte exos_vdso_begin[], exos_vdso_end[];

namespace exos {

namespace {

static_assert(processor_index_at == offsetof(Processor, index));

// A file of one page in the container's memory: so a program may change its own view of it, and it is swapped like any other.
struct Image {
  InodeRef inode;
  Ref<MappedPath> path;
};
constinit Image* image = nullptr;

Result<Image*> make_image() {
  const auto size = static_cast<std::size_t>(exos_vdso_end - exos_vdso_begin);
  Image* made = make<Image>(TRY(make_shared_memory(vdso_size)), Ref<MappedPath>{make<MappedPath>()});
  if (made == nullptr) return Fail{Errno::nomem};
  const auto fill = [&]() -> Status {
    if (!made->path) return Fail{Errno::nomem};
    made->path->text = TRY(String::from(vdso_name));
    Buffer buffer = Buffer::memory(const_cast<std::byte*>(exos_vdso_begin), size);
    return TRY(made->inode->write(0, buffer)) == size ? Status{} : Status{Fail{Errno::nomem}};
  };
  if (const Status filled = fill(); !filled) {
    destroy(made);
    return Fail{filled.error()};
  }
  return made;
}

}  // namespace

CallResult map_vdso(Memory& memory) {
  if (image == nullptr) image = TRY(make_image());
  const std::uint64_t at = TRY(memory.map(memory.stack_top, vdso_size, prot_read | prot_exec, map_private | map_fixed, image->inode, 0));
  memory.find(at)->path = image->path;
  return at;
}

}  // namespace exos
