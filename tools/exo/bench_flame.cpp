// SPDX-License-Identifier: MIT
// A flame graph (Gregg 2011) of a profile: each box as wide as its share, what it is inlined into below it.
#include <algorithm>
#include <memory>

#include "exo/bench_html.hpp"
#include "exo/bench_profile.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

constexpr double width = 1200, line = 18, letter = 6.6, least_width = 0.5;

struct Box {
  double count = 0;
  std::map<std::string, std::unique_ptr<Box>> inner;
  [[nodiscard]] std::size_t depth() const {
    std::size_t most = 0;
    for (const auto& [name, box] : inner) most = std::max(most, box->depth());
    return most + 1;
  }
};

void add(Box& box, std::span<const std::string> chain, double count) {
  box.count += count;
  if (chain.empty()) return;
  auto& inner = box.inner[chain.front()];
  if (inner == nullptr) inner = std::make_unique<Box>();
  add(*inner, chain.subspan(1), count);
}

const char* colour_of(const std::string& place) {
  return place == "kernel" ? "#e0a07a" : place == "library" ? "#8db8e2" : place == "program" ? "#a9cf9b" : "#c9c5bb";
}

struct Drawing {
  std::string text;
  double per_unit, top;
};

void draw(Drawing& drawing, const std::string& name, const Box& box, double x, std::size_t level, const char* colour) {
  const double wide = box.count * drawing.per_unit;
  if (wide < least_width) return;
  const double y = drawing.top - static_cast<double>(level) * line;
  append_format(drawing.text, "<g><title>%.600s: %s</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" fill=\"%s\" stroke=\"#fff\" stroke-width=\".5\"/>",
                html::escaped(name).c_str(), grouped(box.count).c_str(), x, y, wide, line - 1, colour);
  const auto letters = static_cast<std::size_t>(wide / letter);
  if (letters >= 3) append_format(drawing.text, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", x + 3, y + 13, html::escaped(std::string_view{name}.substr(0, letters - 1)).c_str());
  drawing.text += "</g>\n";
  for (const auto& [inner_name, inner] : box.inner) {
    draw(drawing, inner_name, *inner, x, level + 1, level == 0 ? colour_of(inner_name) : colour);
    x += inner->count * drawing.per_unit;
  }
}

}  // namespace

std::string flame_of(const ChainCounts& counts, const std::string& title) {
  Box all;
  for (const auto& [chain, count] : counts) add(all, chain, count);
  const double height = static_cast<double>(all.depth()) * line + 10;
  Drawing drawing{.text = {}, .per_unit = all.count > 0 ? width / all.count : 0, .top = height - line - 5};
  append_format(drawing.text, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"monospace\" font-size=\"11\"><rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                width, height);
  draw(drawing, title + ", " + grouped(all.count) + " instructions", all, 0, 0, "#ddd9cf");
  return drawing.text + "</svg>\n";
}

}  // namespace exo
