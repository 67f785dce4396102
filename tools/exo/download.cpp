// SPDX-License-Identifier: MIT
#include "exo/download.hpp"

#include <pcap/pcap.h>

#include "exo/elf_file.hpp"
#include "libos/parts/program/classic.hpp"
#include "libos/parts/program/load.hpp"

namespace exo {
namespace parts = ::parts::program;
namespace {

using Words = std::vector<std::string>;

base::Unexpected<Failure> refuse(const std::string& what) { return fail(own_failure, what); }

Status apply(const DownloadOptions& options, Download& download) {
  using abi::ProgramKind;
  for (const ProgramKind kind : {ProgramKind::predicate, ProgramKind::filter, ProgramKind::function})
    if (options.kind == kind_name(kind)) download.header.kind = kind;
  if (!options.kind.empty() && options.kind != kind_name(download.header.kind))
    return refuse("--kind " + options.kind + ": wants predicate, filter or function");
  const abi::ProgramRules* rules = abi::rules_of(download.header.kind);
  if (rules == nullptr)
    return refuse(download.name +
                  ": what kind of program is it? Use --kind, or a section named predicate, filter or function");
  if (download.header.steps == 0) download.header.steps = rules->max_steps;
  if (options.steps != 0) download.header.steps = options.steps;
  download.header.min_context = options.min_context;
  return {};
}

std::string place_text(const parts::Object& object, const parts::Btf& btf, const parts::Failure& failure) {
  std::string text{describe(failure.fault)};
  if (!failure.symbol.empty()) text += ": " + std::string{failure.symbol};
  const std::string_view section = object.section(failure.section).name;
  if (section.empty()) return text;
  const auto line = btf.line_of(section, failure.offset);
  if (!line) return text + " (in section " + std::string{section} + " at " + std::to_string(failure.offset) + ")";
  return text + " (" + std::string{line->file} + ":" + std::to_string(line->line) + ": " + std::string{line->text} +
         ")";
}

void note_places(const parts::Object& object, const parts::Loader& loader, Download& download) {
  for (std::uint32_t i = 0; i < loader.length(); ++i) {
    const parts::Origin origin = loader.origin(i);
    SourcePlace place{.file = {}, .text = {}, .function = std::string{origin.function}};
    if (const auto line = loader.btf().line_of(object.section(origin.section).name, origin.offset)) {
      place.file = line->file;
      place.text = line->text;
      place.text.erase(0, place.text.find_first_not_of(" \t"));
      place.line = line->line;
    }
    download.places.push_back(std::move(place));
  }
}

Result<Download> read_one(const DownloadOptions& options, const parts::Object& object, const std::string& name) {
  Download download{.name = name, .file = options.object};
  download.code.resize(abi::max_program_length);
  parts::Loader loader{object, download.code};
  if (const auto result = loader.load(name); !result)
    return refuse(options.object + ": " + place_text(object, loader.btf(), result.error()));
  download.name = loader.name();
  download.code.resize(loader.length());
  download.header = loader.header();
  note_places(object, loader, download);
  for (std::uint32_t i = 0; i < download.header.region_count; ++i) {
    download.region_names.emplace_back(loader.regions()[i].name);
    download.regions.emplace_back(download.header.regions[i].count * base::page_size);
    loader.fill(i, download.regions.back());
  }
  TRY_VOID(apply(options, download));
  return download;
}

// The functions that have a section of their own; the one that the loader finds, when none has.
Words programs_of(const parts::Object& object) {
  Words names;
  for (std::uint32_t i = 1; i < object.symbol_count(); ++i) {
    const parts::Symbol symbol = object.symbol(i);
    const parts::Section section = object.section(symbol.section);
    if (symbol.is_function && symbol.is_global && section.is_code() && section.name != ".text")
      names.emplace_back(symbol.name);
  }
  if (names.empty()) names.emplace_back();
  return names;
}

Result<std::vector<Download>> read_object(const DownloadOptions& options) {
  errno = 0;
  const MappedFile file{options.object};
  if (file.data().empty() && errno != 0) return fail_errno("cannot read " + options.object);
  const auto object = parts::Object::open(file.data());
  if (!object) return refuse(options.object + ": " + std::string{describe(object.error().fault)});
  std::vector<Download> all;
  for (const std::string& name : options.program.empty() ? programs_of(*object) : Words{options.program})
    all.push_back(TRY(read_one(options, *object, name)));
  return all;
}

struct Compiled {
  pcap_t* handle = pcap_open_dead(DLT_EN10MB, 65535);
  bpf_program code{};
  ~Compiled() {
    pcap_freecode(&code);
    pcap_close(handle);
  }
};

Result<std::vector<Download>> read_filter(const DownloadOptions& options) {
  Compiled compiled;
  if (compiled.handle == nullptr ||
      pcap_compile(compiled.handle, &compiled.code, options.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return refuse("--filter " + options.filter + ": " + pcap_geterr(compiled.handle));
  std::vector<parts::ClassicInstruction> classic;
  for (const bpf_insn& c : std::span{compiled.code.bf_insns, compiled.code.bf_len})
    classic.push_back({c.code, c.jt, c.jf, c.k});
  Download download{.name = options.filter.empty() ? "everything" : options.filter, .file = {}};
  download.code.resize(abi::max_program_length);
  const auto translation = parts::translate(classic, download.code);
  if (!translation)
    return refuse("--filter " + options.filter + ": " + std::string{describe(translation.error().fault)});
  download.code.resize(translation->length);
  download.places.resize(translation->length);
  download.header.kind = abi::ProgramKind::filter;
  download.header.length = translation->length;
  download.header.steps = translation->steps;
  TRY_VOID(apply(options, download));
  std::vector<Download> all;
  all.push_back(std::move(download));
  return all;
}

}  // namespace

std::string kind_name(abi::ProgramKind kind) {
  switch (kind) {
    case abi::ProgramKind::predicate: return "predicate";
    case abi::ProgramKind::filter: return "filter";
    case abi::ProgramKind::function: return "function";
  }
  return {};
}

Result<std::vector<Download>> read_downloads(const DownloadOptions& options) {
  return options.object.empty() ? read_filter(options) : read_object(options);
}

// --- the verdict
// --------------------------------------------------------------------------------------------------------

Verified::Verified(const Download& download) {
  constexpr std::size_t state_bytes = 1800;  // for each instruction: more than any program needs
  const std::size_t bytes =
      engine::Verifier::least_workspace(download.code.size()) + (download.code.size() + 1) * state_bytes;
  workspace_.resize(bytes / sizeof(std::uint64_t));
  verifier_ =
      std::make_unique<engine::Verifier>(download.header, download.code, std::as_writable_bytes(std::span{workspace_}));
  engine::Progress progress = engine::Progress::more;
  while (progress == engine::Progress::more) {
    std::uint64_t steps = 1'000'000;
    progress = verifier_->advance(steps);
  }
  if (accepted()) generate(download);
}

void Verified::generate(const Download& download) {
  std::vector<engine::Note> notes{verifier_->notes().begin(), verifier_->notes().end()};
  const engine::Source source{download.header, download.code, notes, verifier_->functions()};
  constexpr std::uint64_t secret = 0x9e37'79b9'7f4a'7c15;  // the kernel takes a random one
  std::size_t end = 0;
  const auto finish = [&end](engine::Generator& generator) {
    for (bool done = false; !done;) {
      std::uint64_t steps = 1'000'000;
      done = generator.advance(steps);
    }
    end = generator.size();
  };
  engine::Generator measure{source, {}, secret};
  finish(measure);
  native_.resize(end);
  engine::Generator write{source, native_, secret};
  finish(write);
  for (const engine::Note& note : notes) native_at_.push_back(note.state);
  native_at_.push_back(end);
}

std::string data_text(const Download& download) {
  std::string text;
  for (std::size_t i = 0; i < download.region_names.size(); ++i)
    text += (text.empty() ? "" : "; ") + download.region_names[i] + ": " + std::to_string(download.header.regions[i].count) +
            (download.header.regions[i].count == 1 ? " page" : " pages") +
            (download.header.regions[i].writable != 0 ? "" : ", read-only");
  return text.empty() ? "-" : text;
}

std::string summary(const Download& download, const Verified& verified) {
  std::string text = download.name + ": accepted as a " + kind_name(download.header.kind) + ": " +
                     std::to_string(download.code.size()) + " instructions, " +
                     std::to_string(verified.native().size()) + " bytes of native code, at most " +
                     std::to_string(download.header.steps) + " steps, " + std::to_string(verified.verifier().work()) +
                     " looked at";
  return download.region_names.empty() ? text : text + "; " + data_text(download);
}

std::string explain(const Download& download, const Verified& verified) {
  const engine::Verifier& verifier = verified.verifier();
  const std::uint32_t at = verifier.refused_at();
  std::string text = download.name + " is refused: " + std::string{describe(verifier.refusal())} + " (" +
                     std::string{name(verifier.refusal())} + ")";
  if (at >= download.code.size()) return text;
  const SourcePlace& place = download.places[at];
  if (!place.file.empty()) text = place.file + ":" + std::to_string(place.line) + ": " + text + "\n    " + place.text;
  text += "\n  " + std::to_string(at) + ": " + instruction_text(download, at);
  // Before the values were followed nothing is known about them.
  if (verifier.refusal() < abi::Refusal::uninitialised_register || verifier.refusal() == abi::Refusal::too_complex)
    return text;
  const abi::bpf::Instruction instruction = download.code[at];
  const engine::Functions& functions = verifier.functions();
  const std::uint64_t frame_top = (functions.depth[functions.at(at)] + 1u) * abi::program_frame_size;
  for (std::uint8_t r = 0; r < engine::tracked_registers; ++r) {
    const engine::Value& value = verifier.state().reg[r];
    const bool meant = verifier.refusal() == abi::Refusal::uninitialised_register &&
                       (r == instruction.dst() || r == instruction.src());
    if (value.what == engine::What::unset && !meant) continue;
    text += "\n  r" + std::to_string(r) + ": " + value_text(download, value, frame_top);
  }
  return text;
}

}  // namespace exo
