#include "common/control/protocol.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace flyover {
namespace {

using nlohmann::json;

TEST(ControlProtocol, ErrorCodesRoundTrip) {
  for (const StatusCode code :
       {StatusCode::kInvalidArgument, StatusCode::kNotFound, StatusCode::kAlreadyExists,
        StatusCode::kFailedPrecondition, StatusCode::kResourceExhausted,
        StatusCode::kPermissionDenied, StatusCode::kUnavailable, StatusCode::kInternal}) {
    EXPECT_EQ(ParseControlErrorCode(ControlErrorCode(code)), code);
  }
  EXPECT_EQ(ParseControlErrorCode("from_the_future"), StatusCode::kInternal);
  EXPECT_EQ(ParseControlErrorCode("ok"), StatusCode::kInternal);
}

TEST(ControlProtocol, EncodesOnOneLineWhateverTheText) {
  const std::string line = EncodeError({StatusCode::kNotFound, "two\nlines \"and\" \xff\x01"});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const json parsed = json::parse(line);
  EXPECT_FALSE(parsed["ok"].get<bool>());
  EXPECT_EQ(parsed["error"]["code"], "not_found");
  EXPECT_EQ(parsed["error"]["message"], "two\nlines \"and\" \xef\xbf\xbd\x01");

  EXPECT_EQ(json::parse(EncodeResult({{"a", 1}})), (json{{"ok", true}, {"result", {{"a", 1}}}}));
  EXPECT_EQ(json::parse(EncodeRequest("show.ports", json::object())),
            (json{{"v", 1}, {"command", "show.ports"}, {"args", json::object()}}));
}

TEST(ControlProtocol, ReadsArguments) {
  const json args = {{"name", "web"}, {"weight", 7}, {"half", 1.5}, {"huge", UINT64_MAX}};
  EXPECT_EQ(*StringArgument(args, "name"), "web");
  EXPECT_EQ(*StringArgument(args, "other", "none"), "none");
  EXPECT_EQ(StringArgument(args, "other").status().message(), "argument 'other' is missing");
  EXPECT_EQ(StringArgument(args, "weight", "x").status().code(), StatusCode::kInvalidArgument);

  EXPECT_EQ(*IntegerArgument(args, "weight", 0, 7), 7);
  EXPECT_EQ(*IntegerArgument(args, "limit", 0, 100, 20), 20);
  EXPECT_FALSE(IntegerArgument(args, "limit", 0, 100).ok());
  EXPECT_FALSE(IntegerArgument(args, "half", 0, 100).ok());
  EXPECT_FALSE(IntegerArgument(args, "name", 0, 100).ok());
  EXPECT_FALSE(IntegerArgument(args, "huge", INT64_MIN, INT64_MAX).ok());
  EXPECT_EQ(IntegerArgument(args, "weight", 0, 6).status().message(),
            "argument 'weight' must be a whole number from 0 to 6");
}

}  // namespace
}  // namespace flyover
