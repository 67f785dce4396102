// SPDX-License-Identifier: MIT
// msgget, msgsnd, msgrcv, msgctl.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/system_v/table.hpp"

namespace exos {

namespace {

using namespace system_v;

constexpr std::uint64_t largest = 8192, room = 16384;
constexpr std::uint32_t cut = 010000, all_but = 020000, copy = 040000;   // MSG_NOERROR, MSG_EXCEPT, MSG_COPY
constexpr std::uint32_t stat_index = 11, totals = 12, stat_any = 13;

struct Message {
  std::int64_t type = 0;
  Vector<std::byte> text;
};

struct Queue : Object {
  static void dispose(Queue* queue) { destroy(queue); }
  Vector<Message> messages;
  WaitQueue changed;
  std::uint64_t bytes = 0, most_bytes = room;
  std::int64_t sent_at = 0, received_at = 0, changed_at = 0;
  std::uint32_t sender = 0, receiver = 0;
};
constinit Table<Queue> queues;

// struct msqid64_ds
struct UserQueue {
  Permissions permissions;
  std::int64_t sent_at, received_at, changed_at;
  std::uint64_t bytes, count, most_bytes;
  std::uint32_t sender, receiver;
  std::uint64_t unused[2];
};
static_assert(sizeof(UserQueue) == 120);
struct Limits { std::int32_t pool, map, largest, most_bytes, queues, segment_size, messages; std::uint16_t segments; };

UserQueue to_user(const Queue& q) {
  return {q.permissions, q.sent_at, q.received_at, q.changed_at, q.bytes, q.messages.size(), q.most_bytes, q.sender, q.receiver, {}};
}

Result<Ref<Queue>> make_queue() {
  Ref<Queue> queue{make<Queue>()};
  if (!queue) return Fail{Errno::nomem};
  queue->changed_at = seconds_now();
  return queue;
}

// 0: the first; positive: the first of that type (or of any other); negative: the first of the lowest type up to that.
std::size_t choose(const Queue& queue, std::int64_t type, std::uint32_t flags) {
  std::size_t best = queue.messages.size();
  for (std::size_t i = 0; i < queue.messages.size(); ++i) {
    const std::int64_t has = queue.messages[i].type;
    if (type == 0 || (type > 0 && (has == type) != ((flags & all_but) != 0))) return i;
    if (type < 0 && has <= -type && (best == queue.messages.size() || has < queue.messages[best].type)) best = i;
  }
  return best;
}

// Until somebody else has done something about the queue.
Status wait_for(Queue& queue, std::uint32_t flags, Errno without) {
  if ((flags & no_wait) != 0) return Fail{without};
  const Status waited = queue.changed.wait();
  if (queue.removed) return Fail{Errno::idrm};
  return waited ? Status{} : Status{Fail{Errno::intr}};
}

CallResult tell_limits(std::uint64_t address) {
  TRY_VOID(write_user(address, Limits{512000, static_cast<std::int32_t>(room), static_cast<std::int32_t>(largest), static_cast<std::int32_t>(room), 32000, 16, static_cast<std::int32_t>(room), 0xffff}));
  return queues.highest();
}

}  // namespace

CallResult linux_msgget(const Arguments& a) {
  return queues.get(as_i32(a.a), as_u32(a.b), make_queue, [](const Queue&) { return Status{}; });
}

CallResult linux_msgsnd(const Arguments& a) {
  Message message{TRY(read_user<std::int64_t>(a.b)), {}};
  if (a.c > largest || as_i32(a.a) < 0 || message.type < 1) return Fail{Errno::inval};
  TRY_VOID(message.text.resize(static_cast<std::size_t>(a.c)));
  TRY_VOID(copy_in(message.text.data(), a.b + sizeof message.type, static_cast<std::size_t>(a.c)));
  const Ref<Queue> queue = TRY(queues.find(a.a));
  for (;;) {
    TRY_VOID(check_access(queue->permissions, access_write));
    if (queue->bytes + a.c <= queue->most_bytes && queue->messages.size() + 1 <= queue->most_bytes) break;
    TRY_VOID(wait_for(*queue, as_u32(a.d), Errno::again));
  }
  TRY_VOID(queue->messages.push_back(std::move(message)));
  queue->bytes += a.c;
  queue->sender = current_process().pid;
  queue->sent_at = seconds_now();
  queue->changed.wake_all();
  return 0;
}

CallResult linux_msgrcv(const Arguments& a) {
  const std::uint32_t flags = as_u32(a.e);
  if (as_i32(a.a) < 0 || static_cast<std::int64_t>(a.c) < 0) return Fail{Errno::inval};
  if ((flags & copy) != 0) {   // for checkpoints
    tell_missing("msgrcv with flags", copy, Errno::nosys);
    return Fail{Errno::nosys};
  }
  const Ref<Queue> queue = TRY(queues.find(a.a));
  std::size_t at = 0;
  for (;;) {
    TRY_VOID(check_access(queue->permissions, access_read));
    at = choose(*queue, static_cast<std::int64_t>(a.d), flags);
    if (at < queue->messages.size()) break;
    TRY_VOID(wait_for(*queue, flags, Errno::nomsg));
  }
  if (queue->messages[at].text.size() > a.c && (flags & cut) == 0) return Fail{Errno::too_big};
  const Message message = std::move(queue->messages[at]);
  queue->messages.erase(at);
  queue->bytes -= message.text.size();
  queue->receiver = current_process().pid;
  queue->received_at = seconds_now();
  queue->changed.wake_all();
  const std::uint64_t size = std::min<std::uint64_t>(message.text.size(), a.c);
  TRY_VOID(write_user(a.b, message.type));
  TRY_VOID(copy_out(a.b + sizeof message.type, message.text.data(), static_cast<std::size_t>(size)));
  return size;
}

CallResult linux_msgctl(const Arguments& a) {
  const std::uint32_t command = as_u32(a.b);
  if (command == command_info || command == totals) return tell_limits(a.c);
  if (command == stat_index || command == stat_any) {
    const Ref<Queue> queue = queues.at_index(as_u32(a.a));
    if (!queue) return Fail{Errno::inval};
    if (command == stat_index) TRY_VOID(check_access(queue->permissions, access_read));
    TRY_VOID(write_user(a.c, to_user(*queue)));
    return static_cast<std::uint64_t>(queue->id);
  }
  if (command > command_stat) return Fail{Errno::inval};
  const Ref<Queue> queue = TRY(queues.find(a.a));
  if (command == command_stat) {
    TRY_VOID(check_access(queue->permissions, access_read));
    return nothing(write_user(a.c, to_user(*queue)));
  }
  if (command == command_remove) {
    TRY_VOID(check_owner(queue->permissions));
    queues.remove(*queue);
    queue->changed.wake_all();
    return 0;
  }
  const auto wanted = TRY(read_user<UserQueue>(a.c));
  TRY_VOID(check_owner(queue->permissions));
  if (wanted.most_bytes > room && current_process().euid != 0) return Fail{Errno::perm};
  apply(queue->permissions, wanted.permissions);
  queue->most_bytes = wanted.most_bytes;
  queue->changed_at = seconds_now();
  queue->changed.wake_all();
  return 0;
}

}  // namespace exos
