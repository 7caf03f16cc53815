#include "common/config/scalar.h"

#include <algorithm>
#include <charconv>

namespace flyover {
namespace {

using Scalar = ConfigValue::Scalar;
using Type = Schema::Type;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Decimal digits only: no sign, no 0x, no 010, no 1_000, no 1e3.
std::optional<uint64_t> ParseDecimal(std::string_view text, std::string& problem) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) {
    problem = Quoted(text) + " is not a whole decimal number";
    return std::nullopt;
  }
  if (text.size() > 1 && text[0] == '0') {
    problem = Quoted(text) + " has a leading zero (octal elsewhere)";
    return std::nullopt;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) {
    problem = Quoted(text) + " is out of range";
    return std::nullopt;
  }
  return value;
}

bool InRange(const Schema& schema, uint64_t value, std::string_view text, std::string& problem) {
  if (value >= schema.min && value <= schema.max) return true;
  problem = Quoted(text) + " is out of range";
  return false;
}

std::optional<Scalar> ParseUnsigned(const Schema& schema, std::string_view text, bool quoted,
                                    std::string& problem) {
  if (quoted) {
    problem = Quoted(text) + " stands in quotes, which makes it text";
    return std::nullopt;
  }
  const auto value = ParseDecimal(text, problem);
  if (!value || !InRange(schema, *value, text, problem)) return std::nullopt;
  return Scalar(*value);
}

std::optional<Scalar> ParseRate(const Schema& schema, std::string_view text, std::string& problem) {
  if (!text.ends_with("/s")) {
    problem = Quoted(text) + " does not end in '/s'";
    return std::nullopt;
  }
  const auto value = ParseDecimal(text.substr(0, text.size() - 2), problem);
  if (!value || !InRange(schema, *value, text, problem)) return std::nullopt;
  return Scalar(*value);
}

std::optional<Scalar> ParseDuration(const Schema& schema, std::string_view text,
                                    std::string& problem) {
  const auto digits_end = std::find_if_not(text.begin(), text.end(), IsDigit);
  const std::string_view digits(text.begin(), digits_end);
  const std::string_view unit(digits_end, text.end());
  const uint64_t factor = unit == "ms"  ? 1
                          : unit == "s" ? 1000
                          : unit == "m" ? 60'000
                          : unit == "h" ? 3'600'000
                                        : 0;
  if (digits.empty() || factor == 0) {
    problem = Quoted(text) + (unit.empty() ? " has no unit" : " is not a whole number with a unit");
    return std::nullopt;
  }
  const auto value = ParseDecimal(digits, problem);
  if (!value) return std::nullopt;
  if (*value > schema.max / factor || *value * factor < schema.min) {
    problem = Quoted(text) + " is out of range";
    return std::nullopt;
  }
  if (*value * factor % schema.step != 0) {
    problem = Quoted(text) + " is not a multiple of " + DurationText(schema.step);
    return std::nullopt;
  }
  return Scalar(std::chrono::milliseconds(*value * factor));
}

std::optional<Scalar> ParseEnum(const Schema& schema, std::string_view text, std::string& problem) {
  if (std::find(schema.values.begin(), schema.values.end(), text) != schema.values.end()) {
    return Scalar(std::string(text));
  }
  if (std::find(schema.not_yet.begin(), schema.not_yet.end(), text) != schema.not_yet.end()) {
    problem = Quoted(text) + " is not available yet";
    return std::nullopt;
  }
  problem = Quoted(text) + " is not one of the accepted words";
  const std::string_view closest = ClosestWord(text, schema.values);
  if (!closest.empty()) problem += " (did you mean " + Quoted(closest) + "?)";
  return std::nullopt;
}

std::optional<Scalar> ParseAddress(const Schema& schema, std::string_view text,
                                   std::string& problem) {
  const auto address = IpAddress::Parse(text);
  if (address && (!schema.family || address->family() == *schema.family)) return Scalar(*address);
  if (address) {
    problem = Quoted(text) + " is of the other address family";
  } else if (text.find('/') != std::string_view::npos) {
    problem = Quoted(text) + " has a prefix length, which does not belong here";
  } else {
    problem = Quoted(text) + " is not an IP address";
  }
  return std::nullopt;
}

std::optional<Scalar> ParsePrefix(std::string_view text, std::string& problem) {
  if (const auto prefix = IpPrefix::Parse(text)) return Scalar(*prefix);
  if (const auto with_host = InterfaceAddress::Parse(text)) {
    problem = Quoted(text) + " has host bits set (did you mean " +
              Quoted(with_host->Subnet().ToString()) + "?)";
  } else if (IpAddress::Parse(text)) {
    problem = Quoted(text) + " lacks its prefix length";
  } else {
    problem = Quoted(text) + " is not a prefix";
  }
  return std::nullopt;
}

std::optional<Scalar> ParseInterfaceAddress(std::string_view text, std::string& problem) {
  if (const auto address = InterfaceAddress::Parse(text)) return Scalar(*address);
  problem = Quoted(text) + (IpAddress::Parse(text) ? " lacks its prefix length"
                                                   : " is not an address with a prefix length");
  return std::nullopt;
}

}  // namespace

bool IsScalar(Type type) {
  return type != Type::kMap && type != Type::kNamedMap && type != Type::kList &&
         type != Type::kOneOf;
}

std::optional<Scalar> ParseScalar(const Schema& schema, std::string_view text, bool quoted,
                                  std::string& problem) {
  switch (schema.type) {
    case Type::kText:
      if (Matches(*schema.format, text)) return Scalar(std::string(text));
      problem = text.empty() ? "is empty" : Quoted(text) + " is not valid";
      return std::nullopt;
    case Type::kEnum:
      return ParseEnum(schema, text, problem);
    case Type::kBoolean:
      if (!quoted && (text == "true" || text == "false")) return Scalar(text == "true");
      problem = Quoted(text) + " is neither true nor false";
      return std::nullopt;
    case Type::kUnsigned:
      return ParseUnsigned(schema, text, quoted, problem);
    case Type::kDuration:
      return ParseDuration(schema, text, problem);
    case Type::kRate:
      return ParseRate(schema, text, problem);
    case Type::kAddress:
      return ParseAddress(schema, text, problem);
    case Type::kPrefix:
      return ParsePrefix(text, problem);
    case Type::kInterfaceAddress:
      return ParseInterfaceAddress(text, problem);
    case Type::kMac:
      if (const auto mac = MacAddress::Parse(text)) return Scalar(*mac);
      problem = Quoted(text) + " is not a MAC address";
      return std::nullopt;
    case Type::kMap:
    case Type::kNamedMap:
    case Type::kList:
    case Type::kOneOf:
      break;
  }
  problem = Quoted(text) + " is a single value";
  return std::nullopt;
}

}  // namespace flyover
