// SPDX-License-Identifier: MIT
#include "exo/bench_sample.hpp"

#include <algorithm>
#include <span>
#include <sstream>

namespace exo {
namespace {

struct Batch {
  std::uint64_t operations = 0, counter = 0, nanoseconds = 0;
  std::size_t place = 0;  // among all batches of the row
  std::optional<double> point;
};

double operator-(const Batch& a, const Batch& b) { return static_cast<double>(a.counter) - static_cast<double>(b.counter); }

std::vector<Batch> read_batches(const std::string& log) {
  std::vector<Batch> batches;
  std::istringstream lines{log};
  std::optional<double> point;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string what;
    double x = 0;
    if (std::istringstream{line} >> what >> x && what == "point") point = x;
    Batch batch{.place = batches.size(), .point = point};
    if (words >> what >> batch.operations >> batch.counter >> batch.nanoseconds && what == "batch") batches.push_back(batch);
  }
  return batches;
}

const Batch& least_of(std::span<const Batch> batches) { return *std::ranges::min_element(batches, {}, &Batch::counter); }

Share difference(const CountedInterval& a, const CountedInterval& empty, std::uint64_t operations) {
  const auto each = [&](std::uint64_t CountedInterval::*field) {
    return (static_cast<double>(a.*field) - static_cast<double>(empty.*field)) / static_cast<double>(operations);
  };
  using I = CountedInterval;
  return {.ring3 = each(&I::ring3), .ring0 = each(&I::ring0), .library = each(&I::library), .calls = each(&I::calls),
          .returns = each(&I::returns), .space_writes = each(&I::space_writes), .page_flushes = each(&I::page_flushes)};
}

// The batches of the same point as the first one.
std::span<const Batch> first_group(std::span<const Batch> batches) {
  const auto other = std::ranges::find_if(batches, [&](const Batch& b) { return b.point != batches.front().point; });
  return {batches.begin(), other};
}

std::map<double, double> curve_of(std::span<const Batch> work, const Batch& nothing, std::size_t warm_up) {
  std::map<double, double> curve;
  while (!work.empty()) {
    const auto group = first_group(work);
    work = work.subspan(group.size());
    if (!group.front().point || group.size() <= warm_up) continue;
    const Batch& least = least_of(group.subspan(warm_up));
    curve[*group.front().point] = (least - nothing) / static_cast<double>(least.operations);
  }
  return curve;
}

std::size_t warm_up_of(const std::string& log) {
  constexpr std::string_view line = "warm-up ";
  const std::size_t at = log.find(line);
  std::size_t count = row_warm_up;
  if (at != std::string::npos) std::istringstream{log.substr(at + line.size(), 8)} >> count;
  return count;
}

// Batches of no operation first, then those of the work.
void evaluate(Sample& sample, std::span<const CountedInterval> intervals) {
  const std::vector<Batch> all = read_batches(sample.log);
  const std::size_t warm_up = warm_up_of(sample.log);
  const auto work_at = std::ranges::find_if(all, [](const Batch& b) { return b.operations != 0; });
  const std::span<const Batch> empty{all.begin(), work_at}, whole{work_at, all.end()};
  const std::span<const Batch> work = whole.empty() ? whole : first_group(whole);
  if (sample.status != 0) {
    sample.failure = sample.status < 0 ? "it did not come to its end" : "status " + std::to_string(sample.status);
    return;
  }
  if (empty.size() <= warm_up || work.size() <= warm_up) {
    sample.failure = "it told no figures";
    return;
  }
  if (!intervals.empty() && intervals.size() != all.size()) {
    sample.failure = "the plugin counted " + std::to_string(intervals.size()) + " intervals of " + std::to_string(all.size());
    return;
  }
  const Batch& nothing = least_of(empty.subspan(warm_up));
  sample.operations = static_cast<double>(work.front().operations);
  sample.curve = curve_of(whole, nothing, warm_up);
  for (const Batch& batch : work.subspan(warm_up)) {
    const auto operations = static_cast<double>(batch.operations);
    sample.counts.push_back((batch - nothing) / operations);
    sample.nanoseconds.push_back((static_cast<double>(batch.nanoseconds) - static_cast<double>(nothing.nanoseconds)) / operations);
  }
  if (intervals.empty()) return;
  const Batch& least = least_of(work.subspan(warm_up));
  sample.share = difference(intervals[least.place], intervals[nothing.place], least.operations);
}

}  // namespace

double Sample::least() const { return *std::ranges::min_element(counts); }

std::vector<std::vector<CountedInterval>> read_sections(const std::string& text) {
  std::vector<std::vector<CountedInterval>> sections;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (line == "section") {
      sections.emplace_back();
      continue;
    }
    if (sections.empty()) sections.emplace_back();
    std::istringstream words{line};
    CountedInterval one;
    if (words >> one.ring3 >> one.ring0 >> one.library >> one.calls >> one.returns >> one.space_writes >> one.page_flushes)
      sections.back().push_back(one);
  }
  return sections;
}

Samples read_samples(const std::string& log, const std::string& plugin) {
  const auto sections = read_sections(plugin);
  Samples samples;
  Sample* current = nullptr;
  std::vector<std::string> order;
  std::istringstream lines{log};
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    std::istringstream words{line};
    std::string what, name;
    int status = 0;
    words >> what >> name;
    if (what == "begin") {
      current = &samples[name];
      order.push_back(name);
    } else if (what == "end" && words >> status && current != nullptr) {
      current->status = status;
      current = nullptr;
    } else if (current != nullptr) {
      current->log += line + "\n";
    }
  }
  for (std::size_t i = 0; i < order.size(); ++i)
    evaluate(samples[order[i]], i < sections.size() ? std::span<const CountedInterval>{sections[i]} : std::span<const CountedInterval>{});
  return samples;
}

}  // namespace exo
