#include "common/control/protocol.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace flyover {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<StatusCode, std::string_view>, 9> kCodes = {{
    {StatusCode::kOk, "ok"},
    {StatusCode::kInvalidArgument, "invalid_argument"},
    {StatusCode::kNotFound, "not_found"},
    {StatusCode::kAlreadyExists, "already_exists"},
    {StatusCode::kFailedPrecondition, "failed_precondition"},
    {StatusCode::kResourceExhausted, "resource_exhausted"},
    {StatusCode::kPermissionDenied, "permission_denied"},
    {StatusCode::kUnavailable, "unavailable"},
    {StatusCode::kInternal, "internal"},
}};

// Names in documents may come from anywhere: bytes that are no UTF-8 are replaced rather than
// thrown about.
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status Missing(std::string_view name) {
  return {StatusCode::kInvalidArgument, "argument '" + std::string(name) + "' is missing"};
}

}  // namespace

std::string_view ControlErrorCode(StatusCode code) {
  for (const auto& [status, name] : kCodes) {
    if (status == code) return name;
  }
  return "internal";
}

StatusCode ParseControlErrorCode(std::string_view code) {
  for (const auto& [status, name] : kCodes) {
    if (name == code && status != StatusCode::kOk) return status;
  }
  return StatusCode::kInternal;
}

std::string EncodeRequest(std::string_view command, const json& args) {
  return Dump({{"v", kControlProtocolVersion}, {"command", command}, {"args", args}});
}

std::string EncodeResult(const json& result) {
  // Not built as one object: that would copy the result, which may be large.
  return "{\"ok\":true,\"result\":" + Dump(result) + "}";
}

std::string EncodeError(const Status& error) {
  return Dump(
      {{"ok", false},
       {"error", {{"code", ControlErrorCode(error.code())}, {"message", error.message()}}}});
}

Result<std::string> StringArgument(const json& args, std::string_view name) {
  const auto it = args.find(name);
  if (it == args.end()) return Missing(name);
  if (!it->is_string()) {
    return Status(StatusCode::kInvalidArgument,
                  "argument '" + std::string(name) + "' must be a string");
  }
  return it->get<std::string>();
}

Result<std::string> StringArgument(const json& args, std::string_view name,
                                   std::string_view fallback) {
  if (!args.contains(name)) return std::string(fallback);
  return StringArgument(args, name);
}

Result<int64_t> IntegerArgument(const json& args, std::string_view name, int64_t minimum,
                                int64_t maximum) {
  const auto it = args.find(name);
  if (it == args.end()) return Missing(name);
  const bool fits =
      it->is_number_integer() &&
      !(it->is_number_unsigned() && it->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
  if (!fits || it->get<int64_t>() < minimum || it->get<int64_t>() > maximum) {
    return Status(StatusCode::kInvalidArgument,
                  "argument '" + std::string(name) + "' must be a whole number from " +
                      std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  return it->get<int64_t>();
}

Result<int64_t> IntegerArgument(const json& args, std::string_view name, int64_t minimum,
                                int64_t maximum, int64_t fallback) {
  if (!args.contains(name)) return fallback;
  return IntegerArgument(args, name, minimum, maximum);
}

}  // namespace flyover
