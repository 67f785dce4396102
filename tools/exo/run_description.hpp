// SPDX-License-Identifier: MIT
// The member aegis/run: what to start and how, as lines of key=value. Format: docs/archive.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace exo {

[[nodiscard]] std::string escape(std::string_view raw);
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);  // nothing: a broken %XX

class RunDescription {
 public:
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, std::uint64_t value) { add(key, std::to_string(value)); }
  [[nodiscard]] const std::string& text() const { return text_; }

  using Pairs = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] static std::optional<Pairs> parse(std::string_view text);

 private:
  std::string text_;
};

}  // namespace exo
