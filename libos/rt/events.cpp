// SPDX-License-Identifier: MIT
// The entry points of exceptions and upcalls. Naked functions, so that the compiler fills in the structures' offsets.
#include "libos/rt/events.hpp"

namespace rt {

namespace {

constexpr int page_fault_vector = 14;
constexpr int user_code = 0x33, user_data = 0x2b;  // the selectors that ring 3 runs with
constexpr std::size_t library = offsetof(abi::UserArea, library);
constexpr std::size_t area_exception = offsetof(abi::UserArea, exception),
                      area_upcall = offsetof(abi::UserArea, upcall);

}  // namespace

// The pushes below build an Event from its end to its start; then come what iretq wants.
static_assert(sizeof(Event) == 184 && offsetof(Event, kind) == 160 && offsetof(abi::Registers, rip) == 120);
static_assert(offsetof(abi::Registers, rax) == 0 && offsetof(abi::Registers, r15) == 112);

// Entered by the kernel with the interrupted registers, rsp included: only gs-relative memory may be touched before the
// stack is ours. `frame` is the class's EventFrame in the user area.
#define RT_EVENT_ENTRY                                                                                         \
  "mov %%rax, %%gs:%c[scratch]\n"                                                                              \
  "mov %%rsp, %%rax\n"                                                                                         \
  "sub %%gs:%c[bottom], %%rax\n"                                                                               \
  "cmp %%gs:%c[size], %%rax\n"                                                                                 \
  "mov %%rsp, %%rax\n"                                                                                         \
  "jb 1f\n"                   /* interrupted on this very stack: what lies there is still needed */            \
  "mov %%gs:%c[top], %%rsp\n"                                                                                  \
  "1: and $-16, %%rsp\n"                                                                                       \
  "pushq $0\n"                 /* keeps the Event and the call aligned to 16 */                                \
  "pushq %%gs:%c[address]\n"                                                                                   \
  "pushq %%gs:%c[error]\n"                                                                                     \
  "pushq %%gs:%c[kind]\n"                                                                                      \
  "pushq $0\n"                 /* gs_base */                                                                   \
  "pushq $0\n"                 /* fs_base */                                                                   \
  "pushq %%rax\n"              /* rsp */                                                                       \
  "pushq %%gs:%c[rflags]\n"                                                                                    \
  "pushq %%gs:%c[rip]\n"                                                                                       \
  "push %%r15\n push %%r14\n push %%r13\n push %%r12\n push %%r11\n push %%r10\n push %%r9\n push %%r8\n"      \
  "push %%rbp\n push %%rdi\n push %%rsi\n push %%rdx\n push %%rcx\n push %%rbx\n"                              \
  "pushq %%gs:%c[scratch]\n"   /* rax */                                                                       \
  "cld\n"                                                                                                      \
  "mov %%rsp, %%rdi\n"                                                                                         \
  "xor %%ebp, %%ebp\n"                                                                                         \
  "call *%%gs:%c[handler]\n"                                                                                   \
  /* iretq's frame takes the place of kind, error, address, 0 and the bases: it is read after the pops. */     \
  "mov 120(%%rsp), %%rax\n"    /* rip */                                                                       \
  "mov 128(%%rsp), %%rcx\n"    /* rflags */                                                                    \
  "mov 136(%%rsp), %%rdx\n"    /* rsp */                                                                       \
  "mov %%ss, %%esi\n"                                                                                          \
  "mov %%cs, %%edi\n"                                                                                          \
  "mov %%rax, 120(%%rsp)\n"                                                                                    \
  "mov %%rdi, 128(%%rsp)\n"                                                                                    \
  "mov %%rcx, 136(%%rsp)\n"                                                                                    \
  "mov %%rdx, 144(%%rsp)\n"                                                                                    \
  "mov %%rsi, 152(%%rsp)\n"                                                                                    \
  "pop %%rax\n pop %%rbx\n pop %%rcx\n pop %%rdx\n pop %%rsi\n pop %%rdi\n pop %%rbp\n"                        \
  "pop %%r8\n pop %%r9\n pop %%r10\n pop %%r11\n pop %%r12\n pop %%r13\n pop %%r14\n pop %%r15\n"              \
  "movq $0, %%gs:%c[busy]\n"

#define RT_EVENT_OPERANDS(frame, stacks_member)                                                                \
  [scratch] "i"(library + offsetof(EventStacks, stacks_member.scratch)),                                       \
      [bottom] "i"(library + offsetof(EventStacks, stacks_member.bottom)),                                     \
      [size] "i"(library + offsetof(EventStacks, stacks_member.size)),                                         \
      [top] "i"(library + offsetof(EventStacks, stacks_member.top)),                                           \
      [handler] "i"(library + offsetof(EventStacks, stacks_member.handler)),                                   \
      [busy] "i"((frame) + offsetof(abi::EventFrame, busy)), [kind] "i"((frame) + offsetof(abi::EventFrame, kind)), \
      [error] "i"((frame) + offsetof(abi::EventFrame, error)),                                                 \
      [address] "i"((frame) + offsetof(abi::EventFrame, address)),                                             \
      [rip] "i"((frame) + offsetof(abi::EventFrame, rip)), [rflags] "i"((frame) + offsetof(abi::EventFrame, rflags))

extern "C" [[gnu::naked]] void rt_exception_entry() {
  asm volatile(RT_EVENT_ENTRY
               ".globl rt_exception_resume\nrt_exception_resume: iretq\n"
               :
               : RT_EVENT_OPERANDS(area_exception, exception));
}

extern "C" [[gnu::naked]] void rt_upcall_entry() {
  asm volatile(
      // Interrupted at the jump by which rt_fault_entry goes back, or the iretq of rt_exception_entry: as if it had been taken, for
      // another exception may now overwrite what it reads.
      "mov %%rax, %%gs:%c[scratch]\n"
      "lea rt_fault_resume(%%rip), %%rax\n"
      "cmp %%rax, %%gs:%c[rip]\n"
      "jne 8f\n"
      "mov %%gs:%c[resume], %%rax\n"
      "mov %%rax, %%gs:%c[rip]\n"
      "8: lea rt_exception_resume(%%rip), %%rax\n"
      "cmp %%rax, %%gs:%c[rip]\n"
      "jne 9f\n"
      "mov (%%rsp), %%rax\n"
      "mov %%rax, %%gs:%c[rip]\n"
      "mov 16(%%rsp), %%rax\n"
      "mov %%rax, %%gs:%c[rflags]\n"
      "mov 24(%%rsp), %%rsp\n"
      "9: mov %%gs:%c[scratch], %%rax\n" RT_EVENT_ENTRY
      "iretq\n"
      :
      : [resume] "i"(library + offsetof(EventStacks, resume)), RT_EVENT_OPERANDS(area_upcall, upcall));
}

// The short way for page faults: only what C++ may clobber is saved, and the way back is a jump through memory, since iretq
// costs more (and a fault besides on emulators that read its operands as the kernel). Until `busy` is cleared the event frame
// has flags and stack pointer; the address to go on at is kept apart, for between that and the jump an upcall may come, and
// in its handler another fault: rt_upcall_entry knows the jump. RF is lost, which only debug registers would notice.
extern "C" [[gnu::naked]] void rt_fault_entry() {
  asm volatile(
      "cmpq %[page_fault], %%gs:%c[kind]\n"
      "jne rt_exception_entry\n"
      "mov %%rax, %%gs:%c[scratch]\n"
      "mov %%rsp, %%rax\n"
      "sub %%gs:%c[bottom], %%rax\n"
      "cmp %%gs:%c[size], %%rax\n"
      "jb 1f\n"
      "mov %%gs:%c[top], %%rsp\n"
      "1: and $-16, %%rsp\n"
      "sub $8, %%rsp\n"
      "pushq %%gs:%c[scratch]\n"
      "push %%rcx\n push %%rdx\n push %%rsi\n push %%rdi\n push %%r8\n push %%r9\n push %%r10\n push %%r11\n"
      "mov %%gs:%c[address], %%rdi\n"
      "mov %%gs:%c[error], %%rsi\n"
      "call *%%gs:%c[fault]\n"
      "mov %%gs:%c[rip], %%rcx\n"
      "mov %%rcx, %%gs:%c[resume]\n"
      "test %%al, %%al\n"
      "pop %%r11\n pop %%r10\n pop %%r9\n pop %%r8\n pop %%rdi\n pop %%rsi\n pop %%rdx\n pop %%rcx\n pop %%rax\n"
      "jz 2f\n"
      "testl %[trap_flag], %%gs:%c[rflags]\n"
      "jnz 3f\n"
      "pushq %%gs:%c[rflags]\n"
      "popfq\n"
      "mov %%gs:%c[rsp], %%rsp\n"
      "movq $0, %%gs:%c[busy]\n"
      "rt_fault_resume: jmp *%%gs:%c[resume]\n"
      "2: mov %%gs:%c[rsp], %%rsp\n"  // the long way, as if this one had not been taken
      "jmp rt_exception_entry\n"
      // Who is single-stepped must not be stopped in here.
      "3: pushq %[data]\n pushq %%gs:%c[rsp]\n pushq %%gs:%c[rflags]\n pushq %[code]\n pushq %%gs:%c[resume]\n"
      "movq $0, %%gs:%c[busy]\n"
      "iretq\n"
      :
      : [fault] "i"(library + offsetof(EventStacks, fault)), [resume] "i"(library + offsetof(EventStacks, resume)),
        [page_fault] "i"(page_fault_vector), [trap_flag] "i"(1u << 8), [code] "i"(user_code), [data] "i"(user_data),
        [rsp] "i"(area_exception + offsetof(abi::EventFrame, rsp)), RT_EVENT_OPERANDS(area_exception, exception));
}

#undef RT_EVENT_ENTRY
#undef RT_EVENT_OPERANDS

void prepare_events(abi::UserArea& area, std::span<std::byte> exception_stack, EventHandler on_exception,
                    std::span<std::byte> upcall_stack, EventHandler on_upcall) {
  const auto stack_of = [](std::span<std::byte> memory, EventHandler handler) {
    const auto bottom = reinterpret_cast<std::uint64_t>(memory.data());
    const std::uint64_t top = base::align_down<std::uint64_t>(bottom + memory.size(), 16);
    // One more than the stack: rsp may stand at its very top.
    return EventStack{.bottom = bottom, .size = top - bottom + 1, .top = top, .handler = handler};
  };
  new (area.library)
      EventStacks{.exception = stack_of(exception_stack, on_exception), .upcall = stack_of(upcall_stack, on_upcall), .fault = nullptr, .resume = 0};
}

void handle_faults(abi::UserArea& area, FaultHandler handler) {
  std::launder(reinterpret_cast<EventStacks*>(area.library))->fault = handler;
}

void take_next_upcall() {
  asm volatile("movq $0, %%gs:%c[busy]" : : [busy] "i"(area_upcall + offsetof(abi::EventFrame, busy)) : "memory");
}

}  // namespace rt
