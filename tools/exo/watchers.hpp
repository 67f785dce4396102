// SPDX-License-Identifier: MIT
// The side of a running `exo run` for `exo ps` and `exo top`: a socket in a folder of the person's own, named by this process's id.
// Who connects gets one picture of the guest as text, and the end of file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exo/descriptor.hpp"

namespace exo {

// $XDG_RUNTIME_DIR/exo, or exo-UID in the folder for temporary files. Nobody else may look into it.
[[nodiscard]] std::string watch_folder();

class Watchers {
 public:
  explicit Watchers(std::string title);    // what the guest runs. Without a folder or a socket nobody can look, that is all
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;
  ~Watchers();

  [[nodiscard]] int fd() const { return listener_.get(); }   // readable: accept()
  // True when the guest is to be asked: no question is outstanding.
  [[nodiscard]] bool accept();
  // A part of the guest's answer (abi::link::ProcessReport); at the last one all who wait get it. False: it is malformed, or was not asked for.
  [[nodiscard]] bool take(std::string_view payload);

 private:
  std::string title_, path_, answer_;
  Descriptor listener_;
  std::vector<Descriptor> waiting_;
  bool asked_ = false;
};

}  // namespace exo
