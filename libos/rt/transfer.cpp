// SPDX-License-Identifier: MIT
// The register side of protected control transfers.
#include "libos/rt/transfer.hpp"

namespace rt {

namespace {

constexpr std::uint64_t number(abi::Call call) { return abi::call_base + static_cast<std::uint64_t>(call); }

static_assert(offsetof(Request, badge) == 8 && offsetof(Request, message) == 16 && sizeof(Request) == 96);

struct RawReply {
  std::uint64_t status, received;
};

}  // namespace

extern "C" {
// The message goes, and comes back unless there was an error; so does the reply. Error and nothing.
std::uint64_t rt_transfer(std::uint64_t entry, std::uint64_t transfer, Message* message, std::uint64_t number, RawReply* reply);
std::uint64_t rt_accept(RequestHandler handler);
}

// The addresses wait on the stack: no register survives.
extern "C" [[gnu::naked]] std::uint64_t rt_transfer(std::uint64_t, std::uint64_t, Message*, std::uint64_t, RawReply*) {
  asm volatile(
      "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
      "push %r8\n push %rdx\n"
      "mov %rcx, %rax\n"
      "mov %rdx, %r11\n"
      "mov (%r11), %rdx\n"
      "mov 8(%r11), %r10\n"
      "mov 16(%r11), %r8\n"
      "mov 24(%r11), %r9\n"
      "mov 32(%r11), %rbx\n"
      "mov 40(%r11), %rbp\n"
      "mov 48(%r11), %r12\n"
      "mov 56(%r11), %r13\n"
      "mov 64(%r11), %r14\n"
      "mov 72(%r11), %r15\n"
      "syscall\n"
      "pop %r11\n pop %rcx\n"
      "test %eax, %eax\n jnz 1f\n"
      "mov %rdx, (%r11)\n"
      "mov %r10, 8(%r11)\n"
      "mov %r8, 16(%r11)\n"
      "mov %r9, 24(%r11)\n"
      "mov %rbx, 32(%r11)\n"
      "mov %rbp, 40(%r11)\n"
      "mov %r12, 48(%r11)\n"
      "mov %r13, 56(%r11)\n"
      "mov %r14, 64(%r11)\n"
      "mov %r15, 72(%r11)\n"
      "mov %rdi, (%rcx)\n"
      "mov %rsi, 8(%rcx)\n"
      "1: pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
      "ret\n");
}

// The handler's address stays at the stack's top, where each transfer finds it. The first reply answers nobody: it opens the
// env. It comes back when it is refused.
extern "C" [[gnu::naked]] std::uint64_t rt_accept(RequestHandler) {
  asm volatile(
      "push %%rbp\n"
      "mov %%rsp, %%rbp\n"
      "and $-16, %%rsp\n"
      "push %%rdi\n"
      "push %%rdi\n"
      "1: mov %[reply], %%eax\n"
      "xor %%edi, %%edi\n"
      "xor %%esi, %%esi\n"
      "syscall\n"
      "cmp %[again], %%eax\n"  // an upcall came, or a stop: accept again
      "je 1b\n"
      "leave\n"
      "ret\n"
      :
      : [reply] "i"(number(abi::Call::pct_reply)), [again] "i"(static_cast<int>(Error::again)));
}

// Entered by the kernel: rdi badge, rsi received slot, the message in its registers, rsp as at the last pct_reply.
extern "C" [[gnu::naked]] void rt_transfer_entry() {
  asm volatile(
      "push %%r15\n push %%r14\n push %%r13\n push %%r12\n push %%rbp\n push %%rbx\n push %%r9\n push %%r8\n"
      "push %%r10\n push %%rdx\n push %%rdi\n push %%rsi\n"
      "mov %%rsp, %%rdi\n"
      "xor %%ebp, %%ebp\n"
      "call *96(%%rsp)\n"
      "mov %%rax, %%rdi\n"
      "mov %%rdx, %%rsi\n"
      "add $16, %%rsp\n"
      "pop %%rdx\n pop %%r10\n pop %%r8\n pop %%r9\n pop %%rbx\n pop %%rbp\n pop %%r12\n pop %%r13\n pop %%r14\n pop %%r15\n"
      "mov %[reply], %%eax\n"
      "syscall\n"
      // `again`: the caller has its answer, and an upcall or a stop ended the waiting for the next. Anything else is about the
      // capability that should have gone along: without it, and with a status that says so.
      "1: bts $63, %%rax\n"
      "mov %%rax, %%rdi\n"
      "xor %%esi, %%esi\n"
      "mov %[reply], %%eax\n"
      "syscall\n"
      "jmp 1b\n"
      :
      : [reply] "i"(number(abi::Call::pct_reply)));
}

Result<Reply> transfer_call(CapSlot entry, Message& message, abi::Transfer transfer) {
  RawReply reply;
  const std::uint64_t error = rt_transfer(entry.raw(), transfer.pack(), &message, number(abi::Call::pct_call), &reply);
  if (error != 0) [[unlikely]] return base::Unexpected{static_cast<Error>(error)};
  return Reply{reply.status, CapSlot{static_cast<std::uint32_t>(reply.received)}};
}

Status transfer_send(CapSlot entry, const Message& message, abi::Transfer transfer) {
  Message copy = message;  // no reply comes, but pct_send leaves its registers there
  RawReply reply;
  const std::uint64_t error = rt_transfer(entry.raw(), transfer.pack(), &copy, number(abi::Call::pct_send), &reply);
  if (error != 0) [[unlikely]] return base::Unexpected{static_cast<Error>(error)};
  return {};
}

Error serve(RequestHandler handler) { return static_cast<Error>(rt_accept(handler)); }

}  // namespace rt
