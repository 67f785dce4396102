// SPDX-License-Identifier: MIT
// The page of `exo bench --html`, part by part.
#include "exo/bench_html.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "exo/bench_report.hpp"
#include "exo/bench_statistics.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

using html::escaped;

std::optional<double> count_of(const Sample& sample) {
  return sample.counts.empty() ? std::nullopt : std::optional{sample.least()};
}

std::string verdict_mark(const std::string& verdict, const std::string& words) {
  return "<span class=\"verdict " + verdict + "\">" + escaped(words) + "</span>";
}

std::string head(const std::string& title, const std::string& verdict) { return "<div class=\"head\"><h3>" + escaped(title) + "</h3>" + verdict + "</div>"; }

std::string tile(const std::string& figure, const std::string& words) { return "<div class=\"tile\"><b>" + figure + "</b>" + words + "</div>"; }

std::string summary(const BenchReport& report) {
  std::size_t kernel_aims = 0, kernel_met = 0, exos_aims = 0, exos_met = 0, failed = 0, fewer = 0;
  for (const KernelResult& r : report.kernel)
    if (r.aim != 0) ++kernel_aims, kernel_met += r.is_met() ? 1 : 0;
  for (const RowResult& r : report.exos) {
    if (r.row.aim != 0) ++exos_aims, exos_met += std::string_view{r.verdict()} == "met" ? 1 : 0;
    if (!r.exos.failure.empty()) ++failed;
    if (r.ratio().value_or(0) > 1) ++fewer;
  }
  const auto of = [](std::size_t part, std::size_t all) { return std::to_string(part) + " of " + std::to_string(all); };
  return "<div class=\"tiles\">" + tile(of(kernel_met, kernel_aims), "aims of the kernel met") + tile(of(exos_met, exos_aims), "aims of Linux calls met") +
         tile(of(fewer, report.exos.size()), "rows with fewer instructions than the fairest Linux") + tile(std::to_string(failed), "rows failed") + "</div>";
}

std::string machine_part(const BenchReport& report) {
  std::string text = "<h2>Where it was measured</h2><div class=\"wide\"><table>";
  for (const auto& [name, value] : report.machine) text += "<tr><th>" + escaped(name) + "</th><td>" + escaped(value) + "</td></tr>";
  return text + "</table></div>";
}

std::string kernel_card(const KernelResult& r) {
  std::string text = "<div class=\"card\">" + head(r.title, r.aim == 0 ? "" : verdict_mark(r.is_met() ? "met" : "missed", (r.is_met() ? "met: at most " : "missed: at most ") + grouped(r.aim)));
  if (!r.comparison.empty()) text += "<small>" + escaped(r.comparison) + "</small>";
  const std::array group{html::Bar{"kernel", "kernel", r.counted.ring0, {}}, html::Bar{"library", "library", r.counted.ring3, {}}};
  const std::array whole{html::Bar{"kernel", "in all", r.counted.instructions, {}}};  // shares are not known, or it is no count
  return text + (r.counted.ring0 ? html::bars(group) : html::bars(whole)) + "</div>";
}

std::string boot_part(const BenchReport& report) {
  if (!report.boot) return "";
  std::string text = "<h2>Boot and size</h2><p>To the first instruction of <code>busybox true</code>, 64 MiB, one processor; lines of code.</p><div class=\"wide\"><table>";
  std::vector<Figure> figures = figures_of(*report.boot);
  figures.insert(figures.end(), report.sizes.begin(), report.sizes.end());
  for (const Figure& one : figures) {
    text += "<tr><td>" + escaped(one.title) + "</td><td class=\"n\">" + grouped(one.figure) + "</td><td>";
    if (one.aim != 0) text += std::string{one.is_met() ? "<span class=\"met\">met" : "<span class=\"missed\">missed"} + ": under " + grouped(one.aim) + "</span>";
    text += "</td></tr>";
  }
  return text + "</table></div>";
}

std::string kernel_part(const BenchReport& report) {
  if (report.kernel.empty()) return "";
  std::string text = "<h2>The kernel's operations</h2><p>Guest instructions of one operation, kernel and library apart.</p><div class=\"grid\">";
  for (const KernelResult& r : report.kernel) text += kernel_card(r);
  return text + "</div>";
}

const char* const key =
    "<div class=\"key\"><span><i class=\"bar exos\"></i>ExOS</span><span><i class=\"bar stock\"></i>Linux as shipped</span>"
    "<span><i class=\"bar fairest\"></i>Linux, fairest</span></div>";

std::string exos_card(const RowResult& r) {
  const std::string times = times_text(r.ratio()) + " times";
  std::string verdict;
  if (r.row.aim != 0 && r.ratio()) verdict = verdict_mark(r.verdict(), std::string{r.verdict()} + ": " + times + ", aim " + grouped(r.row.aim));
  else if (r.ratio()) verdict = verdict_mark("", times);
  std::string text = "<div class=\"card\">" + head(r.row.title, verdict) + "<small>" + escaped(r.row.why) + " (" + escaped(r.row.source) + ")</small>";
  const std::array group{html::Bar{"exos", "ExOS", count_of(r.exos), r.exos.failure}, html::Bar{"stock", "Linux", count_of(r.stock), r.stock.failure},
                         html::Bar{"fairest", "fairest", count_of(r.fairest), r.fairest.failure}};
  return text + html::bars(group) + "</div>";
}

std::string exos_part(const BenchReport& report) {
  if (report.exos.empty()) return "";
  std::string text = "<h2>Linux calls</h2><p>Guest instructions of one operation, the same binaries on ExOS and on Linux in the same emulator.</p>";
  text += std::string{key} + "<div class=\"grid\">";
  for (const RowResult& r : report.exos) text += exos_card(r);
  return text + "</div>";
}

// What the guest of the suite kernel asked to be plotted: series over milliseconds.
std::string plot_card(const std::string& name, const Plot& plot) {
  static constexpr std::array kinds{"fairest", "stock", "exos"};
  std::vector<html::Curve> group;
  for (const auto& [series, points] : plot) {
    html::Curve curve{kinds[group.size() % kinds.size()], series, {}};
    for (const Point& point : points) curve.points[point.x] = point.y;
    group.push_back(std::move(curve));
  }
  const std::string title = name == "stride" ? "stride scheduler: iterations of three over milliseconds (figure 3 of 1995)" : name;
  return html::curves(title, group, html::Scale::linear);
}

std::string curves_part(const BenchReport& report) {
  std::string text;
  for (const RowResult& r : report.exos) {
    if (r.exos.curve.empty()) continue;
    const std::array group{html::Curve{"exos", "ExOS", r.exos.curve}, html::Curve{"stock", "Linux", r.stock.curve}, html::Curve{"fairest", "fairest", r.fairest.curve}};
    text += html::curves(r.row.title, group);
  }
  for (const KernelResult& r : report.kernel) {
    const std::array group{html::Curve{"kernel", "kernel", r.curve}};
    if (!r.curve.empty()) text += html::curves("kernel: " + r.title, group);
  }
  for (const auto& [name, plot] : report.plots) text += plot_card(name, plot);
  return text.empty() ? "" : "<h2>How it grows</h2><p>Instructions over N, both axes logarithmic; what runs over milliseconds has linear axes from zero.</p><div class=\"grid\">" + text + "</div>";
}

std::string capitalised(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::string nanoseconds_text(const std::vector<double>& values) { return grouped(std::round(median(values))) + " ns"; }

std::string times_part(const BenchReport& report) {
  std::vector<std::pair<const RowResult*, Estimate>> found;
  double least = 0.5, most = 2;
  for (const RowResult& r : report.exos)
    if (const auto ratio = estimate_ratio(r.fairest_ns, r.exos_ns)) {
      found.emplace_back(&r, *ratio);
      least = std::min(least, ratio->low), most = std::max(most, ratio->high);
    }
  if (found.empty()) return "";
  std::string text = "<h2>" + capitalised(time_words(report)) + "</h2><p>How many times as long the fairest Linux takes: ratio of medians of alternating runs, with the 95 % interval of the bootstrap. "
                     "The line is 1, the axis logarithmic from " + times_text(least) + " to " + times_text(most) + (report.timed_with == Accelerator::tcg ? ". Emulation makes some things dear that hardware does not." : ".") + "</p><div class=\"grid\">";
  for (const auto& [r, ratio] : found) {
    text += "<div class=\"card\">" + head(r->row.title, verdict_mark("", times_text(ratio.middle) + " times")) + "<small>" + times_text(ratio.low) + " to " + times_text(ratio.high) + "; medians " + nanoseconds_text(r->exos_ns) + " beside " + nanoseconds_text(r->fairest_ns) + "</small>";
    text += html::interval({ratio.low, ratio.middle, ratio.high}, least, most) + "</div>";
  }
  return text + "</div>";
}

std::string distributions_part(const BenchReport& report) {
  std::string text;
  for (const RowResult& r : report.exos) {
    if (r.exos_ns.empty()) continue;
    const std::array group{html::Strip{"exos", "ExOS", r.exos_ns}, html::Strip{"stock", "Linux", r.stock_ns}, html::Strip{"fairest", "fairest", r.fairest_ns}};
    text += "<div class=\"card\"><h3>" + escaped(r.row.title) + "</h3>" + html::strips(group) + "</div>";
  }
  return text.empty() ? "" : "<h2>Distributions</h2><p>Nanoseconds of one operation (" + time_words(report) + "), a tick for each batch, logarithmic.</p>" + std::string{key} + "<div class=\"grid\">" + text + "</div>";
}

std::string cell(const std::string& text) { return "<td class=\"n\">" + text + "</td>"; }

std::string measured_row(const RowResult& r) {
  std::string text = "<tr><td>" + escaped(r.row.title) + "</td>" + cell(r.exos.failure.empty() ? grouped(count_of(r.exos)) : "failed") + cell(grouped(count_of(r.stock))) +
                     cell(grouped(count_of(r.fairest))) + cell(times_text(r.ratio())) + "</tr>";
  for (const CurvePoint& p : r.points())
    text += "<tr class=\"point\"><td>N = " + grouped(p.n) + "</td>" + cell(grouped(p.exos)) + cell(grouped(p.stock)) + cell(grouped(p.fairest)) + cell(times_text(p.ratio())) + "</tr>";
  return text;
}

std::string paper_row(const BenchReport& report, const PaperRow& row) {
  if (!row.missing.empty()) return "<tr><td>" + escaped(row.title) + "</td><td colspan=\"4\">missing: " + escaped(row.missing) + "</td></tr>";
  if (const KernelResult* k = report.find_kernel(row.kernel)) {
    std::string text = "<tr><td>kernel: " + escaped(k->title) + (k->comparison.empty() ? "" : " (" + escaped(k->comparison) + ")") + "</td>" + cell(grouped(k->counted.instructions)) + "<td></td><td></td><td></td></tr>";
    for (const auto& [n, count] : k->curve) text += "<tr class=\"point\"><td>N = " + grouped(n) + "</td>" + cell(grouped(count)) + "<td></td><td></td><td></td></tr>";
    return text;
  }
  if (const RowResult* r = report.find_exos(row.exos))
    return measured_row(*r);
  return "<tr><td>" + escaped(row.kernel + row.exos) + "</td><td colspan=\"4\">not measured</td></tr>";
}

std::string papers_part(const BenchReport& report) {
  if (report.papers.empty()) return "";
  std::string text = "<h2>The papers' tables</h2>";
  for (const PaperTable& table : report.papers) {
    text += "<h3>" + escaped(table.name + " " + table.title) + "</h3><p>" + escaped(table.of) +
            "</p><div class=\"wide\"><table><tr><th></th><th class=\"n\">ours</th><th class=\"n\">Linux</th><th class=\"n\">fairest</th><th class=\"n\">times</th></tr>";
    for (const PaperRow& row : table.rows) text += paper_row(report, row);
    for (const Quoted& one : table.quoted)
      text += "<tr class=\"quoted\"><td>quoted: " + escaped(one.what) + " [" + escaped(one.tag) + ": " + escaped(one.origin()) + "]</td><td colspan=\"4\">" + escaped(one.figure) + "</td></tr>";
    text += "</table></div>";
  }
  return text;
}

std::string profile_card(const std::string& title, const ChainCounts& counts) {
  constexpr std::size_t most = 8;
  std::vector<html::Bar> group;
  for (const FunctionShare& one : shares_of(counts, most)) {
    std::string part;
    append_format(part, "%.1f %%", one.part * 100);
    group.push_back({one.place == "kernel" ? "kernel" : one.place == "library" ? "library" : "stock", one.function, one.count, {}, part});
  }
  return "<div class=\"card\"><h3>" + escaped(title) + "</h3>" + html::bars(group, "functions") + "</div>";
}

std::string profiles_part(const BenchReport& report) {
  std::string text;
  for (const KernelResult& r : report.kernel)
    if (const auto found = report.profiles.find("kernel/" + r.key); found != report.profiles.end()) text += profile_card(r.title, found->second);
  for (const RowResult& r : report.exos)
    if (const auto found = report.profiles.find("exos/" + r.row.name); found != report.profiles.end()) text += profile_card(r.row.title, found->second);
  if (text.empty()) return "";
  return "<h2>Where the instructions go, for aims that are missed</h2><p>The eight functions of ours that take most, inlined ones apart. <code>exo bench --profile ROW</code> says more.</p>"
         "<div class=\"key\"><span><i class=\"bar kernel\"></i>kernel</span><span><i class=\"bar library\"></i>library</span><span><i class=\"bar stock\"></i>program</span></div><div class=\"grid\">" +
         text + "</div>";
}

std::string failures_part(const BenchReport& report) {
  std::string text;
  for (const RowResult& r : report.exos)
    for (const auto& [system, sample] : {std::pair{"ExOS", &r.exos}, {"Linux", &r.stock}, {"the fairest Linux", &r.fairest}})
      if (!sample->failure.empty()) text += "<h3>" + escaped(r.row.name) + " on " + system + ": " + escaped(sample->failure) + "</h3><pre>" + escaped(sample->log) + "</pre>";
  return text.empty() ? "" : "<h2>What failed</h2>" + text;
}

}  // namespace

std::string html_of(const BenchReport& report) {
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
         "<meta name=\"color-scheme\" content=\"light dark\"><title>What Aegis and ExOS cost</title><style>" + std::string{html::style} + "</style></head><body>"
         "<h1>What Aegis and ExOS cost</h1><p>Counted guest instructions repeat; emulated time does not, and has its interval.</p>" +
         summary(report) + boot_part(report) + exos_part(report) + curves_part(report) + times_part(report) + distributions_part(report) + kernel_part(report) + profiles_part(report) +
         papers_part(report) + peers_html(report.peers) + failures_part(report) + machine_part(report) + "</body></html>\n";
}

}  // namespace exo
