// SPDX-License-Identifier: MIT
#include "exo/bench_profile.hpp"

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "abi/address_map.hpp"
#include "exo/bench_app.hpp"
#include "exo/bench_guest.hpp"
#include "exo/bench_kernel.hpp"
#include "exo/bench_text.hpp"
#include "exo/child.hpp"
#include "exo/scratch_folder.hpp"

namespace exo {
namespace fs = std::filesystem;
namespace {

using Counts = std::map<std::uint64_t, double>;  // of an operation, by address

struct Place {
  const char* name;
  fs::path file;  // with symbols; empty: none
};
using PlaceOf = std::function<Place(std::uint64_t address)>;

bool is_kernel(std::uint64_t address) { return address >> 63 != 0; }

bool is_library(std::uint64_t address) { return address >= abi::map::image_base && address < abi::map::state_base; }

PlaceOf places_of_row(const Locations& at, const BenchRow& row) {
  return [&](std::uint64_t address) -> Place {
    if (is_kernel(address)) return {"kernel", at.kernel};
    if (is_library(address)) return {"library", at.library};
    if (address < abi::map::image_base) return {"program", row.program};
    return {"other", {}};  // init, and what is made at run time
  };
}

// Several programs at the same addresses have no names; what counts is what library and kernel do for them.
PlaceOf places_of_app(const Locations& at) {
  return [&](std::uint64_t address) -> Place {
    if (is_kernel(address)) return {"kernel", at.kernel};
    return is_library(address) ? Place{"library", at.library} : Place{"program", {}};
  };
}

// The guest of the suite kernel is the library and what measures it, in one.
PlaceOf places_of_kernel_rows(const Locations& at) {
  return [&](std::uint64_t address) { return is_kernel(address) ? Place{"kernel", at.kernel} : Place{"library", at.build / "bench/kernel.elf"}; };
}

Counts read_counts(const std::string& text, double operations) {
  Counts counts;
  std::istringstream lines{text};
  std::uint64_t address = 0, times = 0;
  while (lines >> std::hex >> address >> std::dec >> times) counts[address] = static_cast<double>(times) / operations;
  return counts;
}

// llvm-symbolizer reads addresses as they come and writes a line of JSON for each.
Result<std::map<std::uint64_t, Chain>> symbolise(const fs::path& file, const std::vector<std::uint64_t>& addresses) {
  const ScratchFolder scratch;
  {
    std::ofstream in{scratch.file("in")};
    for (const std::uint64_t address : addresses) in << "0x" << std::hex << address << "\n";
  }
  const Descriptor in{::open(scratch.file("in").c_str(), O_RDONLY | O_CLOEXEC)};
  const Descriptor out{::open(scratch.file("out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  Child child = TRY(Child::start({.command = {"llvm-symbolizer-22", "--obj=" + file.string(), "--output-style=JSON"}, .keep = {}, .in = in.get(), .out = out.get(), .folder = {}}));
  constexpr int limit_ms = 120'000;
  if (const auto status = child.wait(limit_ms); !status || shell_status(*status) != 0)
    return fail(own_failure, "llvm-symbolizer-22 did not tell the names in " + file.string() + ": is llvm-22 installed?");
  return read_symbols(contents_of(scratch.file("out")));
}

Result<ChainCounts> name_all(const PlaceOf& place_of, const Counts& counts) {
  std::map<std::string, std::vector<std::uint64_t>> of_file;
  for (const auto& [address, count] : counts) of_file[place_of(address).file.string()].push_back(address);
  std::map<std::uint64_t, Chain> names;
  for (const auto& [file, addresses] : of_file)
    if (!file.empty()) names.merge(TRY(symbolise(file, addresses)));
  ChainCounts chains;
  for (const auto& [address, count] : counts) {
    Chain chain{place_of(address).name};
    const Chain& functions = names[address];
    chain.insert(chain.end(), functions.begin(), functions.end());
    if (chain.size() == 1) chain.emplace_back("?");
    chains[chain] += count;
  }
  return chains;
}

std::string without(std::string text, std::string_view part) {
  for (std::size_t at = 0; (at = text.find(part)) != std::string::npos;) text.erase(at, part.size());
  return text;
}

// What stands outside of all brackets, up to the parameters.
std::string without_brackets(std::string_view name) {
  std::string out;
  int depth = 0;
  for (const char c : name) {
    if (c == '(' && depth == 0) break;
    if (c == '<' || c == '[') ++depth;
    if (depth == 0 && c != ';') out += c;
    if (c == '>' || c == ']') --depth;
  }
  return depth == 0 ? out : std::string{name};
}

std::string without_type(const std::string& name) { return name.substr(name.rfind(' ') + 1); }  // of a template's result; npos + 1 is 0

// Without what distinguishes overloads, instances and versions, which makes names too long to read.
std::string shortened(const std::string& full) {
  const std::string name = without(without(without(full, "(anonymous namespace)::"), "std::__1::"), "friend ");
  const std::size_t symbol = name.find("operator");
  if (symbol == std::string::npos) {
    const std::string out = without_type(without_brackets(name));
    return out.empty() ? full : out;
  }
  const std::size_t parameters = name.find('(', symbol + (name.compare(symbol, 10, "operator()") == 0 ? 10 : 0));
  std::string of = without_type(without_brackets(name.substr(0, symbol)));
  if (!of.empty() && !of.ends_with("::")) of += "::";
  return of + name.substr(symbol, parameters - symbol);
}

}  // namespace

std::map<std::uint64_t, Chain> read_symbols(const std::string& text) {
  std::map<std::uint64_t, Chain> symbols;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("Symbol") || !json.contains("Address")) continue;
    Chain chain;
    for (const auto& symbol : json["Symbol"])
      if (const std::string name = symbol.value("FunctionName", ""); !name.empty()) chain.push_back(shortened(name));
    std::ranges::reverse(chain);
    symbols[std::stoull(json["Address"].get<std::string>(), nullptr, 16)] = std::move(chain);
  }
  return symbols;
}

Result<ChainCounts> profile_row(const Locations& at, const BenchRow& row) {
  const auto [sample, counted] = TRY(profile_row_on_exos(at, row));
  if (!sample.failure.empty()) return fail(own_failure, row.name + " failed: " + sample.failure + "\n" + sample.log);
  if (counted.empty()) return fail(own_failure, "this QEMU did not take the plugin " + (at.build / "bench/profile.so").string());
  return name_all(places_of_row(at, row), read_counts(counted, sample.operations * static_cast<double>(sample.counts.size())));
}

Result<ChainCounts> profile_app(const Locations& at, const BenchApp& app) {
  const auto [sample, counted] = TRY(profile_app_on_exos(at, app));
  if (!sample.failure.empty()) return fail(own_failure, app.row.name + " failed: " + sample.failure + "\n" + sample.log);
  return name_all(places_of_app(at), read_counts(counted, marks_of(app).operations));
}

Result<ChainCounts> profile_kernel(const Locations& at, const std::string& key) {
  const KernelProfile profile = TRY(profile_kernel_row(at, key));
  return name_all(places_of_kernel_rows(at), read_counts(profile.counts, profile.operations));
}

std::vector<FunctionShare> shares_of(const ChainCounts& counts, std::size_t most) {
  std::map<std::pair<std::string, std::string>, double> functions;  // place and innermost function
  double all = 0;
  for (const auto& [chain, count] : counts) functions[{chain.front(), chain.back()}] += count, all += count;
  std::vector<FunctionShare> shares;
  for (const auto& [function, count] : functions) shares.push_back({.place = function.first, .function = function.second, .count = count, .part = all > 0 ? count / all : 0});
  std::ranges::stable_sort(shares, std::greater{}, &FunctionShare::count);
  shares.resize(std::min(most, shares.size()));
  return shares;
}

std::string profile_table_of(const ChainCounts& counts, std::size_t most) {
  std::map<std::string, double> places;
  double all = 0;
  for (const auto& [chain, count] : counts) places[chain.front()] += count, all += count;
  std::string text;
  append_format(text, "%12s instructions of one operation:", grouped(all).c_str());
  for (const auto& [place, count] : places) append_format(text, " %s %s", place.c_str(), grouped(count).c_str());
  text += "\n";
  for (const FunctionShare& one : shares_of(counts, most))
    append_format(text, "%12s %5.1f %%  %-8s %s\n", grouped(one.count).c_str(), one.part * 100, one.place.c_str(), one.function.c_str());
  return text;
}

std::string folded_of(const ChainCounts& counts) {
  std::string text;
  for (const auto& [chain, count] : counts) {
    for (const std::string& name : chain) text += (&name == &chain.front() ? "" : ";") + name;
    append_format(text, " %.0f\n", count * 1000);  // thousandths, for the tools want whole numbers
  }
  return text;
}

}  // namespace exo
