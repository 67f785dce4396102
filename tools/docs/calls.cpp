// SPDX-License-Identifier: MIT
// docs_calls SOURCE_FOLDER [--check]: writes docs/calls, one page per Aegis call, from abi/syscalls.def.hpp, the
// meanings of errors in abi/error.hpp and the figures in bench/kernel.json. --check writes nothing and fails when a
// page would change.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "abi/syscall.hpp"

namespace {
namespace fs = std::filesystem;

struct Argument {
  std::string type, name;
};
struct Row {
  unsigned number;
  std::string name;
  std::vector<Argument> arguments;
  std::string value, path, rights, errors, meaning;
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in{text};
  for (std::string part; std::getline(in, part, at);) {
    const auto start = part.find_first_not_of(" ()"), end = part.find_last_not_of(" ()");
    if (start != std::string::npos) parts.push_back(part.substr(start, end - start + 1));
  }
  return parts;
}

std::vector<Argument> arguments_of(const std::string& text) {
  std::vector<Argument> out;
  for (const std::string& one : split(text, ',')) {
    const auto space = one.find(' ');
    out.push_back({one.substr(0, space), space == std::string::npos ? "" : one.substr(space + 1)});
  }
  return out;
}

std::vector<Row> rows() {
  return {
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) \
  Row{number, #name, arguments_of(#arguments), #value, #path, rights, errors, meaning},
      AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  };
}

// --- what the table does not say ----------------------------------------------------------------------------------
// Of an argument, by "call.argument" or by "argument" alone.
const std::map<std::string, std::string> descriptions{
    {"limits", "address of an `AccountLimits` (abi/account.hpp)"},
    {"where", "the frame that holds the new object"},
    {"dst", "an empty slot"},
    {"rights", "bits of the kind's rights (abi/rights.hpp), or `all_rights`"},
    {"base", "first unit of the range"},
    {"count", "how many"},
    {"leaf", "number of the leaf: slots 64 * leaf and the 63 after"},
    {"mask", "bits of the frame number"},
    {"match", "what those bits must be"},
    {"first", "first frame"},
    {"ops", "address of `SpaceOp`s (abi/space.hpp)"},
    {"entries", "address of an `EnvEntries` (abi/env.hpp)"},
    {"registers", "address of `Registers` (abi/env.hpp)"},
    {"words", "address of `WaitWord`s (abi/env.hpp)"},
    {"rip", "where it goes on"},
    {"rsp", "its stack pointer"},
    {"argument", "given to it in rdi"},
    {"deadline_ns", "nanoseconds since the machine started"},
    {"code", "a number of the caller's choice"},
    {"pages", "4 KiB pages"},
    {"start", "first address, page-aligned"},
    {"size", "bytes"},
    {"data", "address of the bytes"},
    {"text", "address of the characters"},
    {"badge", "what the callee finds in rdi"},
    {"transfer", "a packed `Transfer` (abi/pct.hpp), 0: no capability goes along"},
    {"status", "what the caller finds in rdi"},
    {"resource", "a `Resource` (abi/account.hpp)"},
    {"vector", "the frame of the `RevocationPage` (abi/account.hpp)"},
    {"user_area", "the frame of the `UserArea` (abi/env.hpp)"},
    {"object", "the frame in which the object lives"},
    {"frame_alloc.count", "frames"},
    {"frame_free.count", "frames"},
    {"frame_cap.count", "frames"},
    {"space_update.count", "operations"},
    {"what", "a `SpaceVerb`, and from bit 32 on `map_*` flags (abi/space.hpp)"},
    {"authority", "as `SpaceOp::authority`"},
    {"address", "as `SpaceOp::address`"},
    {"page_update.pages", "4 KiB pages"},
    {"page_update.frame", "as `SpaceOp::frame`"},
    {"env_wait.count", "words"},
    {"env_watch.words", "address of the words' addresses"},
    {"env_watch.count", "words"},
    {"page_signal.address", "anywhere in the page"},
    {"account_revoke.count", "units of the resource"},
    {"account_revoke.first", "the first unit by name, all ones: any"},
    {"space_link.index", "number of the 512 GiB, 0 to 255"},
    {"slice_bind.index", "position within the capability's range"},
    {"trace_set.mask", "a bit per `TraceEvent` (abi/trace.hpp)"},
    {"cap_read.out", "address of a `CapInfo` (abi/env.hpp)"},
    {"account_read.out", "address of an `AccountInfo` (abi/account.hpp)"},
    {"env_read.out", "address of an `EnvState` (abi/env.hpp)"},
    {"header", "address of a `ProgramHeader` (abi/program.hpp)"},
    {"contexts", "address of the contexts"},
    {"results", "address of `ProgramResult`s (abi/program.hpp), one for each"},
    {"program_run.size", "bytes of one context"},
    {"program_run.count", "contexts"},
    {"program_read.out", "address of a `ProgramInfo` (abi/program.hpp)"},
};
const std::map<std::string, std::string> types{
    {"slot", "slot of the caller's table"},
    {"frame", "frame number, or `any_frame`"},
    {"va", "user address"},
    {"u64", "64 bits"},
    {"u32", "32 bits"},
};
// Rows of bench/kernel.json that tell a call's cost.
const std::multimap<std::string, std::string> cost_rows{
    {"nop", "nop"},
    {"cap_derive", "cap_derive"},
    {"cap_drop", "cap_drop"},
    {"cap_revoke", "cap_revoke"},
    {"cap_read", "cap_read"},
    {"account_read", "account_read"},
    {"account_create", "domain_create_destroy"},
    {"space_create", "domain_create_destroy"},
    {"table_create", "domain_create_destroy"},
    {"frame_alloc", "frame_alloc_free"},
    {"frame_free", "frame_alloc_free"},
    {"space_update", "protect_1_list"},
    {"page_update", "protect_1"},
    {"page_update", "protect_100"},
    {"page_update", "map_unmap"},
    {"space_update", "map_again"},
    {"env_create", "env_create_destroy"},
    {"object_destroy", "env_create_destroy"},
    {"object_destroy", "domain_create_destroy"},
    {"env_yield", "yield_same_space"},
    {"env_yield", "yield_other_space"},
    {"env_sleep", "wake_sleep"},
    {"env_wake", "wake"},
    {"env_wake", "wake_sleep"},
    {"env_wait", "wait_word"},
    {"env_wait", "ring"},
    {"env_watch", "watch_true"},
    {"env_watch", "watch_look"},
    {"page_signal", "page_signal"},
    {"page_signal", "watch_look"},
    {"program_run", "predicate"},
    {"program_run", "filter"},
    {"program_load", "program_load"},
    {"pct_call", "transfer"},
    {"pct_reply", "transfer"},
    {"pct_send", "transfer_send"},
};

// --- errors -------------------------------------------------------------------------------------------------------
// In the order of abi::Error, but for `none`, with the meaning that stands beside each in the header.
std::vector<std::pair<std::string, std::string>> read_errors(const fs::path& header) {
  std::vector<std::pair<std::string, std::string>> out;
  std::ifstream in{header};
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("enum class Error"))
      inside = true;
    else if (line == "};")
      inside = false;
    const auto name = line.find_first_not_of(' '), end = line.find(" = "), comment = line.find("// ");
    if (!inside || name != 2 || end == std::string::npos || comment == std::string::npos) continue;
    out.emplace_back(line.substr(name, end - name), line.substr(comment + 3));
  }
  return out;
}

// What the types of the arguments imply, by the rule at the head of the table.
std::set<std::string> implied_errors(const Row& row) {
  std::set<std::string> out;
  for (const Argument& argument : row.arguments) {
    if (argument.type == "u32" || argument.type == "slot") out.insert("bad_argument");
    if (argument.type == "va") out.insert("bad_address");
    if (argument.type != "slot") continue;
    out.insert("bad_slot");
    if (argument.name == "dst") {
      out.insert("occupied");
      continue;
    }
    out.insert("empty_slot");
    out.insert({"stale", "wrong_kind"});
    if (!row.rights.empty()) out.insert("missing_right");
  }
  return out;
}

// --- figures ------------------------------------------------------------------------------------------------------
struct Cost {
  std::string title;
  double total = 0;
  std::optional<double> ring0;
};

std::optional<std::string> field(const std::string& line, const std::string& key) {
  const auto at = line.find("\"" + key + "\": ");
  if (at == std::string::npos) return std::nullopt;
  auto start = at + key.size() + 4;
  if (line[start] == '"') return line.substr(start + 1, line.find('"', start + 1) - start - 1);
  return line.substr(start, line.find_first_of(",}", start) - start);
}

// A row per line, as `exo bench kernel --json` writes it.
std::map<std::string, Cost> read_costs(const fs::path& file) {
  std::map<std::string, Cost> out;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    const auto key = field(line, "key"), title = field(line, "title"), total = field(line, "total");
    if (!key || !title || !total) continue;
    Cost cost{.title = *title, .total = std::stod(*total), .ring0 = {}};
    if (const auto ring0 = field(line, "ring0")) cost.ring0 = std::stod(*ring0);
    out.emplace(*key, cost);
  }
  return out;
}

// --- pages --------------------------------------------------------------------------------------------------------
std::string describe(const Row& row, const Argument& argument) {
  std::string out = types.contains(argument.type) ? types.at(argument.type) : argument.type;
  for (const std::string& key : {row.name + "." + argument.name, argument.name})
    if (const auto found = descriptions.find(key); found != descriptions.end()) return out + ": " + found->second;
  return out;
}

std::string signature(const Row& row) {
  std::string out = row.name + "(";
  for (const Argument& argument : row.arguments) {
    if (!out.ends_with("(")) out += ", ";
    out += argument.type + " " + argument.name;
  }
  return out + ")" + (row.value == "none" ? "" : " -> " + row.value);
}

std::string page(const Row& row, const std::vector<std::pair<std::string, std::string>>& errors,
                 const std::map<std::string, Cost>& costs) {
  static constexpr const char* registers[] = {"rdi", "rsi", "rdx", "r10", "r8", "r9"};
  std::ostringstream out;
  out << "# " << row.name << "\n\n    " << signature(row) << "\n\n" << row.meaning << "\n\n";
  char number[32];
  std::snprintf(number, sizeof number, "0x%llx", static_cast<unsigned long long>(abi::call_base + row.number));
  out << "Call " << row.number << " (rax = " << number << "). "
      << (row.path == "keeps" ? "The caller goes on afterwards." : "Another env may run before the caller goes on.")
      << "\n";
  if (!row.arguments.empty()) out << "\n| register | argument | what |\n|---|---|---|\n";
  for (std::size_t i = 0; i < row.arguments.size(); ++i)
    out << "| " << registers[i] << " | `" << row.arguments[i].name << "` | " << describe(row, row.arguments[i])
        << " |\n";
  if (row.value != "none")
    out << "\nOn success rdx holds the value, " << (row.value == "u64" ? "64 bits" : row.value) << ".\n";
  if (!row.rights.empty()) out << "\n**Rights** " << row.rights << ".\n";

  std::set<std::string> implied = implied_errors(row), own;
  for (const std::string& error : split(row.errors, ' ')) {
    if (error.starts_with('-')) implied.erase(error.substr(1));  // implied, but cannot be
    else own.insert(error);
  }
  if (!implied.empty() || !own.empty()) out << "\n| error | of | meaning |\n|---|---|---|\n";
  for (const auto& [error, meaning] : errors) {
    if (!own.contains(error) && !implied.contains(error)) continue;
    out << "| `" << error << "` | " << (own.contains(error) ? "the call" : "its arguments") << " | " << meaning
        << " |\n";
  }
  const auto [first, last] = cost_rows.equal_range(row.name);
  bool any = false;
  for (auto at = first; at != last; ++at) {
    const auto cost = costs.find(at->second);
    if (cost == costs.end()) continue;
    if (!std::exchange(any, true)) out << "\n**Cost**, in guest instructions (`exo bench kernel`):\n\n";
    char text[160];
    std::snprintf(text, sizeof text, "- %s: %.0f", cost->second.title.c_str(), cost->second.total);
    out << text;
    if (cost->second.ring0)
      out << " (" << static_cast<long long>(*cost->second.ring0 + 0.5) << " of them in the kernel)";
    out << "\n";
  }
  if (!any) out << "\n**Cost**: not measured on its own.\n";
  return out.str();
}

std::string index_page(const std::vector<Row>& all) {
  std::ostringstream out;
  out << "# Aegis calls\n\nMade from [abi/syscalls.def.hpp](../../abi/syscalls.def.hpp) by `ninja -C build docs`; do "
         "not edit. "
         "`syscall` with rax = 0x4ae60000 + number;\nrax returns the error, rdx the value; rcx and r11 are lost, all "
         "else is "
         "kept, but for the protected control transfers\n([abi/pct.hpp](../../abi/pct.hpp)).\n\n| number | call | what "
         "|\n|---|---|---|\n";
  for (const Row& row : all) {
    const std::string first = row.meaning.substr(
        0, row.meaning.find(". ") == std::string::npos ? row.meaning.size() : row.meaning.find(". ") + 1);
    out << "| " << row.number << " | [" << row.name << "](" << row.name << ".md) | " << first << " |\n";
  }
  return out.str();
}

std::string contents_of(const fs::path& file) {
  std::ifstream in{file};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc == 3 && std::string{argv[2]} == "--check";
  if (argc != 2 && !check) {
    std::fputs("usage: docs_calls SOURCE_FOLDER [--check]\n", stderr);
    return 2;
  }
  const fs::path source = argv[1], folder = source / "docs/calls";
  const auto errors = read_errors(source / "abi/error.hpp");
  const auto costs = read_costs(source / "bench/kernel.json");
  if (errors.size() != static_cast<std::size_t>(abi::Error::unsupported) || costs.empty()) {
    std::fputs("docs_calls: cannot read abi/error.hpp or bench/kernel.json\n", stderr);
    return 1;
  }
  std::map<std::string, std::string> pages{{"README.md", index_page(rows())}};
  for (const Row& row : rows()) pages[row.name + ".md"] = page(row, errors, costs);

  if (!check) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    for (const auto& [name, text] : pages) std::ofstream{folder / name} << text;
    return 0;
  }
  int wrong = 0;
  for (const auto& [name, text] : pages)
    if (contents_of(folder / name) != text) std::printf("docs/calls/%s is not current\n", name.c_str()), ++wrong;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator{folder, missing})
    if (!pages.contains(entry.path().filename().string()))
      std::printf("%s is no call's page\n", entry.path().c_str()), ++wrong;
  if (wrong != 0) std::printf("run `ninja -C build docs`\n");
  return wrong == 0 ? 0 : 1;
}
