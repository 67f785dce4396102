// SPDX-License-Identifier: MIT
#include "kernel/core/watch.hpp"

#include "kernel/core/env.hpp"

namespace aegis {
namespace {

// An env watches a frame at most once, and some seventeen at most.
Watch& watch_of(std::uint32_t env, std::uint64_t frame) {
  Wait& wait = object_at<Env>(env).wait;
  for (Watch& at : std::span{wait.watches}.first(wait.watched))
    if (at.frame == frame) return at;
  arch::panic("a watch that is not there", __FILE__, __LINE__);
}

}  // namespace

void watch(Kernel& k, Env& env, FrameNumber frame) {
  const auto name = static_cast<std::uint32_t>(frame.raw());
  Wait& wait = env.wait;
  for (const Watch& at : std::span{wait.watches}.first(wait.watched))
    if (at.frame == name) return;
  FrameInfo& info = k.frames[frame];
  const std::uint32_t self = frame_index(&env);
  Watch& added = wait.watches[wait.watched++];
  added = {.looked = ++k.looks, .frame = name, .next = self, .prev = self};
  if (info.aux == 0) {
    info.aux = self;
    ++info.pins;
    ++k.watched;
    return;
  }
  Watch& first = watch_of(info.aux, name);
  added.next = info.aux;
  added.prev = first.prev;
  watch_of(first.prev, name).next = self;
  watch_of(info.aux, name).prev = self;
}

void unwatch_all(Kernel& k, Env& env) {
  const std::uint32_t self = frame_index(&env);
  for (Watch& at : std::span{env.wait.watches}.first(env.wait.watched)) {
    FrameInfo& info = k.frames[at.frame];
    if (at.next == self) {
      info.aux = 0;
      --info.pins;
      --k.watched;
      continue;
    }
    watch_of(at.prev, at.frame).next = at.next;
    watch_of(at.next, at.frame).prev = at.prev;
    if (info.aux == self) info.aux = at.next;
  }
  env.wait.watched = 0;
}

Env* first_watcher(Kernel& k, FrameNumber frame) {
  const FrameInfo& info = k.frames[frame];
  return is_watched(info) ? &object_at<Env>(info.aux) : nullptr;
}

Env* first_watcher(Kernel& k, FrameNumber frame, std::uint64_t since) {
  Env* first = first_watcher(k, frame);
  return first != nullptr && watch_of(frame_index(first), frame.raw()).looked <= since ? first : nullptr;
}

void pass_watcher(Kernel& k, FrameNumber frame) {
  FrameInfo& info = k.frames[frame];
  Watch& first = watch_of(info.aux, frame.raw());
  first.looked = ++k.looks;
  info.aux = first.next;
}

}  // namespace aegis
