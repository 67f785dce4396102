// SPDX-License-Identifier: MIT
// Text from values, without a heap: `text.print("slot {} at {:016x}: {}", slot, address, error)` into a bounded buffer.
//
// A placeholder is `{}` or `{:[0][width][x]}`: x is hexadecimal, # before it a leading 0x, width pads on the left with
// spaces (or zeros), < pads on the right. `{{` and `}}` are braces. Number of placeholders and their form are checked
// when the call is compiled. What does not fit is cut off and told by truncated().
#pragma once

#include "base/std.hpp"

namespace base {

// One argument, its type erased so that the formatter itself is compiled once.
class FormatValue {
 public:
  enum class Kind : std::uint8_t { text, character, natural, integer, boolean };

  constexpr FormatValue(std::string_view text) : kind_{Kind::text}, text_{text} {}
  constexpr FormatValue(const char* text) : kind_{Kind::text}, text_{text} {}
  constexpr FormatValue(char c) : kind_{Kind::character}, number_{static_cast<unsigned char>(c)} {}
  constexpr FormatValue(bool b) : kind_{Kind::boolean}, number_{b} {}
  template <std::unsigned_integral T>
  constexpr FormatValue(T n) : kind_{Kind::natural}, number_{n} {}
  template <std::signed_integral T>
  constexpr FormatValue(T n) : kind_{Kind::integer}, number_{static_cast<std::uint64_t>(std::int64_t{n})} {}
  // Strong integers print as their number; enumerations by `name(e)` where there is one, else as their number.
  template <typename T>
    requires requires(const T& t) { typename T::rep; { t.raw() } -> std::same_as<typename T::rep>; }
  constexpr FormatValue(const T& strong) : FormatValue{strong.raw()} {}
  template <typename T>
    requires std::is_enum_v<T>
  constexpr FormatValue(T e) : FormatValue{of_enum(e)} {}
  FormatValue(const void* p) : kind_{Kind::natural}, number_{reinterpret_cast<std::uintptr_t>(p)} {}

  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }
  [[nodiscard]] constexpr std::uint64_t number() const { return number_; }

 private:
  template <typename T>
  static constexpr FormatValue of_enum(T e) {
    if constexpr (requires {
                    { name(e) } -> std::convertible_to<std::string_view>;
                  })
      return FormatValue{std::string_view{name(e)}};
    else return FormatValue{static_cast<std::underlying_type_t<T>>(e)};
  }
  Kind kind_;
  std::uint64_t number_ = 0;
  std::string_view text_{};
};

struct FormatSpec {
  std::uint32_t width = 0;
  bool zeros = false, hexadecimal = false, prefix = false, left = false;
};

// Reads the part between `{` and `}`; false when it has an unknown letter.
[[nodiscard]] constexpr bool parse_format_spec(std::string_view text, FormatSpec& out) {
  if (text.empty()) return true;
  if (text[0] != ':') return false;
  for (const char c : text.substr(1)) {
    if (out.hexadecimal) return false;  // x comes last
    if (c == '#') out.prefix = true;
    else if (c == '<') out.left = true;
    else if (c == 'x') out.hexadecimal = true;
    else if (c == '0' && out.width == 0) out.zeros = true;
    else if (c >= '0' && c <= '9') out.width = out.width * 10 + static_cast<std::uint32_t>(c - '0');
    else return false;
  }
  return out.width <= 256;
}

// A format string that is known to fit `Args` (std::type_identity keeps it out of deduction).
template <typename... Args>
class FormatString {
 public:
  template <typename T>
    requires std::convertible_to<const T&, std::string_view>
  consteval FormatString(const T& text) : text_{text} {
    std::size_t placeholders = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] != '{' && text_[i] != '}') continue;
      if (i + 1 < text_.size() && text_[i + 1] == text_[i]) { ++i; continue; }
      const std::size_t end = text_.find('}', i);
      FormatSpec spec;
      if (text_[i] == '}' || end == std::string_view::npos) unbalanced_brace_in_format();
      else if (!parse_format_spec(text_.substr(i + 1, end - i - 1), spec)) unknown_letter_in_placeholder();
      ++placeholders;
      i = end;
    }
    if (placeholders != sizeof...(Args)) number_of_placeholders_and_arguments_differ();
  }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  // Not constexpr: naming one in a constant expression is the compile-time error message.
  static void unbalanced_brace_in_format() {}
  static void unknown_letter_in_placeholder() {}
  static void number_of_placeholders_and_arguments_differ() {}
  std::string_view text_;
};

// Text that grows in memory that somebody else owns.
class TextBuffer {
 public:
  explicit constexpr TextBuffer(std::span<char> memory) : memory_{memory} {}
  TextBuffer(const TextBuffer&) = delete;
  TextBuffer& operator=(const TextBuffer&) = delete;

  [[nodiscard]] constexpr std::string_view view() const { return {memory_.data(), used_}; }
  [[nodiscard]] constexpr std::size_t size() const { return used_; }
  [[nodiscard]] constexpr bool truncated() const { return truncated_; }
  constexpr void clear() {
    used_ = 0;
    truncated_ = false;
  }

  constexpr TextBuffer& append(char c) {
    if (used_ < memory_.size()) memory_[used_++] = c;
    else truncated_ = true;
    return *this;
  }
  constexpr TextBuffer& append(std::string_view text) {
    for (const char c : text) append(c);
    return *this;
  }
  constexpr TextBuffer& append(std::size_t count, char c) {
    while (count-- > 0) append(c);
    return *this;
  }

  template <typename... Args>
  constexpr TextBuffer& print(FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
    const std::array<FormatValue, sizeof...(Args)> values{FormatValue{args}...};
    return print_values(format.text(), values);
  }

  // The formatter proper. `format` has been checked against the number of values.
  constexpr TextBuffer& print_values(std::string_view format, std::span<const FormatValue> values) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < format.size(); ++i) {
      const char c = format[i];
      if (c != '{' && c != '}') { append(c); continue; }
      if (i + 1 < format.size() && format[i + 1] == c) { append(c); ++i; continue; }
      const std::size_t end = format.find('}', i);
      FormatSpec spec;
      if (end == std::string_view::npos || next >= values.size()) return *this;
      if (parse_format_spec(format.substr(i + 1, end - i - 1), spec)) append_value(values[next++], spec);
      i = end;
    }
    return *this;
  }

 private:
  constexpr void append_value(const FormatValue& value, const FormatSpec& spec) {
    using Kind = FormatValue::Kind;
    std::array<char, 24> digits{};
    if (value.kind() == Kind::text) return append_padded(value.text(), {}, spec);
    if (value.kind() == Kind::boolean) return append_padded(value.number() != 0 ? "true" : "false", {}, spec);
    if (value.kind() == Kind::character) {
      digits[0] = static_cast<char>(value.number());
      return append_padded({digits.data(), 1}, {}, spec);
    }
    std::uint64_t number = value.number();
    std::string_view sign = spec.prefix ? "0x" : "";
    if (value.kind() == Kind::integer && !spec.hexadecimal && (number >> 63) != 0) {
      number = ~number + 1;
      sign = "-";
    }
    const std::uint64_t radix = spec.hexadecimal ? 16 : 10;
    std::size_t at = digits.size();
    do {
      digits[--at] = "0123456789abcdef"[number % radix];
      number /= radix;
    } while (number != 0);
    append_padded({digits.data() + at, digits.size() - at}, sign, spec);
  }

  constexpr void append_padded(std::string_view text, std::string_view sign, const FormatSpec& spec) {
    const std::size_t length = text.size() + sign.size();
    const std::size_t padding = spec.width > length ? spec.width - length : 0;
    if (!spec.left && !spec.zeros) append(padding, ' ');
    append(sign);
    if (!spec.left && spec.zeros) append(padding, '0');
    append(text);
    if (spec.left) append(padding, ' ');
  }

  std::span<char> memory_;
  std::size_t used_ = 0;
  bool truncated_ = false;
};

// The same with its own memory.
template <std::size_t Size>
class Text : public TextBuffer {
 public:
  constexpr Text() : TextBuffer{std::span<char>{storage_}} {}
  template <typename... Args>
  explicit constexpr Text(FormatString<std::type_identity_t<Args>...> format, const Args&... args) : Text{} {
    print(format, args...);
  }

 private:
  std::array<char, Size> storage_{};
};

}  // namespace base
