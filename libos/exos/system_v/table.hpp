// SPDX-License-Identifier: MIT
// What the three kinds of System V IPC share: keys, numbers, owners and permissions. [svipc(7)]
#pragma once

#include "libos/exos/clock_values.hpp"
#include "libos/exos/task.hpp"

namespace exos::system_v {

inline constexpr std::uint32_t create = 01000, exclusive = 02000, no_wait = 04000;                    // IPC_CREAT, IPC_EXCL, IPC_NOWAIT
inline constexpr std::uint32_t command_remove = 0, command_set = 1, command_stat = 2, command_info = 3;   // IPC_RMID, ...
inline constexpr std::uint32_t access_read = 4, access_write = 2;

// struct ipc64_perm
struct Permissions {
  std::int32_t key;
  std::uint32_t uid, gid, creator_uid, creator_gid, mode;
  std::uint16_t sequence, padding;
  std::uint64_t unused[2];
};
static_assert(sizeof(Permissions) == 48);

struct Object {
  std::uint32_t refs = 0;         // the table's, and those of who waits
  std::int32_t id = 0;
  bool removed = false;
  Permissions permissions{};
};

[[nodiscard]] Status check_access(const Permissions& permissions, std::uint32_t wanted);   // EACCES
[[nodiscard]] Status check_owner(const Permissions& permissions);                          // EPERM
[[nodiscard]] Permissions fresh_permissions(std::int32_t key, std::uint32_t flags);
void apply(Permissions& permissions, const Permissions& wanted);                           // IPC_SET
[[nodiscard]] std::int64_t seconds_now();

template <typename T>
class Table {
 public:
  [[nodiscard]] Result<Ref<T>> find(std::uint64_t id) const {   // EINVAL; EIDRM for one whose place another has
    const auto number = static_cast<std::int32_t>(static_cast<std::uint32_t>(id));
    const std::size_t index = static_cast<std::uint32_t>(number) % most;
    if (number < 0 || index >= places_.size() || !places_[index]) return Fail{Errno::inval};
    if (places_[index]->id != number) return Fail{Errno::idrm};
    return places_[index];
  }
  [[nodiscard]] Ref<T> at_index(std::uint64_t index) const { return index < places_.size() ? places_[index] : Ref<T>{}; }
  // The object with that key, or what `make_object` makes. `fits` looks at one that is there.
  template <typename Make, typename Fits>
  [[nodiscard]] CallResult get(std::int32_t key, std::uint32_t flags, Make make_object, Fits fits) {
    if (key != 0) {
      for (const Ref<T>& object : places_) {
        if (!object || object->permissions.key != key) continue;
        if ((flags & (create | exclusive)) == (create | exclusive)) return Fail{Errno::exist};
        TRY_VOID(fits(*object));
        TRY_VOID(check_access(object->permissions, flags >> 6 & 7));
        return static_cast<std::uint64_t>(object->id);
      }
      if ((flags & create) == 0) return Fail{Errno::noent};
    }
    std::size_t index = 0;
    while (index < places_.size() && places_[index]) ++index;
    if (index >= most) return Fail{Errno::nospc};
    Ref<T> object = TRY(make_object());
    object->id = static_cast<std::int32_t>(sequence_ * most + index);
    object->permissions = fresh_permissions(key, flags);
    object->permissions.sequence = static_cast<std::uint16_t>(sequence_);
    if (index == places_.size()) TRY_VOID(places_.push_back({}));
    sequence_ = (sequence_ + 1) % 32768;
    places_[index] = std::move(object);
    return static_cast<std::uint64_t>(places_[index]->id);
  }
  void remove(T& object) {
    object.removed = true;
    const std::size_t index = static_cast<std::uint32_t>(object.id) % most;
    places_[index] = {};   // the object's end, perhaps
    while (!places_.empty() && !places_.back()) places_.erase(places_.size() - 1);
  }
  [[nodiscard]] std::uint64_t highest() const { return places_.empty() ? 0 : places_.size() - 1; }
  auto begin() const { return places_.begin(); }
  auto end() const { return places_.end(); }

 private:
  static constexpr std::uint32_t most = 32768;   // of one kind
  Vector<Ref<T>> places_;
  std::uint32_t sequence_ = 0;
};

// semaphores.cpp: what a process that ends takes back (SEM_UNDO). shared_memory.cpp: segments that were to go with their last mapping.
void undo_semaphores(const Process& process);
void sweep_segments();

}  // namespace exos::system_v
