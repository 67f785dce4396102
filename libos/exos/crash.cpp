// SPDX-License-Identifier: MIT
#include "libos/exos/crash.hpp"

#include "abi/address_map.hpp"
#include "base/format.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/strace_values.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {

namespace {

constexpr std::size_t most_stack = 64 << 10;
using Line = base::Text<512>;

constinit bool crashing = false;  // the library, while it reports: a second failure ends it at once

void send(std::string_view text) { link::send_now(abi::link::Channel::crash, 0, text.data(), text.size()); }

void escape(base::TextBuffer& out, std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '%') out.print("%{:02x}", byte);
    else out.append(c);
  }
}

void send_registers(const Frame& f, std::uint64_t fs_base) {
  base::Text<1024> text;
  text.print("rax={:x}\nrbx={:x}\nrcx={:x}\nrdx={:x}\nrsi={:x}\nrdi={:x}\nrbp={:x}\nrsp={:x}\n", f.rax, f.rbx, f.rcx, f.rdx, f.rsi,
             f.rdi, f.rbp, f.rsp);
  text.print("r8={:x}\nr9={:x}\nr10={:x}\nr11={:x}\nr12={:x}\nr13={:x}\nr14={:x}\nr15={:x}\n", f.r8, f.r9, f.r10, f.r11, f.r12, f.r13,
             f.r14, f.r15);
  text.print("rip={:x}\nrflags={:x}\nfs_base={:x}\ngs_base=0\n", f.rip, f.rflags, fs_base);
  send(text.view());
}

void send_map(std::uint64_t start, std::uint64_t end, std::uint32_t prot, bool shared, std::uint64_t offset, std::string_view path) {
  Line line;
  line.print("map={:x}-{:x} {}{}{}{} {:x} ", start, end, (prot & prot_read) != 0 ? 'r' : '-', (prot & prot_write) != 0 ? 'w' : '-',
             (prot & prot_exec) != 0 ? 'x' : '-', shared ? 's' : 'p', offset);
  escape(line, path);
  line.append('\n');
  send(line.view());
}

void send_maps(const Memory& memory) {
  constexpr std::uint64_t text_end = abi::map::image_base + 0x400'0000;
  bool image_sent = false;
  const auto send_image = [&] {
    if (!std::exchange(image_sent, true)) send_map(abi::map::image_base, text_end, prot_read | prot_exec, true, 0, "[exos]");
  };
  for (const Vma* area : memory.areas) {
    if (area->start > abi::map::image_base) send_image();
    send_map(area->start, area->end, area->prot, (area->flags & map_shared) != 0, area->file_page * abi::page_size,
             area->path ? area->path->text.view() : std::string_view{});
  }
  send_image();
}

void send_header(const Task* task, std::string_view extra) {
  Line line;
  line.print("CRASH 1\nprogram=");
  if (task != nullptr && task->process != nullptr && task->process->memory) escape(line, task->process->memory->executable.view());
  line.print("\npid={}\ntid={}\n", task != nullptr && task->process != nullptr ? task->process->pid : 0, task != nullptr ? task->tid : 0);
  line.append(extra);
  send(line.view());
}

// The stack from rsp upwards, as far as it is there.
void send_stack(std::uint64_t rsp) {
  auto* bytes = static_cast<std::byte*>(allocate(most_stack));
  std::size_t size = 0;
  constexpr std::size_t step = 256;
  while (bytes != nullptr && size < most_stack) {
    const std::size_t to_page_end = abi::page_size - ((rsp + size) & (abi::page_size - 1));
    const std::size_t n = to_page_end < step ? to_page_end : step;
    if (size + n > most_stack || !copy_in(bytes + size, rsp + size, n)) break;
    size += n;
  }
  const Line line{"\nstack {:x} {}\n", rsp, size};
  send(line.view());
  for (std::size_t at = 0; at < size; at += abi::link::max_payload)
    link::send_now(abi::link::Channel::crash, 0, bytes + at, std::min<std::size_t>(size - at, abi::link::max_payload));
  release(bytes);
  send("end\n");
}

[[noreturn]] void end_after_crash() {
  const std::uint32_t status = library_crash_status;
  link::send_now(abi::link::Channel::control, static_cast<std::uint8_t>(abi::link::Control::exited), &status, sizeof status);
  sched::end_container();
}

void say(std::string_view reason) {
  const Line line{"exo: ExOS itself failed: {}\n", reason};
  link::log_line(line.view());
}

}  // namespace

void report_program_crash(const Task& task, const SignalInfo& info) {
  // Sent by a program (abort, kill): the place where it was says little, so one line does.
  if (info.code <= 0) {
    const Line line{"exo: {} (pid {}) died of {}", task.process->memory->executable.view(), task.process->pid,
                    strace_values::signal_name(static_cast<std::uint32_t>(info.signo))};
    return link::log_line(line.view());
  }
  Line extra;
  extra.print("signal={}\ncode={}\naddress={:x}\n", info.signo, info.code, info.address);
  send_header(&task, extra.view());
  std::uint64_t fs_base;
  asm volatile("rdfsbase %0" : "=r"(fs_base));
  send_registers(*task.frame, fs_base);
  send_maps(*task.process->memory);
  send_stack(task.frame->rsp);
}

void library_fault(const Frame& frame) {
  if (std::exchange(crashing, true)) rt::halt(1);
  const Line reason{"exception {} (error {:x}) at {:x}, address {:x}", frame.vector, frame.error, frame.rip, frame.address};
  say(reason.view());
  Line extra;
  extra.print("library=1\nsignal=11\ncode=128\naddress={:x}\n", frame.address);
  send_header(current_or_null(), extra.view());
  send_registers(frame, 0);
  send_map(abi::map::image_base, abi::map::state_base, prot_read | prot_exec, true, 0, "[exos]");
  // The library's own stack: the rest of its page is there for certain.
  const std::size_t size = abi::page_size - (frame.rsp & (abi::page_size - 1));
  const Line stack{"\nstack {:x} {}\n", frame.rsp, size};
  send(stack.view());
  link::send_now(abi::link::Channel::crash, 0, reinterpret_cast<const void*>(frame.rsp), size);
  send("end\n");
  end_after_crash();
}

void library_crash(std::string_view reason) {
  if (std::exchange(crashing, true)) rt::halt(1);
  say(reason);
  end_after_crash();
}

// A task's env that cannot run: it took an exception it could not take, a fault on its library stack.
void report_stuck_task(const Task& task) {
  const auto state = task.env.state();
  if (!state) library_crash("a task's env is gone");
  const abi::Registers& r = state->registers;
  Frame frame{.r15 = r.r15, .r14 = r.r14, .r13 = r.r13, .r12 = r.r12, .rbp = r.rbp, .rbx = r.rbx, .rax = r.rax, .rdi = r.rdi,
              .rsi = r.rsi, .rdx = r.rdx, .r10 = r.r10, .r8 = r.r8, .r9 = r.r9, .rcx = r.rcx, .r11 = r.r11, .rip = r.rip,
              .rflags = r.rflags, .rsp = r.rsp, .vector = state->code, .error = state->error, .address = state->address};
  const base::Text<160> line{"exo: task {} is {} (vector {})\n", task.tid, static_cast<std::uint32_t>(state->state), state->code};
  link::log_line(line.view());
  library_fault(frame);
}

}  // namespace exos
