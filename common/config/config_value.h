// A document that fits its schema: typed values, defaults filled in, every value with its place.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/config/config_report.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover {

struct ConfigValue {
  // kText and kEnum are strings, kRate and kUnsigned numbers.
  using Scalar =
      std::variant<std::monostate, bool, uint64_t, std::string, std::chrono::milliseconds,
                   IpAddress, IpPrefix, InterfaceAddress, MacAddress>;

  ConfigPosition at;      // where it begins; of a default: where the map that lacks it begins
  ConfigPosition key_at;  // member of a map: where its key begins
  std::string path;       // "services.web.vip[0]"
  std::string key;        // member of a map
  bool given = false;     // false: a default
  // False: here or below something was wrong, was reported, and is left out of this tree. Checks
  // that conclude from what is absent ("no such port") must not run then.
  bool complete = true;
  Scalar scalar;
  std::vector<ConfigValue> items;  // elements of a list, members of a map

  // A member of a map; null when it is absent (optional) or was faulty.
  const ConfigValue* Find(std::string_view name) const;
  // The member's items; none when it is absent.
  const std::vector<ConfigValue>& ItemsOf(std::string_view name) const;

  // REQUIRES: the schema says so.
  template <typename T>
  const T& As() const {
    return std::get<T>(scalar);
  }
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(scalar);
  }

  // Copies a scalar member into `out`; leaves it alone when the member is absent or was faulty.
  // Numbers fit: the schema's range is the member's.
  template <typename T>
  void Get(std::string_view name, T& out) const {
    const ConfigValue* const member = Find(name);
    if (member == nullptr) return;
    if constexpr (std::unsigned_integral<T> && !std::same_as<T, bool>) {
      out = static_cast<T>(member->As<uint64_t>());
    } else if constexpr (std::same_as<T, std::chrono::seconds>) {
      out = std::chrono::duration_cast<T>(member->As<std::chrono::milliseconds>());
    } else {
      out = member->As<T>();
    }
  }
};

}  // namespace flyover
