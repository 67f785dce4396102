// SPDX-License-Identifier: MIT
#include "libos/parts/program/load.hpp"

namespace parts::program {

namespace bpf = abi::bpf;

namespace {

constexpr std::uint64_t instruction_size = sizeof(bpf::Instruction);
constexpr std::uint64_t max_region_bytes = abi::max_region_frames * base::page_size;

abi::ProgramKind kind_of(std::string_view section) {
  const std::string_view word = section.substr(0, section.find('/'));
  if (word == "predicate") return abi::ProgramKind::predicate;
  if (word == "filter") return abi::ProgramKind::filter;
  return word == "function" ? abi::ProgramKind::function : abi::ProgramKind{};
}

base::Unexpected<Failure> fail(Failure where, Fault fault) {
  where.fault = fault;
  return base::Unexpected{where};
}

bool is_local_call(const bpf::Instruction& at) {
  return at.opcode == (bpf::jmp | bpf::call) && at.src() == bpf::call_local;
}

}  // namespace

Result<void> Loader::load(std::string_view name) {
  const Symbol entry = TRY(choose(name));
  (void)TRY(add_function(entry.section, entry.value, entry.section, entry.value));
  for (std::uint32_t f = 0; f < function_count_; ++f) {  // what a function calls comes behind
    const Function function = functions_[f];
    TRY_VOID(relocate(function));
    TRY_VOID(connect_calls(function));
  }
  return {};
}

Result<Symbol> Loader::choose(std::string_view name) const {
  std::optional<Symbol> own_section, any;
  bool several = false, several_own = false;
  for (std::uint32_t i = 1; i < object_.symbol_count(); ++i) {
    const Symbol symbol = object_.symbol(i);
    if (!symbol.is_function || !object_.section(symbol.section).is_code()) continue;
    const std::string_view section = object_.section(symbol.section).name;
    if (!name.empty() && symbol.name == name) return symbol;
    if (!name.empty() && section != name) continue;
    if (!symbol.is_global) continue;
    several = several || any.has_value();
    any = symbol;
    if (section == ".text") continue;
    several_own = several_own || own_section.has_value();
    own_section = symbol;
  }
  const Failure nowhere{Fault::no_program, 0, 0, name};
  if (own_section)
    return several_own ? Result<Symbol>{fail(nowhere, Fault::which_program)} : Result<Symbol>{*own_section};
  if (any) return several ? Result<Symbol>{fail(nowhere, Fault::which_program)} : Result<Symbol>{*any};
  return base::Unexpected{nowhere};
}

abi::ProgramHeader Loader::header() const {
  abi::ProgramHeader header{};
  header.kind = kind_of(object_.section(functions_[0].section).name);
  const abi::ProgramRules* rules = abi::rules_of(header.kind);
  header.steps = rules == nullptr ? 0 : rules->max_steps;
  header.length = length_;
  header.region_count = region_count_;
  for (std::uint32_t i = 0; i < region_count_; ++i)
    header.regions[i] = {0, static_cast<std::uint32_t>(base::pages_for(regions_[i].bytes)),
                         regions_[i].writable ? 1u : 0u};
  return header;
}

// --- functions
// ----------------------------------------------------------------------------------------------------------

// The place of that function in the program. `caller` and `from`: who needs it, for the failure.
Result<std::uint32_t> Loader::add_function(std::uint32_t section_index, std::uint64_t offset, std::uint32_t caller,
                                           std::uint64_t from) {
  const Failure where{Fault::no_function, caller, from};
  for (std::uint32_t i = 0; i < function_count_; ++i)
    if (functions_[i].section == section_index && functions_[i].start * instruction_size == offset)
      return functions_[i].at;
  const Section section = object_.section(section_index);
  const auto symbol = object_.function_at(section_index, offset);
  if (!symbol || !section.is_code()) return fail(where, Fault::no_function);
  if (symbol->size == 0 || symbol->size % instruction_size != 0 || offset % instruction_size != 0 ||
      !base::range_within(offset, symbol->size, section.bytes.size()))
    return fail(where, Fault::damaged);
  const std::uint64_t count = symbol->size / instruction_size;
  if (count > code_.size() - length_ || count > abi::max_program_length - length_) return fail(where, Fault::too_long);
  if (function_count_ == functions_.size()) return fail(where, Fault::too_many_functions);
  const std::uint32_t at = length_;
  functions_[function_count_++] = {section_index, static_cast<std::uint32_t>(offset / instruction_size),
                                   static_cast<std::uint32_t>(count), at, symbol->name};
  std::memcpy(static_cast<void*>(code_.data() + at), section.bytes.data() + offset, symbol->size);
  length_ += static_cast<std::uint32_t>(count);
  return at;
}

Result<void> Loader::relocate(const Function& function) {
  const Section table = object_.relocations_of(function.section);
  const std::uint64_t start = function.start * instruction_size, end = start + function.count * instruction_size;
  for (std::size_t i = 0; i < Object::relocation_count(table); ++i) {
    const Relocation relocation = Object::relocation(table, i);
    if (relocation.offset >= start && relocation.offset < end) TRY_VOID(relocate_one(function, relocation));
  }
  return {};
}

Result<void> Loader::relocate_one(const Function& function, const Relocation& relocation) {
  const Symbol symbol = object_.symbol(relocation.symbol);
  const Failure where{Fault::bad_relocation, function.section, relocation.offset, symbol.name};
  if (relocation.offset % instruction_size != 0) return fail(where, Fault::bad_relocation);
  const auto at = function.at + static_cast<std::uint32_t>(relocation.offset / instruction_size) - function.start;
  bpf::Instruction& instruction = code_[at];
  if ((relocated_[at / 64] >> at % 64 & 1) != 0) return fail(where, Fault::bad_relocation);
  relocated_[at / 64] |= std::uint64_t{1} << at % 64;
  if (symbol.section == 0) return fail(where, Fault::unknown_symbol);
  if (relocation.type == code_reference && is_local_call(instruction))
    return connect_call(function, at, symbol.section,
                        static_cast<std::int64_t>(symbol.value / instruction_size) + 1 + instruction.immediate);
  const bool two_halves = instruction.opcode == bpf::load_immediate && at + 1 < function.at + function.count;
  if (relocation.type == data_reference && two_halves) return refer_to_data(function, at, symbol);
  return fail(where, Fault::bad_relocation);
}

// Calls that the compiler has resolved: within a section.
Result<void> Loader::connect_calls(const Function& function) {
  for (std::uint32_t i = 0; i < function.count; ++i) {
    const std::uint32_t at = function.at + i;
    const bpf::Instruction instruction = code_[at];
    if (is_local_call(instruction) && (relocated_[at / 64] >> at % 64 & 1) == 0)
      TRY_VOID(
          connect_call(function, at, function.section, std::int64_t{function.start} + i + 1 + instruction.immediate));
    if (instruction.opcode == bpf::load_immediate) ++i;
  }
  return {};
}

Result<void> Loader::connect_call(const Function& from, std::uint32_t at, std::uint32_t section, std::int64_t target) {
  const std::uint64_t place = (from.start + at - from.at) * instruction_size;
  if (target < 0) return fail({Fault::no_function, from.section, place}, Fault::no_function);
  const std::uint32_t callee =
      TRY(add_function(section, static_cast<std::uint64_t>(target) * instruction_size, from.section, place));
  code_[at].immediate = static_cast<std::int32_t>(callee) - static_cast<std::int32_t>(at) - 1;
  return {};
}

// --- data
// ---------------------------------------------------------------------------------------------------------------

Result<void> Loader::refer_to_data(const Function& from, std::uint32_t at, const Symbol& symbol) {
  const Failure where{Fault::bad_relocation, from.section, (from.start + at - from.at) * instruction_size, symbol.name};
  const Section section = object_.section(symbol.section);
  if (section.is_code()) return fail(where, Fault::code_address);
  if (!section.is_data() || symbol.value > section.size) return fail(where, Fault::bad_relocation);
  const bool is_map = section.name == ".maps";
  const Piece piece = is_map ? TRY(add_map(section, symbol.value, where)) : TRY(add_data(section, where));
  const std::uint64_t addend = static_cast<std::uint32_t>(code_[at].immediate) |
                               std::uint64_t{static_cast<std::uint32_t>(code_[at + 1].immediate)} << 32;
  const std::uint64_t offset = (is_map ? 0 : symbol.value) + addend;  // wraps when it is before the section
  const std::uint64_t end = is_map ? regions_[piece.region].bytes : section.size;
  if (offset > end) return fail(where, Fault::outside_data);
  code_[at] = bpf::make(bpf::load_immediate, code_[at].dst(), bpf::imm_map_value_index, 0, piece.region);
  code_[at + 1].immediate = static_cast<std::int32_t>(piece.offset + offset);
  return {};
}

Result<std::uint32_t> Loader::add_region(const RegionImage& image, const Failure& where) {
  if (region_count_ == regions_.size()) return fail(where, Fault::too_many_regions);
  regions_[region_count_] = image;
  return region_count_++;
}

Result<Loader::Piece> Loader::add_data(const Section& section, const Failure& where) {
  for (std::uint32_t i = 0; i < piece_count_; ++i)
    if (pieces_[i].section == section.index) return pieces_[i];
  if (object_.relocations_of(section.index).index != 0) return fail(where, Fault::pointer_in_data);
  if (!std::has_single_bit(section.alignment) || section.alignment > base::page_size)
    return fail(where, Fault::damaged);
  if (piece_count_ == pieces_.size()) return fail(where, Fault::too_many_regions);
  std::uint32_t& place = section.is_writable() ? variables_ : constants_;
  if (place == no_region)
    place = TRY(add_region({section.is_writable() ? "variables" : "constants", 0, section.is_writable()}, where));
  RegionImage& region = regions_[place];
  const std::uint64_t offset = base::align_up(region.bytes, section.alignment);
  const std::uint64_t size = std::max<std::uint64_t>(section.size, 1);  // a region is never empty
  if (!base::range_within(offset, size, max_region_bytes)) return fail(where, Fault::region_too_large);
  region.bytes = offset + size;
  return pieces_[piece_count_++] = {section.index, place, offset, 0};
}

Result<Loader::Piece> Loader::add_map(const Section& section, std::uint64_t offset, const Failure& where) {
  for (std::uint32_t i = 0; i < piece_count_; ++i)
    if (pieces_[i].section == section.index && pieces_[i].map == offset) return pieces_[i];
  const auto shape = btf_.map_at(offset);
  if (!shape) return fail(where, Fault::no_map_description);
  if (piece_count_ == pieces_.size()) return fail(where, Fault::too_many_regions);
  const std::uint64_t bytes = std::uint64_t{shape->count} * shape->value_bytes;
  if (bytes > max_region_bytes) return fail(where, Fault::region_too_large);
  const std::uint32_t region = TRY(add_region({where.symbol, bytes, true}, where));
  return pieces_[piece_count_++] = {section.index, region, 0, offset};
}

void Loader::fill(std::uint32_t region, std::span<std::byte> out) const {
  std::fill(out.begin(), out.end(), std::byte{0});
  for (std::uint32_t i = 0; i < piece_count_; ++i) {
    const Section section = object_.section(pieces_[i].section);
    if (pieces_[i].region != region || section.name == ".maps" || pieces_[i].offset > out.size()) continue;
    const std::size_t size = std::min(section.bytes.size(), out.size() - pieces_[i].offset);
    std::copy_n(section.bytes.data(), size, out.data() + pieces_[i].offset);
  }
}

Origin Loader::origin(std::uint32_t instruction) const {
  for (std::uint32_t i = 0; i < function_count_; ++i) {
    const Function& f = functions_[i];
    if (instruction >= f.at && instruction - f.at < f.count)
      return {f.section, (f.start + std::uint64_t{instruction} - f.at) * instruction_size, f.name};
  }
  return {};
}

}  // namespace parts::program
