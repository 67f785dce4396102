// SPDX-License-Identifier: MIT
// Names of kernel objects. An object is a frame (or begins in one); its name is the frame's number together with the
// generation that the frame table has for it, so a name of something that has ended is recognised as stale.
#pragma once

#include "kernel/arch/api.hpp"

namespace aegis {

using abi::Error;
using abi::FrameInfo;
using abi::FrameNumber;
using abi::FrameUse;
using abi::Kind;
using abi::Nanoseconds;
using abi::Result;
using abi::Status;

struct ObjectRef {
  std::uint32_t frame = 0;  // 0: nothing (frame 0 is never given out)
  std::uint32_t generation = 0;
  [[nodiscard]] constexpr explicit operator bool() const { return frame != 0; }
  friend constexpr bool operator==(ObjectRef, ObjectRef) = default;
};

// The exported slice vectors are the ones that the kernel goes by.
static_assert(sizeof(ObjectRef) == sizeof(abi::SliceOwner) &&
              offsetof(ObjectRef, frame) == offsetof(abi::SliceOwner, env) &&
              offsetof(ObjectRef, generation) == offsetof(abi::SliceOwner, generation));

[[nodiscard]] constexpr base::Unexpected<Error> fail(Error error) { return base::Unexpected{error}; }

template <typename T>
[[nodiscard]] T& object_at(FrameNumber frame) { return *reinterpret_cast<T*>(arch::frame_memory(frame)); }
template <typename T>
[[nodiscard]] T& object_at(std::uint32_t frame) { return object_at<T>(FrameNumber{frame}); }
[[nodiscard]] inline std::uint32_t frame_index(const void* object) {
  return static_cast<std::uint32_t>(arch::frame_of(object).raw());
}

// What can live in a frame, and which capability leads to it.
struct Account;
struct Program;
struct Table;
template <typename T> struct ObjectTraits;
template <> struct ObjectTraits<Account> {
  static constexpr Kind kind = Kind::account;
  static constexpr FrameUse use = FrameUse::account;
  using Right = abi::AccountRight;
};
template <> struct ObjectTraits<Env> {
  static constexpr Kind kind = Kind::env;
  static constexpr FrameUse use = FrameUse::env;
  using Right = abi::EnvRight;
};
template <> struct ObjectTraits<Space> {
  static constexpr Kind kind = Kind::space;
  static constexpr FrameUse use = FrameUse::space;
  using Right = abi::SpaceRight;
};
template <> struct ObjectTraits<Table> {
  static constexpr Kind kind = Kind::table;
  static constexpr FrameUse use = FrameUse::table;
  using Right = abi::TableRight;
};

}  // namespace aegis
