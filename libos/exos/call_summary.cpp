// SPDX-License-Identifier: MIT
#include "libos/exos/call_summary.hpp"

#include "base/format.hpp"
#include "libos/exos/call_classes.hpp"
#include "libos/exos/heap.hpp"
#include "libos/exos/link.hpp"

namespace exos {
namespace {

struct Tally { std::uint64_t calls = 0, errors = 0, ns = 0; };
constinit Tally* tallies = nullptr;   // call_count of them, when they are wanted

void print_row(const Tally& row, std::uint64_t all_ns, std::string_view name) {
  const std::uint64_t share = all_ns == 0 ? 0 : row.ns * 10000 / all_ns;
  base::Text<160> line{"{:3}.{:02} {:4}.{:06} {:11} {:9} ", share / 100, share % 100, row.ns / 1'000'000'000, row.ns / 1000 % 1'000'000,
                       row.calls == 0 ? 0 : row.ns / row.calls, row.calls};
  if (row.errors == 0) line.append(9, ' ');
  else line.print("{:9}", row.errors);
  line.append(' ').append(name);
  link::log_line(line.view());
}

}  // namespace

void summary_start(bool wanted) {
  if (!wanted) return;
  tallies = static_cast<Tally*>(allocate(call_count * sizeof(Tally)));
  for (std::size_t i = 0; tallies != nullptr && i < call_count; ++i) tallies[i] = {};
}
bool summary_wanted() { return tallies != nullptr; }

void summary_count(std::uint64_t number) {
  if (tallies != nullptr && number < call_count) ++tallies[number].calls;
}

void summary_add(std::uint64_t number, std::uint64_t ns, const CallResult& result) {
  if (tallies == nullptr || number >= call_count) return;
  tallies[number].ns += ns;
  if (!result) ++tallies[number].errors;
}

void summary_print() {
  if (tallies == nullptr) return;
  constexpr std::string_view rule = "------ ----------- ----------- --------- --------- ----------------";
  Tally all;
  for (const Tally& row : std::span{tallies, call_count}) all = {all.calls + row.calls, all.errors + row.errors, all.ns + row.ns};
  link::log_line("% time     seconds     ns/call     calls    errors syscall");
  link::log_line(rule);
  std::array<bool, call_count> shown{};
  for (;;) {
    std::size_t next = call_count;   // the one with most time that was not shown yet; of those the lowest number
    for (std::size_t number = 0; number < call_count; ++number)
      if (!shown[number] && tallies[number].calls != 0 && (next == call_count || tallies[number].ns > tallies[next].ns)) next = number;
    if (next == call_count) break;
    shown[next] = true;
    base::Text<32> name;
    if (call_name(next).name.empty()) name.print("syscall_{:#x}", next);
    else name.append(call_name(next).name);
    print_row(tallies[next], all.ns, name.view());
  }
  link::log_line(rule);
  print_row(all, all.ns, "total");
}

}  // namespace exos
