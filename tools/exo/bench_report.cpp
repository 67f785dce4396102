// SPDX-License-Identifier: MIT
#include "exo/bench_report.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "exo/bench_text.hpp"

namespace exo {
namespace {

// The value of the first line `NAME : VALUE` or `NAME=VALUE`.
std::string value_in_file(const char* path, std::string_view name) {
  std::ifstream in{path};
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t at = line.find_first_of(":=");
    if (at == std::string::npos) continue;
    std::string value = line.substr(at + 1);
    std::erase(value, '"');
    value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
    return value;
  }
  return "unknown";
}

using Figures = std::map<std::string, double>;

Figures figures_of(const nlohmann::json& json) {
  Figures figures;
  const auto list = [&](const char* name) { return json.contains(name) && json[name].is_array() ? json[name] : nlohmann::json::array(); };
  for (const auto& row : list("kernel"))
    if (row.is_object() && row.contains("total")) figures["kernel/" + row.value("key", "")] = row["total"];
  for (const char* part : {"boot", "sizes"})
    if (json.contains(part) && json[part].is_object())
      for (const auto& [key, figure] : json[part].items())
        if (figure.is_number()) figures[part + ("/" + key)] = figure;
  for (const auto& row : list("rows"))
    for (const char* side : {"exos", "linux", "linux_fairest"})
      if (row.is_object() && row.contains(side) && row[side].contains("instructions"))
        figures[side + ("/" + row.value("name", ""))] = row[side]["instructions"];
  return figures;
}

}  // namespace

const KernelResult* BenchReport::find_kernel(const std::string& key) const {
  const auto found = std::ranges::find(kernel, key, &KernelResult::key);
  return found == kernel.end() ? nullptr : &*found;
}
const RowResult* BenchReport::find_exos(const std::string& name) const {
  const auto found = std::ranges::find(exos, name, [](const RowResult& r) { return r.row.name; });
  return found == exos.end() ? nullptr : &*found;
}

std::vector<std::pair<std::string, std::string>> describe_machine(const Locations& at) {
  struct utsname names{};
  ::uname(&names);
  const auto memory_mib = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
  std::vector<std::pair<std::string, std::string>> machine{
      {"processor", value_in_file("/proc/cpuinfo", "model name") + ", " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " of them"},
      {"memory", grouped(std::round(memory_mib / 1024)) + " GiB"},
      {"host", value_in_file("/etc/os-release", "PRETTY_NAME") + ", Linux " + names.release},
      {"emulator", first_line_of("qemu-system-x86_64 --version") + ", TCG, q35, -cpu max, one processor, 512 MiB (kernel rows: 64 MiB)"},
      {"compiler", first_line_of("clang-22 --version")}};
  if (std::filesystem::exists(at.build / "bench/linux"))
    if (const auto kernel = find_linux_kernel(at); kernel.has_value())
      machine.emplace_back("Linux side", "Debian's " + std::filesystem::path{*kernel}.filename().string().substr(8));
  return machine;
}

Result<std::string> changes_since(const std::string& old_json, const BenchReport& report) {
  constexpr double half_a_hundredth = 0.005;
  const auto old = nlohmann::json::parse(old_json, nullptr, false);
  if (!old.is_object()) return fail(own_failure, "the file to compare with is not what --json writes");
  std::string text;
  const Figures before = figures_of(old), now = figures_of(nlohmann::json::parse(json_of(report)));
  for (const auto& [name, was] : before) {
    const auto found = now.find(name);
    if (found == now.end()) continue;
    const double change = was == 0 ? 0 : (found->second - was) / was;
    if (std::abs(change) <= half_a_hundredth) continue;
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "%-32s %12s -> %12s  %+.1f %%\n", name.c_str(), grouped(was).c_str(), grouped(found->second).c_str(), change * 100);
    text += line.data();
  }
  return text.empty() ? "nothing has changed by more than 0.5 %\n" : text;
}

}  // namespace exo
