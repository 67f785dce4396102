// SPDX-License-Identifier: MIT
// One guest from start to end: relays its input and output, collects the rest. Never blocks while the guest could make
// progress; never drops a byte; the guest's frames are data from a stranger and are checked.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "exo/core_receiver.hpp"
#include "exo/link_codec.hpp"
#include "exo/machine.hpp"
#include "exo/sink.hpp"
#include "exo/terminal.hpp"
#include "exo/watchers.hpp"

namespace exo {

struct SessionPlan {
  int in = 0, out = 1, err = 2;
  bool show_log = false;      // the kernel's log goes to `err` as it comes
  bool announce = false;      // one line when the program starts
  std::string announcement;   // its end: memory and accelerator
  std::string told;           // lines of the log that begin so go to `err` even if the log does not
  std::string core_folder;    // for core files; empty: the guest may send none
  std::string title;          // what runs, for `exo ps`; empty: nobody may look
  int timeout_ms = -1;
};

struct SessionEnd {
  enum class Kind {
    exited,       // by Control::exited: `status`
    signalled,    // this process got a signal: `status` is its number
    reader_gone,  // standard output's reader closed it
    machine_died, // QEMU ended without a word from the guest: `wait_status`
    broken_link,  // the guest sent something that is no frame
    timed_out,
  };
  Kind kind = Kind::machine_died;
  int status = 0;
  int wait_status = 0;
  std::string log, qemu_words;                 // the last part of each
  std::map<std::uint8_t, std::string> volumes; // archives of written volumes, by index
  std::string crash;                           // records, docs/archive.md
  std::optional<abi::link::BootFigures> figures;
};

class Session {
 public:
  Session(Machine& machine, const SessionPlan& plan);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  [[nodiscard]] SessionEnd run();

 private:
  void make_link_blocking();
  [[nodiscard]] bool step();  // one poll; false at the end
  void read_link();
  void take(const Frame& frame);
  void take_control(const Frame& frame);
  void take_core(const Frame& frame);
  void to_terminal(std::string_view bytes) const;
  void send(abi::link::Channel channel, std::uint8_t kind, std::string_view payload);
  void flush_link();
  void read_input();
  void look_for_escape(std::string_view bytes);
  void read_signal();
  void meet_watcher();
  void read_log();
  void tell_lines(std::string_view text);
  void read_words();
  void machine_ended();
  void finish(SessionEnd::Kind kind, int status = 0);
  [[nodiscard]] Sink& err() { return same_ ? out_ : err_; }

  Machine& machine_;
  SessionPlan plan_;
  SessionEnd end_;
  bool ended_ = false;
  FrameDecoder decoder_;
  CoreReceiver cores_;
  Sink out_, err_;
  bool same_;                 // standard output and error are one file: one queue keeps their order
  Terminal terminal_;
  std::optional<Watchers> watchers_;
  Descriptor signals_;
  sigset_t old_mask_{};
  std::string log_line_;      // the last, unfinished one
  std::string to_guest_;      // not yet taken by the link
  std::uint32_t wanted_ = 0;  // bytes of standard input that the guest has asked for
  bool input_ended_ = false;
  int escapes_ = 0;           // typed one after the other
  std::int64_t deadline_ms_ = -1;
};

}  // namespace exo
