// The control protocol: a UNIX stream socket, one JSON object per line each way, answers in the
// order of requests.
//
//   {"v":1,"command":"show.ports","args":{}}
//   {"ok":true,"result":{...}}      or {"ok":false,"error":{"code":"not_found","message":"..."}}
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace flyover {

inline constexpr int kControlProtocolVersion = 1;
// A whole request line. `reload` carries a document of up to 5 MiB, which JSON escapes make longer.
inline constexpr size_t kMaxControlLine = size_t{8} << 20;
inline constexpr size_t kMaxControlOutput = size_t{64} << 20;

// "not_found" and so on, as on the wire; kOk has none and gives "ok".
std::string_view ControlErrorCode(StatusCode code);
// Unknown codes (of a newer daemon) become kInternal.
StatusCode ParseControlErrorCode(std::string_view code);

// Lines without their newline.
std::string EncodeRequest(std::string_view command, const nlohmann::json& args);
std::string EncodeResult(const nlohmann::json& result);
std::string EncodeError(const Status& error);

// Reads of arguments for handlers: the error names the argument and what is accepted.
Result<std::string> StringArgument(const nlohmann::json& args, std::string_view name);
Result<std::string> StringArgument(const nlohmann::json& args, std::string_view name,
                                   std::string_view fallback);
Result<int64_t> IntegerArgument(const nlohmann::json& args, std::string_view name, int64_t minimum,
                                int64_t maximum);
Result<int64_t> IntegerArgument(const nlohmann::json& args, std::string_view name, int64_t minimum,
                                int64_t maximum, int64_t fallback);

}  // namespace flyover
