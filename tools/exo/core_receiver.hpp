// SPDX-License-Identifier: MIT
// The host's end of the link's core channel: core files that a guest sends become files of a folder. What comes is a stranger's:
// the name is made harmless, and a file that is not whole at the end is not kept.
#pragma once

#include <optional>
#include <string>

#include "exo/descriptor.hpp"
#include "exo/link_codec.hpp"

namespace exo {

class CoreReceiver {
 public:
  // `folder` empty: nothing may come.
  explicit CoreReceiver(std::string folder) : folder_{std::move(folder)} {}
  CoreReceiver(const CoreReceiver&) = delete;
  ~CoreReceiver() { drop(); }

  // A line for the person, or an empty one; nothing when the guest does not keep to the order.
  using Taken = std::optional<std::string>;
  [[nodiscard]] Taken take(const Frame& frame);

 private:
  [[nodiscard]] std::string begin(const std::string& name);
  [[nodiscard]] std::string put(std::string_view bytes);
  [[nodiscard]] std::string end();
  [[nodiscard]] std::string lose();   // it cannot be written; the rest is ignored
  void drop();

  std::string folder_, path_;
  Descriptor file_;
  std::int64_t size_ = 0;
  bool under_way_ = false;
};

}  // namespace exo
