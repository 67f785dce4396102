// SPDX-License-Identifier: MIT
// Extended attributes: names with values at an inode, kept in the library's memory as long as the inode lives.
#pragma once

#include "libos/exos/file.hpp"

namespace exos {

inline constexpr std::size_t attribute_name_limit = 255, attribute_value_limit = 64 * 1024;
inline constexpr std::uint32_t attribute_create = 1, attribute_replace = 2;

class ExtendedAttributes {
 public:
  struct Attribute { String name, value; };
  [[nodiscard]] const Attribute* find(std::string_view name) const;
  [[nodiscard]] Status set(String name, String value, std::uint32_t flags);   // EEXIST, ENODATA as the flags say
  [[nodiscard]] Status remove(std::string_view name);                         // ENODATA
  [[nodiscard]] const Vector<Attribute>& all() const { return list_; }

 private:
  Vector<Attribute> list_;
};

}  // namespace exos
