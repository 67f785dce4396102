// SPDX-License-Identifier: MIT
// The tiny guest starts in long mode, ring 0. It takes a breakpoint through its IDT, goes to ring 3 by iretq, comes
// back by `syscall`, checks its privilege level, runs a loop of a few million steps, and writes a byte to a port. Each
// is something that a half-working KVM has been seen to fail at, or to do a thousand times too slowly.
#include "exo/kvm_probe.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>

#include "exo/child.hpp"
#include "exo/descriptor.hpp"
#include "exo/locations.hpp"

asm(R"(
  .pushsection .rodata
  .globl exo_probe_code, exo_probe_code_end
exo_probe_code:
  int3                            # -> handler, which leaves 1 in ebx
  cmpl $1, %ebx
  jne 9f
  movl $0xc0000081, %ecx          # STAR: ring 0 selectors from 0x08, ring 3 from 0x1b
  xorl %eax, %eax
  movl $0x001b0008, %edx
  wrmsr
  movl $0xc0000082, %ecx          # LSTAR
  leaq 3f(%rip), %rax
  movq %rax, %rdx
  shrq $32, %rdx
  wrmsr
  pushq $0x23                     # ss, rsp, rflags, cs, rip of ring 3
  pushq $0x7000
  pushq $2
  pushq $0x2b
  leaq 2f(%rip), %rax
  pushq %rax
  iretq
2: syscall
3: movw %cs, %ax
  testb $3, %al
  jnz 9f
  movl $4000000, %ecx
4: decl %ecx
  jnz 4b
  movb $0x4b, %al
  outb %al, $0x80
9: hlt
  .balign 16
exo_probe_handler:
  movl $1, %ebx
  iretq
exo_probe_code_end:
  .globl exo_probe_handler
  .popsection
)");
extern "C" const std::uint8_t exo_probe_code[], exo_probe_handler[], exo_probe_code_end[];

namespace exo {
namespace {

constexpr int limit_ms = 2000;
constexpr std::size_t memory_size = 0x10000;
constexpr std::uint64_t code_at = 0x1000, gdt_at = 0x2000, idt_at = 0x2800, tss_at = 0x3000, pml4_at = 0x4000,
                        pdpt_at = 0x5000, pd_at = 0x6000, stack_at = 0x8000;

void put(std::byte* memory, std::uint64_t at, std::uint64_t value) { std::memcpy(memory + at, &value, sizeof value); }

void fill_memory(std::byte* memory) {
  std::memcpy(memory + code_at, exo_probe_code, static_cast<std::size_t>(exo_probe_code_end - exo_probe_code));
  put(memory, pml4_at, pdpt_at | 7);
  put(memory, pdpt_at, pd_at | 7);
  put(memory, pd_at, 0 | 0x87);                                 // one page of 2 MiB, user
  put(memory, gdt_at + 0x08, 0x00af9b000000ffff);               // ring 0 code, data
  put(memory, gdt_at + 0x10, 0x00cf93000000ffff);
  put(memory, gdt_at + 0x20, 0x00cff3000000ffff);               // ring 3 data, code
  put(memory, gdt_at + 0x28, 0x00affb000000ffff);
  put(memory, gdt_at + 0x30, 0x00008b0000000067 | tss_at << 16);
  put(memory, tss_at + 4, stack_at);                            // rsp0
  const std::uint64_t handler = code_at + static_cast<std::uint64_t>(exo_probe_handler - exo_probe_code);
  put(memory, idt_at + 3 * 16, (handler & 0xffff) | 0x08ull << 16 | 0xee00ull << 32 | (handler >> 16 & 0xffff) << 48);
}

kvm_segment segment(std::uint16_t selector, std::uint8_t type, std::uint8_t s, std::uint8_t l) {
  kvm_segment out{};
  out.limit = 0xffffffff;
  out.selector = selector;
  out.type = type;
  out.present = 1;
  out.s = s;
  out.l = l;
  out.db = static_cast<std::uint8_t>(s != 0 && l == 0);
  out.g = s;
  return out;
}

bool set_registers(int cpu) {
  kvm_sregs system{};
  if (::ioctl(cpu, KVM_GET_SREGS, &system) != 0) return false;
  system.cs = segment(0x08, 11, 1, 1);
  system.ds = system.es = system.ss = system.fs = system.gs = segment(0x10, 3, 1, 0);
  system.tr = segment(0x30, 11, 0, 0);
  system.tr.base = tss_at;
  system.tr.limit = 0x67;
  system.gdt = {.base = gdt_at, .limit = 0x3f, .padding = {}};
  system.idt = {.base = idt_at, .limit = 0xff, .padding = {}};
  system.cr3 = pml4_at;
  system.cr4 = 0x20;         // PAE
  system.cr0 = 0x80010033;   // PG, WP, NE, ET, MP, PE
  system.efer = 0x501;       // LMA, LME, SCE
  if (::ioctl(cpu, KVM_SET_SREGS, &system) != 0) return false;
  kvm_regs registers{};
  registers.rip = code_at;
  registers.rsp = stack_at;
  registers.rflags = 2;
  return ::ioctl(cpu, KVM_SET_REGS, &registers) == 0;
}

// In a child process: it may hang. The exit status tells.
enum Outcome { runs = 0, no_device = 1, no_machine = 2, wrong_behaviour = 3 };

Outcome try_guest() {
  const Descriptor kvm{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  if (!kvm || ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return no_device;
  const Descriptor vm{::ioctl(kvm.get(), KVM_CREATE_VM, 0)};
  if (!vm) return no_machine;
  void* memory = ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return no_machine;
  fill_memory(static_cast<std::byte*>(memory));
  kvm_userspace_memory_region region{};
  region.memory_size = memory_size;
  region.userspace_addr = reinterpret_cast<std::uint64_t>(memory);
  if (::ioctl(vm.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) return no_machine;
  const Descriptor cpu{::ioctl(vm.get(), KVM_CREATE_VCPU, 0)};
  const int run_size = ::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (!cpu || run_size <= 0) return no_machine;
  void* run_memory =
      ::mmap(nullptr, static_cast<std::size_t>(run_size), PROT_READ | PROT_WRITE, MAP_SHARED, cpu.get(), 0);
  if (run_memory == MAP_FAILED || !set_registers(cpu.get())) return no_machine;
  const auto* run = static_cast<const kvm_run*>(run_memory);
  if (::ioctl(cpu.get(), KVM_RUN, 0) != 0 || run->exit_reason != KVM_EXIT_IO || run->io.port != 0x80)
    return wrong_behaviour;
  const auto* byte = static_cast<const char*>(run_memory) + run->io.data_offset;
  return *byte == 'K' ? runs : wrong_behaviour;
}

// "" when the guest ran, otherwise what was wrong.
std::string run_probe() {
  if (::access("/dev/kvm", F_OK) != 0) return "there is no /dev/kvm";
  if (::access("/dev/kvm", R_OK | W_OK) != 0) return "no permission to open /dev/kvm (join the group kvm)";
  const pid_t pid = ::fork();
  if (pid < 0) return "the probe could not be started";
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(try_guest());
  }
  int status = 0;
  for (int waited = 0; waited < limit_ms; ++waited) {
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      switch (WIFEXITED(status) ? WEXITSTATUS(status) : wrong_behaviour) {
        case runs: return "";
        case no_device: return "/dev/kvm does not open";
        case no_machine: return "/dev/kvm cannot make a machine";
        default: return "/dev/kvm opens, but a test guest did not run rightly";
      }
    }
    ::usleep(1000);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, &status, 0);
  return "/dev/kvm opens, but a test guest did not finish in 2 seconds";
}

std::string host_boot() {
  std::string id;
  std::getline(std::ifstream{"/proc/sys/kernel/random/boot_id"}, id);
  return id;
}

}  // namespace

KvmAnswer probe_kvm() {
  const auto folder = cache_folder();
  const std::string boot = host_boot();
  const auto file = folder / "kvm";
  if (!folder.empty()) {
    std::ifstream in{file};
    std::string known_boot, reason;
    if (std::getline(in, known_boot) && std::getline(in, reason) && known_boot == boot)
      return {.works = reason == "works", .is_new = false, .reason = reason};
  }
  const std::string reason = run_probe();
  if (!folder.empty()) std::ofstream{file} << boot << '\n' << (reason.empty() ? "works" : reason) << '\n';
  return {.works = reason.empty(), .is_new = true, .reason = reason};
}

}  // namespace exo
