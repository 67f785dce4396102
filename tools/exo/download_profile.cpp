// SPDX-License-Identifier: MIT
#include "exo/download_profile.hpp"

#include <Zydis/Zydis.h>
#include <pcap/pcap.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "exo/elf_file.hpp"

namespace exo {
namespace {

struct Capture {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* handle = nullptr;
  explicit Capture(const std::string& path) : handle{pcap_open_offline(path.c_str(), error.data())} {}
  ~Capture() {
    if (handle != nullptr) pcap_close(handle);
  }
};

Status add_packets(const std::string& path, Contexts& contexts) {
  Capture capture{path};
  if (capture.handle == nullptr) return fail(own_failure, std::string{capture.error.data()});
  pcap_pkthdr* header = nullptr;
  int state = 0;
  for (const u_char* bytes = nullptr; (state = pcap_next_ex(capture.handle, &header, &bytes)) == 1;) {
    const auto* start = reinterpret_cast<const std::byte*>(bytes);
    contexts.emplace_back(start, start + header->caplen);
  }
  if (state == PCAP_ERROR) return fail(own_failure, path + ": " + pcap_geterr(capture.handle));
  return {};
}

std::uint64_t nanoseconds_now() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count());
}

}  // namespace

Result<Contexts> read_contexts(const ProfileOptions& options) {
  Contexts contexts;
  for (const std::string& path : options.inputs) {
    const MappedFile file{path};
    std::error_code error;
    if (file.data().empty() &&
        (!std::filesystem::is_regular_file(path, error) || std::filesystem::file_size(path, error) != 0))
      return fail_errno("cannot read " + path);
    contexts.emplace_back(file.data().begin(), file.data().end());
  }
  for (const std::string& path : options.captures) TRY_VOID(add_packets(path, contexts));
  return contexts;
}

Profile run_profile(const Download& download, const Verified& verified, const Contexts& contexts) {
  const abi::ProgramRules& rules = *abi::rules_of(download.header.kind);
  const engine::Functions& functions = verified.verifier().functions();
  Profile profile;
  profile.hits.resize(download.code.size());
  engine::Image image{.code = download.code,
                      .first_function_length = functions.length(0),
                      .rules = rules,
                      .min_context = download.header.min_context};
  image.writable[engine::slot_of(engine::Region::context)] = rules.writable;
  image.writable[engine::slot_of(engine::Region::stack)] = true;
  image.observer = {
      [](void* self, std::uint32_t at, std::span<const engine::Register>) { ++static_cast<Profile*>(self)->hits[at]; },
      &profile};
  auto regions = download.regions;
  const auto run = std::make_unique<engine::Run>();
  for (std::uint32_t i = 0; i < regions.size(); ++i) {
    image.writable[engine::slot_of(engine::data_region(i))] = download.header.regions[i].writable != 0;
    run->regions[engine::slot_of(engine::data_region(i))] = {regions[i].data(), regions[i].size()};
  }
  for (std::vector<std::byte> context : contexts) {
    const std::size_t size = std::min<std::size_t>(context.size(), rules.max_context);
    context.resize(std::max<std::size_t>(size, rules.room));
    run->prepare({context.data(), size}, download.header.steps, functions.length(0));
    run->now = nanoseconds_now();
    const engine::Result result = engine::interpret(image, *run, {functions.start.data(), functions.count});
    ++profile.runs;
    profile.steps += result.steps;
    switch (result.end) {
      case abi::ProgramEnd::value: ++(result.value != 0 ? profile.nonzero : profile.zero); break;
      case abi::ProgramEnd::outside: ++profile.outside; break;
      case abi::ProgramEnd::steps: ++profile.exhausted; break;
    }
  }
  return profile;
}

std::string native_text(std::span<const std::byte> code, std::size_t from, std::size_t to) {
  std::string text;
  char line[ZYDIS_MAX_INSTRUCTION_LENGTH * 2 + 160];
  while (from < to) {
    ZydisDisassembledInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, from, code.data() + from, code.size() - from,
                                            &instruction))) {
      std::snprintf(line, sizeof line, "        %5zx  ??\n", from);
      return text + line;
    }
    std::snprintf(line, sizeof line, "        %5zx  %s\n", from, instruction.text);
    text += line;
    from += instruction.info.length;
  }
  return text;
}

}  // namespace exo
