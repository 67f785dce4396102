// SPDX-License-Identifier: MIT
// The stack that a new program finds: argc, argv, envp, the auxiliary vector; above them the strings. [x86-64 psABI 3.4]
#include <cpuid.h>

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/exos/exec.hpp"
#include "libos/exos/random.hpp"

namespace exos {

namespace {

constexpr std::size_t longest_string = 128 << 10;  // MAX_ARG_STRLEN
constexpr std::uint64_t most_of_stack = 4;         // arguments may take a quarter of it

enum class Aux : std::uint64_t {
  end = 0, program_headers = 3, header_size = 4, header_count = 5, page_size = 6, base = 7, flags = 8, entry = 9, uid = 11,
  euid = 12, gid = 13, egid = 14, platform = 15, hardware = 16, clock_ticks = 17, secure = 23, random = 25, hardware2 = 26,
  file_name = 31, vdso = 33, smallest_signal_stack = 51,
};

std::uint32_t cpu_features() {
  std::uint32_t a, b, c, d;
  __cpuid(1, a, b, c, d);
  return d;
}

// Writes downwards from the stack's top.
class Writer {
 public:
  explicit Writer(std::uint64_t top) : at_{top} {}
  [[nodiscard]] std::uint64_t at() const { return at_; }
  [[nodiscard]] CallResult bytes(const void* from, std::size_t size) {
    at_ -= size;
    TRY_VOID(copy_out(at_, from, size));
    return at_;
  }
  [[nodiscard]] CallResult string(std::string_view text) {
    at_ -= text.size() + 1;
    TRY_VOID(copy_out(at_, text.data(), text.size()));
    TRY_VOID(write_user(at_ + text.size(), '\0'));
    return at_;
  }
  void align() { at_ = base::align_down<std::uint64_t>(at_, 16); }

 private:
  std::uint64_t at_;
};

Status check_size(const ExecRequest& request, std::uint64_t stack_size) {
  std::uint64_t total = 0;
  for (const auto* list : {&request.arguments, &request.environment}) {
    for (const String& s : *list) {
      if (s.size() >= longest_string) return Fail{Errno::too_big};
      total += s.size() + 1 + sizeof(std::uint64_t);
    }
  }
  return total > stack_size / most_of_stack ? Status{Fail{Errno::too_big}} : Status{};
}

// The last string first, so that they lie in order.
Status write_strings(Writer& writer, const Vector<String>& strings, Vector<std::uint64_t>& addresses) {
  TRY_VOID(addresses.resize(strings.size() + 1));  // with the null at the end
  addresses[strings.size()] = 0;
  for (std::size_t i = strings.size(); i > 0; --i) addresses[i - 1] = TRY(writer.string(strings[i - 1].view()));
  return {};
}

}  // namespace

CallResult build_stack(Memory& memory, const ExecRequest& request, std::string_view executable, const LoadedProgram& program) {
  TRY_VOID(check_size(request, memory.stack_top - memory.stack_limit));
  const auto& info = *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info);
  Writer writer{memory.stack_top - 8};
  const std::uint64_t file_name = TRY(writer.string(executable));
  Vector<std::uint64_t> argv, envp;
  memory.environment_end = writer.at();
  TRY_VOID(write_strings(writer, request.environment, envp));
  memory.environment_start = memory.arguments_end = writer.at();
  TRY_VOID(write_strings(writer, request.arguments, argv));
  memory.arguments_start = writer.at();
  const std::uint64_t platform = TRY(writer.string("x86_64"));
  std::array<std::byte, 16> random;
  fill_random(random.data(), random.size());
  const std::uint64_t random_at = TRY(writer.bytes(random.data(), random.size()));

  const Process& process = current_process();
  constexpr std::uint64_t fsgsbase = 1 << 1;
  const std::array<std::pair<Aux, std::uint64_t>, 21> vector{{
      {Aux::smallest_signal_stack, info.xsave_size + 1024}, {Aux::hardware, cpu_features()}, {Aux::page_size, abi::page_size},
      {Aux::clock_ticks, 100}, {Aux::program_headers, program.program_headers}, {Aux::header_size, 56},
      {Aux::header_count, program.program_header_count}, {Aux::base, program.interpreter_base}, {Aux::flags, 0},
      {Aux::entry, program.program_entry}, {Aux::uid, process.uid}, {Aux::euid, process.euid}, {Aux::gid, process.gid},
      {Aux::egid, process.egid}, {Aux::secure, 0}, {Aux::random, random_at}, {Aux::hardware2, fsgsbase},
      {Aux::file_name, file_name}, {Aux::platform, platform}, {Aux::vdso, program.vdso}, {Aux::end, 0}}};
  static_assert(sizeof vector == 336);

  // rsp is a multiple of 16 with argc at it.
  const std::size_t words = 1 + argv.size() + envp.size();
  writer.align();
  if (words % 2 != 0) static_cast<void>(TRY(writer.bytes("\0\0\0\0\0\0\0", 8)));
  memory.auxv_start = TRY(writer.bytes(vector.data(), sizeof vector));
  memory.auxv_end = memory.auxv_start + sizeof vector;
  static_cast<void>(TRY(writer.bytes(envp.data(), envp.size() * 8)));
  static_cast<void>(TRY(writer.bytes(argv.data(), argv.size() * 8)));
  const std::uint64_t count = request.arguments.size();
  return writer.bytes(&count, sizeof count);
}

}  // namespace exos
