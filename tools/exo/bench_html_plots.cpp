// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "exo/bench_html.hpp"
#include "exo/bench_text.hpp"

namespace exo::html {
namespace {

std::string percent(double part) {
  std::string text;
  append_format(text, "%.2f%%", std::clamp(part, 0.0, 1.0) * 100);
  return text;
}

double log_place(double value, double least, double most) {
  return most > least && value > 0 ? (std::log(value) - std::log(least)) / (std::log(most) - std::log(least)) : 0.5;
}

// The plot's inner part, in SVG units.
constexpr double left = 8, right = 226, top = 14, bottom = 164, width = 360, height = 190;

struct Axes {
  Scale scale;
  double least_x, most_x, least_y, most_y;
  [[nodiscard]] double place(double value, double least, double most) const {
    if (scale == Scale::logarithmic) return log_place(value, least, most);
    return most > least ? (value - least) / (most - least) : 0.5;
  }
  [[nodiscard]] double x(double value) const { return left + place(value, least_x, most_x) * (right - left); }
  [[nodiscard]] double y(double value) const { return bottom - place(value, least_y, most_y) * (bottom - top); }
};

// Linear axes begin at zero, so that what is small looks small.
Axes axes_of(std::span<const Curve> group, Scale scale) {
  const double least = scale == Scale::linear ? 0 : 1e300;
  Axes axes{scale, least, 0, least, 0};
  for (const Curve& curve : group)
    for (const auto& [x, y] : curve.points) {
      axes.least_x = std::min(axes.least_x, x), axes.most_x = std::max(axes.most_x, x);
      axes.least_y = std::min(axes.least_y, y), axes.most_y = std::max(axes.most_y, y);
    }
  return axes;
}

void add_curve(std::string& text, const Axes& axes, const Curve& curve, double label_y) {
  append_format(text, "<polyline class=\"line %s\" points=\"", curve.kind);
  for (const auto& [x, y] : curve.points) append_format(text, "%.1f,%.1f ", axes.x(x), axes.y(y));
  text += "\"/>";
  for (const auto& [x, y] : curve.points) append_format(text, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", curve.kind, axes.x(x), axes.y(y));
  const auto& [x, y] = *curve.points.rbegin();
  append_format(text, "<text x=\"%.1f\" y=\"%.1f\">%s %s</text>", axes.x(x) + 6, label_y, curve.name.c_str(), grouped(y).c_str());
}

// Labels at the curves' ends, moved apart where they would lie over one another.
std::vector<double> label_places(const Axes& axes, std::span<const Curve> group) {
  constexpr double line = 14;
  std::vector<std::size_t> order(group.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return axes.y(group[i].points.rbegin()->second); });
  std::vector<double> places(group.size());
  double free = 0;
  for (const std::size_t i : order) {
    places[i] = std::max(axes.y(group[i].points.rbegin()->second) + 4, free);
    free = places[i] + line;
  }
  return places;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  return out;
}

std::string bars(std::span<const Bar> group, const std::string& classes) {
  const double longest = classes.empty() ? 0.62 : 0.34;  // of the place; the rest is for the figure behind it
  double most = 0;
  for (const Bar& bar : group) most = std::max(most, bar.value.value_or(0));
  std::string text = "<div class=\"bars " + classes + "\">";
  for (const Bar& bar : group) {
    text += "<span class=\"name\">" + escaped(bar.name) + "</span><span class=\"place\">";
    if (!bar.failure.empty()) text += "<b class=\"bad\">failed: " + escaped(bar.failure) + "</b>";
    else if (bar.value)
      append_format(text, "<i class=\"bar %s\" style=\"width:%s\"></i><span class=\"value\">%s</span>", bar.kind,
                    percent(most > 0 ? *bar.value / most * longest : 0).c_str(), (grouped(*bar.value) + (bar.note.empty() ? "" : ", " + bar.note)).c_str());
    else text += "<span class=\"value\">not measured</span>";
    text += "</span>";
  }
  return text + "</div>";
}

std::string interval(const Range& range, double least, double most) {
  const double low = log_place(range.low, least, most), high = log_place(range.high, least, most);
  std::string text = "<div class=\"axis\">";
  append_format(text, "<i class=\"one\" style=\"left:%s\"></i>", percent(log_place(1, least, most)).c_str());
  append_format(text, "<i class=\"range\" style=\"left:%s;width:%s\"></i>", percent(low).c_str(), percent(high - low).c_str());
  append_format(text, "<i class=\"middle\" style=\"left:%s\"></i></div>", percent(log_place(range.middle, least, most)).c_str());
  return text;
}

std::string strips(std::span<const Strip> group) {
  double least = 1e300, most = 0;
  for (const Strip& strip : group)
    for (const double value : strip.values) least = std::min(least, value), most = std::max(most, value);
  std::string text = "<div class=\"bars\">";
  for (const Strip& strip : group) {
    if (strip.values.empty()) continue;
    text += "<span class=\"name\">" + escaped(strip.name) + "</span><span class=\"axis\">";
    for (const double value : strip.values)
      append_format(text, "<i class=\"tick %s\" style=\"left:%s\"></i>", strip.kind, percent(log_place(value, least, most)).c_str());
    text += "</span>";
  }
  if (most > 0) text += "<span></span><span class=\"ends\"><span>" + grouped(least) + "</span><span>" + grouped(most) + "</span></span>";
  return text + "</div>";
}

std::string curves(const std::string& title, std::span<const Curve> group, Scale scale) {
  std::vector<Curve> shown;
  for (const Curve& curve : group)
    if (!curve.points.empty()) shown.push_back(curve);
  std::string text = "<figure><figcaption>" + escaped(title) + "</figcaption>";
  if (shown.empty()) return text + "<p>not measured</p></figure>";
  const Axes axes = axes_of(shown, scale);
  append_format(text, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">", width, height);
  append_format(text, "<path class=\"frame\" d=\"M%.0f %.0fV%.0fH%.0f\"/>", left, top, bottom, right);
  append_format(text, "<text x=\"%.0f\" y=\"%.0f\">%s</text>", left, bottom + 16, grouped(axes.least_x).c_str());
  append_format(text, "<text class=\"end\" x=\"%.0f\" y=\"%.0f\">%s</text>", right, bottom + 16, grouped(axes.most_x).c_str());
  append_format(text, "<text x=\"%.0f\" y=\"%.0f\">%s</text>", left + 4, bottom - 4, grouped(axes.least_y).c_str());
  const std::vector<double> places = label_places(axes, shown);
  for (std::size_t i = 0; i < shown.size(); ++i) add_curve(text, axes, shown[i], places[i]);
  return text + "</svg></figure>";
}

const char* const style = R"(
:root{--page:#fbfbf9;--card:#fff;--ink:#1d1d1b;--soft:#66645f;--rule:#dddbd4;--exos:#2a6fb8;--stock:#b9b6ad;--fairest:#c8792b;--library:#7fb0e0;--bad:#b3261e;--good:#2e7d4f}
@media (prefers-color-scheme:dark){:root{--page:#171716;--card:#21211f;--ink:#ecebe6;--soft:#a3a19a;--rule:#3a3936;--exos:#6aa9e8;--stock:#6d6b65;--fairest:#e09a52;--library:#3f6f9f;--bad:#f2867e;--good:#74c696}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--page);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:0}body>h3{margin-top:1.2rem}
p{margin:.25rem 0;color:var(--soft)}a{color:var(--exos)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.5rem;margin:1rem 0}
.tile,.card,figure{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.75rem;margin:0}
.tile b{display:block;font-size:1.5rem}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:.5rem}
.card small{color:var(--soft)}.head{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 .75rem}.verdict{font-weight:600}.met{color:var(--good)}.missed,.bad{color:var(--bad)}
.bars{display:grid;grid-template-columns:5.5rem minmax(0,1fr);gap:.2rem .5rem;align-items:center;font-size:.85rem;margin-top:.4rem}
.functions{grid-template-columns:minmax(0,11fr) minmax(0,9fr)}.functions .name{direction:rtl;text-align:left}.name{color:var(--soft);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.place{display:flex;align-items:center;min-width:0}
.bar{height:.8rem;border-radius:0 .2rem .2rem 0;flex:none;min-width:2px}.value{margin-left:.4rem;white-space:nowrap;font-variant-numeric:tabular-nums}
.bar.exos,.bar.kernel,.tick.exos{background:var(--exos)}.bar.stock,.tick.stock{background:var(--stock)}.bar.fairest,.tick.fairest{background:var(--fairest)}.bar.library{background:var(--library)}
.axis{position:relative;display:block;height:1.1rem;border-bottom:1px solid var(--rule)}.axis i{position:absolute}
.one{top:0;bottom:0;width:1px;background:var(--soft)}.range{top:.45rem;height:.2rem;min-width:2px;background:var(--exos);opacity:.55}.middle{top:.2rem;width:.3rem;height:.7rem;margin-left:-.15rem;background:var(--exos)}
.tick{top:.15rem;width:2px;height:.8rem;opacity:.6}.ends{display:flex;justify-content:space-between;color:var(--soft)}
figcaption{font-weight:600}svg{display:block;width:100%;max-width:34rem;height:auto}svg text{font-size:12.5px;fill:var(--soft)}.end{text-anchor:end}
.line{fill:none;stroke-width:2}.line.exos,.line.kernel{stroke:var(--exos)}.line.stock{stroke:var(--stock)}.line.fairest{stroke:var(--fairest)}circle.exos,circle.kernel{fill:var(--exos)}circle.stock{fill:var(--stock)}circle.fairest{fill:var(--fairest)}.frame{fill:none;stroke:var(--rule)}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.85rem}.key i{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem;vertical-align:-.1rem}
table{border-collapse:collapse;width:100%;font-size:.85rem}td,th{padding:.25rem .4rem;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wide{overflow-x:auto}@media (max-width:30rem){body{padding:.75rem}table{font-size:.78rem}td,th{padding:.2rem .25rem}td.n,th.n{white-space:normal}}.quoted{font-style:italic}.point td:first-child{padding-left:1.5rem}.point{color:var(--soft)}pre{overflow-x:auto;font-size:.75rem;background:var(--card);border:1px solid var(--rule);padding:.5rem}
)";

}  // namespace exo::html
