// SPDX-License-Identifier: MIT
#include "libos/exos/fs/extended.hpp"

namespace exos {

const ExtendedAttributes::Attribute* ExtendedAttributes::find(std::string_view name) const {
  for (const Attribute& attribute : list_)
    if (attribute.name.view() == name) return &attribute;
  return nullptr;
}

Status ExtendedAttributes::set(String name, String value, std::uint32_t flags) {
  for (Attribute& attribute : list_) {
    if (attribute.name.view() != name.view()) continue;
    if ((flags & attribute_create) != 0) return Fail{Errno::exist};
    attribute.value = std::move(value);
    return {};
  }
  if ((flags & attribute_replace) != 0) return Fail{Errno::nodata};
  Attribute fresh;
  fresh.name = std::move(name);
  fresh.value = std::move(value);
  return list_.push_back(std::move(fresh));
}

Status ExtendedAttributes::remove(std::string_view name) {
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if (list_[i].name.view() != name) continue;
    list_.erase(i);
    return {};
  }
  return Fail{Errno::nodata};
}

}  // namespace exos
