// SPDX-License-Identifier: MIT
#include "exo/bench_sample.hpp"

#include <algorithm>
#include <span>
#include <sstream>

namespace exo {
namespace {

struct Batch {
  std::uint64_t operations = 0, counter = 0, nanoseconds = 0;
  std::size_t first = 0, marked = 1;  // which of the plugin's intervals it consists of, and how many
  std::string part;                   // "": of the row itself
  std::optional<double> point;
};

// What the batch took without what measuring takes, which each of its intervals holds once.
double less(const Batch& a, const Batch& nothing, std::uint64_t Batch::*field) {
  return static_cast<double>(a.*field) - static_cast<double>(a.marked) * static_cast<double>(nothing.*field);
}

// Lines `batch OPERATIONS COUNTER NANOSECONDS [FIRST MARKED]`, between them `part NAME` and `point X`.
std::vector<Batch> read_batches(const std::string& log) {
  std::vector<Batch> batches;
  std::istringstream lines{log};
  std::string part;
  std::optional<double> point;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string what;
    words >> what;
    double x = 0;
    if (what == "point" && words >> x) point = x;
    if (what == "part" && words >> part) point.reset();
    Batch batch{.first = batches.size(), .part = part, .point = point};
    if (what != "batch" || !(words >> batch.operations >> batch.counter >> batch.nanoseconds)) continue;
    if (std::size_t first = 0, marked = 0; words >> first >> marked) batch.first = first, batch.marked = marked;
    batches.push_back(batch);
  }
  return batches;
}

const Batch& least_of(std::span<const Batch> batches) { return *std::ranges::min_element(batches, {}, &Batch::counter); }

using Intervals = std::span<const CountedInterval>;

Share share_of(Intervals intervals, const Batch& batch, const Batch& nothing) {
  const auto each = [&](std::uint64_t CountedInterval::*field) {
    double sum = 0;
    for (const CountedInterval& one : intervals.subspan(batch.first, batch.marked)) sum += static_cast<double>(one.*field) - static_cast<double>(intervals[nothing.first].*field);
    return sum / static_cast<double>(batch.operations);
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
    curve[*group.front().point] = less(least, nothing, &Batch::counter) / static_cast<double>(least.operations);
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

// What the log of a row says.
struct Told {
  std::vector<Batch> all;
  std::size_t warm_up;
  std::span<const Batch> empty, work;  // batches of no operation first, then those of the work
};

Told read_log(const std::string& log) {
  Told told{.all = read_batches(log), .warm_up = warm_up_of(log), .empty = {}, .work = {}};
  const auto work_at = std::ranges::find_if(told.all, [](const Batch& b) { return b.operations != 0; });
  told.empty = {told.all.begin(), work_at}, told.work = {work_at, told.all.end()};
  return told;
}

// How many intervals the batches say that there are.
std::size_t marked_by(const std::vector<Batch>& batches) {
  std::size_t most = 0;
  for (const Batch& batch : batches) most = std::max(most, batch.first + batch.marked);
  return most;
}

// Figures of the batches of one part, or of the row itself.
void evaluate(Sample& sample, const Told& told, std::span<const Batch> whole, Intervals intervals) {
  const std::span<const Batch> work = whole.empty() ? whole : first_group(whole);
  if (told.empty.size() <= told.warm_up || work.size() <= told.warm_up) {
    sample.failure = "it told no figures";
    return;
  }
  if (!intervals.empty() && intervals.size() != marked_by(told.all)) {
    sample.failure = "the plugin counted " + std::to_string(intervals.size()) + " intervals of " + std::to_string(marked_by(told.all));
    return;
  }
  const Batch& nothing = least_of(told.empty.subspan(told.warm_up));
  sample.operations = static_cast<double>(work.front().operations);
  sample.curve = curve_of(whole, nothing, told.warm_up);
  for (const Batch& batch : work.subspan(told.warm_up)) {
    sample.counts.push_back(less(batch, nothing, &Batch::counter) / sample.operations);
    sample.nanoseconds.push_back(less(batch, nothing, &Batch::nanoseconds) / sample.operations);
  }
  const Batch& least = least_of(work.subspan(told.warm_up));
  if (!intervals.empty() && least.marked != 0) sample.share = share_of(intervals, least, nothing);
}

// A row becomes a sample, and each of its parts one called ROW.PART; when it has failed there are no parts.
void evaluate_row(Samples& samples, const std::string& name, Intervals intervals) {
  Sample& row = samples[name];
  if (row.status != 0) {
    row.failure = row.status < 0 ? "it did not come to its end" : "status " + std::to_string(row.status);
    return;
  }
  const Told told = read_log(row.log);
  std::span<const Batch> left = told.work;
  do {
    const auto other = std::ranges::find_if(left, [&](const Batch& b) { return b.part != left.front().part; });
    const std::span<const Batch> group{left.begin(), other};
    left = {other, left.end()};
    const std::string part = group.empty() ? "" : group.front().part;
    Sample& sample = part.empty() ? row : samples[name + "." + part];
    sample.status = 0;
    evaluate(sample, told, group, intervals);
  } while (!left.empty());
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
    evaluate_row(samples, order[i], i < sections.size() ? std::span<const CountedInterval>{sections[i]} : std::span<const CountedInterval>{});
  return samples;
}

}  // namespace exo
