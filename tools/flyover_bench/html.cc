#include "tools/flyover_bench/html.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tools/flyover_bench/format.h"

namespace flyover {
namespace {

using nlohmann::json;

constexpr int kWidth = 900, kLabel = 190, kRow = 26, kBars = kWidth - kLabel - 90;
constexpr std::array kColours = {"#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677",
                                 "#aa3377", "#bbbbbb", "#332288", "#88ccee", "#44aa99",
                                 "#999933", "#cc6677", "#882255"};

std::string Text(const json& value) {
  return EscapeHtml(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string Label(int y, const json& name) {
  return Format("<text x='%d' y='%d' text-anchor='end'>", kLabel - 8, y + 15) + Text(name) +
         "</text>";
}

std::string OpenSvg(size_t rows) {
  const int height = static_cast<int>(rows) * kRow + 4;
  return Format("<svg viewBox='0 0 %d %d' width='%d' height='%d'>", kWidth, height, kWidth, height);
}

// A bar of each series' median, over it the interval, and a dot of each round.
std::string PlotLevel(const json& level) {
  const json& series = level["series"];
  double most = 0;
  for (const json& s : series) {
    for (const json& t : s["ticks"]) most = std::max(most, t.get<double>());
  }
  if (most <= 0) return "<p>No round was undisturbed: there is no figure.</p>";
  const double scale = kBars / most;
  std::string svg = OpenSvg(series.size());
  int y = 2;
  for (const json& s : series) {
    const double median = s["median"].get<double>();
    const double low = s["interval"][0].get<double>(), high = s["interval"][1].get<double>();
    svg += Label(y, s["load"]);
    svg += Format("<rect x='%d' y='%d' width='%.1f' height='18' fill='#a8c5e2'/>", kLabel, y + 2,
                  median * scale);
    svg += Format("<rect x='%.1f' y='%d' width='%.1f' height='6' fill='#225588'/>",
                  kLabel + low * scale, y + 8, std::max((high - low) * scale, 1.0));
    for (const json& t : s["ticks"]) {
      svg += Format("<circle cx='%.1f' cy='%d' r='1.5' fill='#444'/>",
                    kLabel + t.get<double>() * scale, y + 11);
    }
    svg += Format("<text x='%d' y='%d'>%.1f</text>", kLabel + kBars + 12, y + 15, median);
    y += kRow;
  }
  return svg + "</svg>";
}

// One bar of each load, cut into its stages.
std::string PlotStages(const json& loads) {
  double most = 0;
  for (const json& load : loads) most = std::max(most, load["ticks"].get<double>());
  if (most <= 0) return "";
  std::vector<std::string> names;  // in the order they are met: of the colours
  std::string svg = OpenSvg(loads.size());
  int y = 2;
  for (const json& load : loads) {
    svg += Label(y, load["load"]);
    double x = kLabel;
    for (const json& stage : load["stages"]) {
      const auto name = stage["stage"].get<std::string>();
      auto at = std::find(names.begin(), names.end(), name);
      if (at == names.end()) at = names.insert(names.end(), name);
      const double width = stage["ticks"].get<double>() * kBars / most;
      svg += Format("<rect x='%.1f' y='%d' width='%.1f' height='18' fill='%s'><title>", x, y + 2,
                    width, kColours[static_cast<size_t>(at - names.begin()) % kColours.size()]) +
             EscapeHtml(name) + Format(": %.1f ticks</title></rect>", stage["ticks"].get<double>());
      x += width;
    }
    svg += Format("<text x='%d' y='%d'>%.1f</text>", kLabel + kBars + 12, y + 15,
                  load["ticks"].get<double>());
    y += kRow;
  }
  svg += "</svg><p>";
  for (size_t n = 0; n < names.size(); ++n) {
    svg += Format("<span style='color:%s'>&#9632;</span> ", kColours[n % kColours.size()]) +
           EscapeHtml(names[n]) + " ";
  }
  return svg + "</p>";
}

std::string Headline(const json& figures) {
  std::string table = "<h2>Headline</h2><table><tr><th>figure<th>median<th>95 %<th>bound<th></tr>";
  for (const json& f : figures) {
    const bool at_most = f.contains("at_most");
    table += "<tr><td>" + Text(f["figure"]);
    if (f["measured"].get<bool>()) {
      table += Format("<td>%.2f <td>%.2f-%.2f", f["median"].get<double>(),
                      f["interval"][0].get<double>(), f["interval"][1].get<double>());
    } else {
      table += "<td>not measured<td>";
    }
    table += Format("<td>%s %g ", at_most ? "&le;" : "&ge;",
                    f[at_most ? "at_most" : "at_least"].get<double>()) +
             Text(f["unit"]) + "<td>" +
             (f.contains("met") ? (f["met"].get<bool>() ? "met" : "<b>not met</b>") : "") + "</tr>";
  }
  return table + "</table>";
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string ToHtml(const json& run) {
  std::string page =
      "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>flyover bench</title>"
      "<style>body{font:14px sans-serif;margin:2em;max-width:60em}svg text{font:12px sans-serif}"
      "td,th{padding:.15em .8em;text-align:left}pre{font-size:11px}</style></head><body>"
      "<h1>flyover bench</h1><table>";
  for (const auto& [key, value] : run.items()) {
    if (!value.is_array()) page += "<tr><th>" + EscapeHtml(key) + "<td>" + Text(value) + "</tr>";
  }
  page += "</table>";
  if (run.contains("headline")) page += Headline(run["headline"]);
  for (const json& level : run["levels"]) {
    page += "<h2>" + Text(level["level"]) + "</h2><p>TSC ticks a " + Text(level["unit"]) +
            ": median, its 95 % interval (dark), each round (dots). Rounds thrown away: " +
            std::to_string(level["rejected"].size()) +
            ", disturbed and kept: " + std::to_string(level["kept_disturbed"].size()) +
            (level["interrupted"].get<bool>() ? "; interrupted" : "") + ".</p>" + PlotLevel(level);
  }
  if (run.contains("stages")) {
    page += "<h2>Ticks of each stage, path level, sampled</h2>" + PlotStages(run["stages"]);
  }
  return page + "<h2>All samples</h2><pre>" + EscapeHtml(run.dump(1)) + "</pre></body></html>\n";
}

}  // namespace flyover
