// SPDX-License-Identifier: MIT
#include "exo/bench_peers.hpp"

#include <toml++/toml.h>

#include "exo/bench_html.hpp"

namespace exo {
namespace {

constexpr const char *heading = "Other systems, as published", *warning =
    "Quoted, not measured here: other machines, other years, other loads. They say what is possible, and cannot be divided by a figure of ours.";

Result<std::string> wanted(const toml::table& table, const char* key) {
  const std::string text = table[key].value_or(std::string{});
  if (text.empty()) return fail(own_failure, "bench/peers.toml: a table without `" + std::string{key} + "`");
  return text;
}

Result<Peer> read_peer(const toml::table& table) {
  Peer peer{.name = TRY(wanted(table, "name")), .what = TRY(wanted(table, "what")), .quoted = {}};
  if (const toml::array* quoted = table["quoted"].as_array())
    for (const toml::node& node : *quoted)
      if (const toml::table* one = node.as_table())
        peer.quoted.push_back({.what = TRY(wanted(*one, "what")), .figure = TRY(wanted(*one, "figure")), .conditions = TRY(wanted(*one, "conditions"))});
  return peer;
}

}  // namespace

Result<std::vector<Peer>> read_peers(const std::string& text) {
  std::vector<Peer> peers;
  try {
    const toml::table all = toml::parse(text);
    const toml::array* list = all["peer"].as_array();
    if (list == nullptr) return fail(own_failure, "bench/peers.toml holds no peers");
    for (const toml::node& node : *list)
      if (const toml::table* one = node.as_table()) peers.push_back(TRY(read_peer(*one)));
  } catch (const toml::parse_error& error) {
    return fail(own_failure, "bench/peers.toml: " + std::string{error.description()});
  }
  return peers;
}

std::string peers_markdown(const std::vector<Peer>& peers) {
  if (peers.empty()) return "";
  std::string text = "\n## " + std::string{heading} + "\n\n" + warning + "\n\n| system | quoted: what | figure | conditions |\n|---|---|---|---|\n";
  for (const Peer& peer : peers) {
    text += "| **" + peer.name + "**: " + peer.what + " | | | |\n";
    for (const PeerFigure& one : peer.quoted) text += "| | " + one.what + " | " + one.figure + " | " + one.conditions + " |\n";
  }
  return text;
}

std::string peers_html(const std::vector<Peer>& peers) {
  using html::escaped;
  if (peers.empty()) return "";
  std::string text = "<h2>" + std::string{heading} + "</h2><p>" + warning + "</p>";
  for (const Peer& peer : peers) {
    text += "<h3>" + escaped(peer.name) + "</h3><p>" + escaped(peer.what) + "</p><div class=\"wide\"><table>";
    for (const PeerFigure& one : peer.quoted)
      text += "<tr class=\"quoted\"><td>quoted: " + escaped(one.what) + "<br><small>" + escaped(one.conditions) + "</small></td><td>" + escaped(one.figure) + "</td></tr>";
    text += "</table></div>";
  }
  return text;
}

}  // namespace exo
