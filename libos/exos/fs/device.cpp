// SPDX-License-Identifier: MIT
// Character devices by number: null, zero, full, random, urandom, tty, console, ptmx. A node with another number opens as ENXIO.
#include "libos/exos/fs/device.hpp"

#include "libos/exos/fs/terminal_file.hpp"
#include "libos/exos/random.hpp"
#include "libos/exos/userfault_abi.hpp"

namespace exos {
namespace {

class DeviceFile final : public File {
 public:
  explicit DeviceFile(std::uint32_t minor) : minor_{minor} { kind = FileKind::device; }

  CallResult read(Buffer& buffer) override {
    const std::size_t wanted = buffer.left();
    if (minor_ == device_null) return 0;
    if (minor_ == device_zero || minor_ == device_full) {
      TRY_VOID(buffer.put_zeros(wanted));
      return wanted;
    }
    std::array<std::byte, 256> piece;
    while (buffer.left() > 0) {
      const std::size_t n = buffer.left() < piece.size() ? buffer.left() : piece.size();
      fill_random(piece.data(), n);
      if (!buffer.put(piece.data(), n).has_value()) break;
    }
    const std::size_t done = wanted - buffer.left();
    if (done == 0 && wanted > 0) return Fail{Errno::fault};
    return done;
  }
  CallResult write(Buffer& buffer) override {
    if (minor_ == device_full) return Fail{Errno::nospc};
    const std::size_t n = buffer.left();
    buffer.skip(n);
    return n;
  }
  CallResult read_at(std::uint64_t, Buffer& buffer) override { return read(buffer); }
  CallResult write_at(std::uint64_t, Buffer& buffer) override { return write(buffer); }
  CallResult seek(std::int64_t, std::uint32_t) override { return position = 0; }

 private:
  std::uint32_t minor_;
};

// /dev/userfaultfd: who may open it need not be root to make one.
class UserfaultDevice final : public File {
 public:
  UserfaultDevice() { kind = FileKind::device; }
  CallResult read(Buffer&) override { return Fail{Errno::inval}; }
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override {
    if (request != userfault::device_new) return Fail{Errno::inval};
    return open_userfault(static_cast<std::uint32_t>(argument));
  }
};

class DeviceInode final : public SpecialInode {
 public:
  Result<FileRef> open(std::uint32_t flags) override {
    if (!is(mode_char)) return Fail{Errno::nxio};
    const std::uint32_t major = device_major(rdev), minor = device_minor(rdev);
    if (major == 1 && (minor == device_null || minor == device_zero || minor == device_full || minor == device_random || minor == device_urandom))
      return make_file<DeviceFile>(*this, flags, minor);
    if (major == 10 && minor == device_userfault) return make_file<UserfaultDevice>(*this, flags);
    if (major == 5 && minor == 0) return open_own_terminal(*this, flags);
    if (major == 5 && minor == 1) return open_console_terminal(*this, flags);
    if (major == 5 && minor == 2) return open_pseudo_terminal(*this, flags);
    return Fail{Errno::nxio};
  }
};

}  // namespace

Inode* make_device_inode() { return make<DeviceInode>(); }

}  // namespace exos
