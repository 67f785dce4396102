// SPDX-License-Identifier: MIT
#include "exo/bench_report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace exo {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) { return std::round(value * 1000) / 1000; }

Json list_of(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

Json share_of(const Share& share) {
  return {{"program", rounded(share.ring3 - share.library)}, {"library", rounded(share.library)}, {"kernel", rounded(share.ring0)},
          {"syscall", rounded(share.calls)}, {"iret", rounded(share.returns)}, {"cr3", rounded(share.space_writes)},
          {"invlpg", rounded(share.page_flushes)}};
}

Json side_of(const Sample& sample, const std::vector<double>& nanoseconds) {
  Json side = Json::object();
  if (!sample.failure.empty()) return {{"failure", sample.failure}, {"log", sample.log}};
  if (!sample.counts.empty()) side["instructions"] = rounded(sample.least()), side["batches"] = list_of(sample.counts);
  if (sample.share) side["share"] = share_of(*sample.share);
  for (const auto& [x, count] : sample.curve) side["curve"].push_back({rounded(x), rounded(count)});
  if (!nanoseconds.empty()) side["nanoseconds"] = list_of(nanoseconds);
  return side;
}

Json figures_json(const std::vector<Figure>& figures) {
  Json json = Json::object();
  for (const Figure& one : figures) json[one.key] = rounded(one.figure);
  return json;
}

}  // namespace

// The figures of a run: `machine`, `nanoseconds` (what they are of), `boot` and `sizes` (figures by key), `kernel` (a row: key, title, aim, total, ring0, ring3, nanoseconds, curve), `rows` (of ExOS and Linux: name, title,
// why, source, aim and a side each: instructions, batches, share, curve, nanoseconds, or failure and log).
std::string json_of(const BenchReport& report) {
  Json machine = Json::object(), kernel = Json::array(), rows = Json::array();
  for (const auto& [name, value] : report.machine) machine[name] = value;
  for (const KernelResult& r : report.kernel) {
    Json row{{"key", r.key}, {"title", r.title}, {"total", rounded(r.counted.instructions)}};
    if (r.aim != 0) row["aim"] = r.aim;
    if (r.counted.ring0) row["ring0"] = rounded(*r.counted.ring0);
    if (r.counted.ring3) row["ring3"] = rounded(*r.counted.ring3);
    if (r.nanoseconds) row["nanoseconds"] = rounded(*r.nanoseconds);
    for (const auto& [n, count] : r.curve) row["curve"].push_back({rounded(n), rounded(count)});
    row["comparison"] = r.comparison;
    kernel.push_back(std::move(row));
  }
  for (const RowResult& r : report.exos) {
    Json row{{"name", r.row.name}, {"title", r.row.title}, {"why", r.row.why}, {"source", r.row.source}};
    if (r.row.aim != 0) row["aim"] = r.row.aim;
    row["exos"] = side_of(r.exos, r.exos_ns);
    row["linux"] = side_of(r.stock, r.stock_ns);
    row["linux_fairest"] = side_of(r.fairest, r.fairest_ns);
    rows.push_back(std::move(row));
  }
  Json all{{"unit", "guest instructions of one operation, -icount shift=0"}, {"nanoseconds", time_words(report)}, {"machine", std::move(machine)}};
  if (report.boot) all["boot"] = figures_json(figures_of(*report.boot)), all["boot"]["emulated_ns"] = report.boot->ns;
  if (!report.sizes.empty()) all["sizes"] = figures_json(report.sizes);
  all["kernel"] = std::move(kernel), all["rows"] = std::move(rows);
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace exo
