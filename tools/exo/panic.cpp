// SPDX-License-Identifier: MIT
#include "exo/panic.hpp"

#include <dwarf.h>
#include <elfutils/libdwfl.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

// <cxxabi.h> would claim the namespace `abi`, which is ours.
namespace __cxxabiv1 {
extern "C" char* __cxa_demangle(const char* name, char* buffer, std::size_t* size, int* status);
}

namespace exo {
namespace {

constexpr std::string_view panic_mark = "aegis: PANIC:", frame_mark = "  #";

template <typename T>
using Freed = std::unique_ptr<T, decltype(&std::free)>;

std::string demangled(const char* name) {
  if (name == nullptr) return "?";
  int status = 0;
  const Freed<char> plain{__cxxabiv1::__cxa_demangle(name, nullptr, nullptr, &status), &std::free};
  return plain == nullptr ? name : plain.get();
}

std::string name_of(Dwarf_Die& function) {
  Dwarf_Attribute attribute{};
  if (dwarf_attr_integrate(&function, DW_AT_linkage_name, &attribute) != nullptr)
    return demangled(dwarf_formstring(&attribute));
  return demangled(dwarf_diename(&function));
}

std::string place(const char* file, int line) {
  if (file == nullptr) return {};
  std::string_view path{file};
  // As it is written in the sources, wherever they were built: folders that hold others' names, or have names that a
  // checkout too may have, come last.
  for (const std::string_view folder : {"/tests/", "/kernel/", "/tools/", "/abi/", "/base/"})
    if (const auto at = path.rfind(folder); at != std::string_view::npos) {
      path.remove_prefix(at + 1);
      break;
    }
  return std::string{path} + ":" + std::to_string(line);
}

// The kernel's debug information.
class Names {
 public:
  explicit Names(const std::filesystem::path& kernel) : dwfl_{dwfl_begin(&callbacks), &dwfl_end} {
    if (dwfl_ == nullptr) return;
    dwfl_report_begin(dwfl_.get());
    module_ = dwfl_report_elf(dwfl_.get(), "kernel", kernel.c_str(), -1, 0, false);
    dwfl_report_end(dwfl_.get(), nullptr, nullptr);
  }

  // One line for the function that holds the address, and one more for each function that it is inlined into.
  [[nodiscard]] std::string describe(std::uint64_t address) const {
    Dwarf_Addr bias = 0;
    Dwarf_Die* unit = module_ == nullptr ? nullptr : unit_of(address, bias);
    if (unit == nullptr) return symbol(address);
    const char* file = nullptr;
    int line = 0;
    if (Dwarf_Line* at = dwarf_getsrc_die(unit, address - bias)) {
      file = dwarf_linesrc(at, nullptr, nullptr);
      dwarf_lineno(at, &line);
    }
    std::vector<Dwarf_Die> functions;
    find_functions(*unit, address - bias, functions);
    std::string out;
    for (auto function = functions.rbegin(); function != functions.rend(); ++function) {
      if (!out.empty()) out += "\n                        in ";
      out += name_of(*function) + " (" + place(file, line) + ")";
      find_call(*unit, *function, file, line);
    }
    return out.empty() ? symbol(address) : out;
  }

 private:
  static constexpr Dwfl_Callbacks callbacks{.find_elf = dwfl_build_id_find_elf,
                                            .find_debuginfo = dwfl_standard_find_debuginfo,
                                            .section_address = dwfl_offline_section_address,
                                            .debuginfo_path = nullptr};

  // clang writes no .debug_aranges, so the units are asked in turn.
  Dwarf_Die* unit_of(std::uint64_t address, Dwarf_Addr& bias) const {
    for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module_, unit, &bias)) != nullptr;)
      if (dwarf_haspc(unit, address - bias) == 1) return unit;
    return nullptr;
  }
  // The function that holds the address, and within it those inlined there, from the outside in. (libdw's dwarf_getscopes
  // does not look into namespaces.)
  static bool find_functions(Dwarf_Die& parent, std::uint64_t address, std::vector<Dwarf_Die>& found) {
    Dwarf_Die child{};
    if (dwarf_child(&parent, &child) != 0) return false;
    do {
      switch (dwarf_tag(&child)) {
        case DW_TAG_namespace: case DW_TAG_structure_type: case DW_TAG_class_type:
          if (find_functions(child, address, found)) return true;
          break;
        case DW_TAG_subprogram: case DW_TAG_inlined_subroutine: case DW_TAG_lexical_block:
          if (dwarf_haspc(&child, address) != 1) break;
          if (dwarf_tag(&child) != DW_TAG_lexical_block) found.push_back(child);
          find_functions(child, address, found);
          return true;
        default: break;
      }
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
  }
  // Where an inlined function was called.
  static void find_call(Dwarf_Die& unit, Dwarf_Die& inlined, const char*& file, int& line) {
    Dwarf_Attribute attribute{};
    Dwarf_Word number = 0;
    Dwarf_Files* files = nullptr;
    if (dwarf_formudata(dwarf_attr(&inlined, DW_AT_call_line, &attribute), &number) == 0)
      line = static_cast<int>(number);
    if (dwarf_formudata(dwarf_attr(&inlined, DW_AT_call_file, &attribute), &number) == 0 &&
        dwarf_getsrcfiles(&unit, &files, nullptr) == 0)
      file = dwarf_filesrc(files, number, nullptr, nullptr);
  }
  [[nodiscard]] std::string symbol(std::uint64_t address) const {  // what assembly has
    if (module_ == nullptr) return "?";
    GElf_Off offset = 0;
    GElf_Sym found{};
    const char* name = dwfl_module_addrinfo(module_, address, &offset, &found, nullptr, nullptr, nullptr);
    return demangled(name);
  }

  std::unique_ptr<Dwfl, void (*)(Dwfl*)> dwfl_;
  Dwfl_Module* module_ = nullptr;
};

// Of a line "  #N 0x...": the address, one before it for a return address, which is behind the call.
std::optional<std::uint64_t> frame_address(std::string_view line) {
  if (!line.starts_with(frame_mark)) return std::nullopt;
  const std::size_t at = line.find(" 0x", frame_mark.size());
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const char* start = line.data() + at + 3;
  if (std::from_chars(start, line.data() + line.size(), value, 16).ec != std::errc{}) return std::nullopt;
  return line.ends_with(" interrupted") ? value : value - 1;
}

}  // namespace

std::string report_panic(std::string_view log, const std::filesystem::path& kernel) {
  const std::size_t start = log.find(panic_mark);
  if (start == std::string_view::npos) return {};
  const Names names{kernel};
  std::string out;
  for (std::string_view rest = log.substr(start); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    out += line;
    if (const auto address = frame_address(line)) out += "  " + names.describe(*address);
    out += '\n';
  }
  return out;
}

}  // namespace exo
