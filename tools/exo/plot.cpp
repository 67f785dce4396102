// SPDX-License-Identifier: MIT
#include "exo/plot.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace exo {
namespace fs = std::filesystem;
namespace {

constexpr double width = 800, height = 400, margin = 50, legend = 120;
constexpr const char* colours[] = {"#1b6ca8", "#c8553d", "#3c8d53", "#7a5195", "#8c6d1f", "#444444"};

bool is_name(const std::string& text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

struct Scale {
  double low = 0, high = 0;
  [[nodiscard]] double at(double value, double from, double to) const {
    return from + (high > low ? (value - low) / (high - low) : 0.5) * (to - from);
  }
};

template <typename Of>
Scale scale_of(const Plot& plot, Of of) {
  Scale scale;  // from 0 on, so that what is small looks small
  for (const auto& [series, points] : plot)
    for (const Point& point : points)
      scale.high = std::max(scale.high, of(point)), scale.low = std::min(scale.low, of(point));
  return scale;
}

void text(std::ostringstream& out, double x, double y, const char* anchor, const std::string& words,
          const char* colour = "#222222") {
  out << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\" fill=\"" << colour << "\">"
      << words << "</text>\n";
}

}  // namespace

std::map<std::string, Plot> read_plots(const std::string& log) {
  std::map<std::string, Plot> plots;
  std::istringstream lines{log};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string what, name, series;
    Point point{};
    if (!(words >> what >> name >> series >> point.x >> point.y) || what != "plot") continue;
    if (is_name(name) && is_name(series)) plots[name][series].push_back(point);  // names become files and markup
  }
  return plots;
}

std::string plot_csv(const Plot& plot) {
  std::ostringstream out;
  out << "series,x,y\n";
  for (const auto& [series, points] : plot)
    for (const Point& point : points) out << series << ',' << point.x << ',' << point.y << '\n';
  return out.str();
}

std::string plot_svg(const std::string& title, const Plot& plot) {
  const Scale x = scale_of(plot, [](const Point& p) { return p.x; }),
              y = scale_of(plot, [](const Point& p) { return p.y; });
  const double right = width - legend, bottom = height - margin;
  const auto number = [](double value) { return (std::ostringstream{} << value).str(); };
  std::ostringstream out;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width << ' ' << height
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  out << "<path d=\"M" << margin << ' ' << margin << 'V' << bottom << 'H' << right
      << "\" fill=\"none\" stroke=\"#222222\"/>\n";
  text(out, width / 2, margin / 2, "middle", title);
  for (const double part : {0.0, 0.5, 1.0}) {
    text(out, x.at(x.low + part * (x.high - x.low), margin, right), bottom + 18, "middle",
         number(x.low + part * (x.high - x.low)));
    text(out, margin - 6, y.at(y.low + part * (y.high - y.low), bottom, margin) + 4, "end",
         number(y.low + part * (y.high - y.low)));
  }
  std::size_t index = 0;
  for (const auto& [series, points] : plot) {
    const char* colour = colours[index % std::size(colours)];
    out << "<polyline fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"1.5\" points=\"";
    for (const Point& point : points)
      out << x.at(point.x, margin, right) << ',' << y.at(point.y, bottom, margin) << ' ';
    out << "\"/>\n";
    text(out, right + 10, margin + 18 * static_cast<double>(index), "start", series, colour);
    ++index;
  }
  out << "</svg>\n";
  return out.str();
}

Status write_plots(const std::string& log, const fs::path& folder) {
  const auto plots = read_plots(log);
  if (plots.empty()) return {};
  std::error_code error;
  fs::create_directories(folder, error);
  for (const auto& [name, plot] : plots) {
    for (const auto& [ending, contents] :
         {std::pair{".csv", plot_csv(plot)}, std::pair{".svg", plot_svg(name, plot)}}) {
      std::ofstream out{folder / (name + ending)};
      if (!(out << contents)) return fail(own_failure, "cannot write " + (folder / (name + ending)).string());
    }
  }
  return {};
}

}  // namespace exo
