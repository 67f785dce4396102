// SPDX-License-Identifier: MIT
// Other systems that one machine can run, and figures that others published of them, with their conditions (bench/peers.toml). They stand apart
// from what is measured here, always.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

struct PeerFigure {
  std::string what, figure, conditions;
};
struct Peer {
  std::string name, what;
  std::vector<PeerFigure> quoted;
};

// [[peer]] `name`, `what`; [[peer.quoted]] `what`, `figure`, `conditions`. A figure without its conditions is refused.
[[nodiscard]] Result<std::vector<Peer>> read_peers(const std::string& text);
// A table, and the same for a page.
[[nodiscard]] std::string peers_markdown(const std::vector<Peer>& peers);
[[nodiscard]] std::string peers_html(const std::vector<Peer>& peers);

}  // namespace exo
