#include "common/config/scalar.h"

#include <gtest/gtest.h>

#include <random>

namespace flyover {
namespace {

using namespace std::string_view_literals;
using std::chrono::milliseconds;

struct Case {
  const char* name;
  Schema schema;
  const char* text;
  std::optional<ConfigValue::Scalar> expected;  // nothing: refused
  bool quoted = false;
};

std::string CaseName(const testing::TestParamInfo<Case>& row) { return row.param.name; }

class ScalarTest : public testing::TestWithParam<Case> {};

TEST_P(ScalarTest, IsTakenOrRefused) {
  std::string problem;
  const auto value = ParseScalar(GetParam().schema, GetParam().text, GetParam().quoted, problem);
  EXPECT_EQ(value, GetParam().expected) << problem;
  EXPECT_EQ(problem.empty(), value.has_value());
}

ConfigValue::Scalar Number(uint64_t value) { return value; }
ConfigValue::Scalar Ms(int64_t value) { return milliseconds(value); }
constexpr uint64_t kMax = ~uint64_t{0};

INSTANTIATE_TEST_SUITE_P(Numbers, ScalarTest,
                         testing::ValuesIn<Case>({
                             {"Zero", Unsigned(0, 9), "0", Number(0)},
                             {"Lowest", Unsigned(576, 9216), "576", Number(576)},
                             {"Highest", Unsigned(576, 9216), "9216", Number(9216)},
                             {"BelowRange", Unsigned(576, 9216), "575", {}},
                             {"AboveRange", Unsigned(576, 9216), "9217", {}},
                             {"Largest", Unsigned(0, kMax), "18446744073709551615", Number(kMax)},
                             {"BeyondSixtyFourBits", Unsigned(0, kMax), "18446744073709551616", {}},
                             {"Octal", Unsigned(0, 99), "010", {}},
                             {"DoubleZero", Unsigned(0, 99), "00", {}},
                             {"Hexadecimal", Unsigned(0, 99), "0x10", {}},
                             {"Plus", Unsigned(0, 99), "+1", {}},
                             {"Minus", Unsigned(0, 99), "-1", {}},
                             {"Underscore", Unsigned(0, 9999), "1_000", {}},
                             {"Exponent", Unsigned(0, 9999), "1e3", {}},
                             {"Fraction", Unsigned(0, 99), "1.0", {}},
                             {"Blank", Unsigned(0, 99), "", {}},
                             {"SpaceInside", Unsigned(0, 99), "1 2", {}},
                             {"InQuotes", Unsigned(0, 99), "1", {}, true},
                             {"RateFits", Rate(0, 1000), "1000/s", Number(1000)},
                             {"RateZero", Rate(0, 1000), "0/s", Number(0)},
                             {"RateAboveRange", Rate(0, 1000), "1001/s", {}},
                             {"RateWithoutUnit", Rate(0, 1000), "1000", {}},
                             {"RatePerMinute", Rate(0, 1000), "10/m", {}},
                             {"RateOnlyUnit", Rate(0, 1000), "/s", {}},
                         }),
                         CaseName);

INSTANTIATE_TEST_SUITE_P(Durations, ScalarTest,
                         testing::ValuesIn<Case>({
                             {"Milliseconds", Duration(1, 10'000), "500ms", Ms(500)},
                             {"Seconds", Duration(1, 10'000), "2s", Ms(2000)},
                             {"Minutes", Duration(1, 3'600'000), "5m", Ms(300'000)},
                             {"Hours", Duration(1, 3'600'000), "1h", Ms(3'600'000)},
                             {"InQuotes", Duration(1, 10'000), "2s", Ms(2000), true},
                             {"BelowRange", Duration(100, 10'000), "99ms", {}},
                             {"AboveRange", Duration(1, 10'000), "10001ms", {}},
                             {"WithoutUnit", Duration(1, 10'000), "2", {}},
                             {"UnknownUnit", Duration(1, 10'000), "2d", {}},
                             {"Fraction", Duration(1, 10'000), "0.5s", {}},
                             {"SpaceBeforeUnit", Duration(1, 10'000), "2 s", {}},
                             {"LeadingZero", Duration(1, 10'000), "02s", {}},
                             {"OnlyUnit", Duration(1, 10'000), "ms", {}},
                             {"ProductOverflows", Duration(1, kMax), "18446744073709551615h", {}},
                             {"NotAStep", Duration(1000, 60'000, 1000), "1500ms", {}},
                             {"AStep", Duration(1000, 60'000, 1000), "2000ms", Ms(2000)},
                         }),
                         CaseName);

INSTANTIATE_TEST_SUITE_P(
    Words, ScalarTest,
    testing::ValuesIn<Case>({
        {"True", Boolean(), "true", ConfigValue::Scalar(true)},
        {"False", Boolean(), "false", ConfigValue::Scalar(false)},
        {"Yes", Boolean(), "yes", {}},
        {"CapitalTrue", Boolean(), "True", {}},
        {"TrueInQuotes", Boolean(), "true", {}, true},
        {"Member", Enum({"tcp", "udp"}), "udp", ConfigValue::Scalar(std::string("udp"))},
        {"NoMember", Enum({"tcp", "udp"}), "sctp", {}},
        {"Later", Enum({"l2dsr"}, {"gre"}), "gre", {}},
        {"Name", Text(kNameFormat), "web-1.a_b", ConfigValue::Scalar(std::string("web-1.a_b"))},
        {"NameBeginsWithDash", Text(kNameFormat), "-web", {}},
        {"NameDots", Text(kNameFormat), "..", {}},
        {"NameSlash", Text(kNameFormat), "a/b", {}},
        {"NameTooLong", Text(kNameFormat), "a23456789012345678901234567890123", {}},
        {"NameEmpty", Text(kNameFormat), "", {}},
        {"NamespaceEmpty", Text(kNamespaceFormat), "", ConfigValue::Scalar(std::string())},
        {"InterfaceOfFifteen", Text(kInterfaceFormat), "a23456789012345",
         ConfigValue::Scalar(std::string("a23456789012345"))},
        {"InterfaceOfSixteen", Text(kInterfaceFormat), "a234567890123456", {}},
        {"RelativePath", Text(kPathFormat), "run/x", {}},
    }),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Addresses, ScalarTest,
    testing::ValuesIn<Case>({
        {"V4", Address(), "10.0.0.1", ConfigValue::Scalar(*IpAddress::Parse("10.0.0.1"))},
        {"V6", Address(), "2001:DB8::1", ConfigValue::Scalar(*IpAddress::Parse("2001:db8::1"))},
        {"OtherFamily", Address(IpFamily::kIpv4), "2001:db8::1", {}},
        {"OctetTooLarge", Address(), "10.0.0.256", {}},
        {"ThreeOctets", Address(), "10.0.1", {}},
        {"Zone", Address(), "fe80::1%eth0", {}},
        {"WithLength", Address(), "10.0.0.1/24", {}},
        {"Prefix", Simple(Schema::Type::kPrefix), "10.0.0.0/8",
         ConfigValue::Scalar(*IpPrefix::Parse("10.0.0.0/8"))},
        {"PrefixHostBits", Simple(Schema::Type::kPrefix), "10.0.0.1/8", {}},
        {"PrefixTooLong", Simple(Schema::Type::kPrefix), "10.0.0.0/33", {}},
        {"PrefixLeadingZero", Simple(Schema::Type::kPrefix), "10.0.0.0/08", {}},
        {"PrefixWithoutLength", Simple(Schema::Type::kPrefix), "10.0.0.0", {}},
        {"Interface", Simple(Schema::Type::kInterfaceAddress), "10.0.0.1/8",
         ConfigValue::Scalar(*InterfaceAddress::Parse("10.0.0.1/8"))},
        {"InterfaceNetmask", Simple(Schema::Type::kInterfaceAddress), "10.0.0.1/255.0.0.0", {}},
        {"Mac", Simple(Schema::Type::kMac), "02:00:00:00:00:0C",
         ConfigValue::Scalar(*MacAddress::Parse("02:00:00:00:00:0c"))},
        {"MacDashes", Simple(Schema::Type::kMac), "02-00-00-00-00-0c", {}},
    }),
    CaseName);

TEST(ParseScalar, AnyBytesAreSafe) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<Schema> schemas = {Unsigned(0, kMax),
                                       Duration(0, kMax),
                                       Rate(0, kMax),
                                       Boolean(),
                                       Address(),
                                       Enum({"a", "b"}),
                                       Text(kPathFormat),
                                       Text(kNameFormat),
                                       Simple(Schema::Type::kMac),
                                       Simple(Schema::Type::kPrefix),
                                       Simple(Schema::Type::kInterfaceAddress)};
  constexpr std::string_view kAlphabet = "0123456789abcdef:./msh \0\n\xff%-"sv;
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 20, ' ');
    for (char& c : text) c = kAlphabet[random() % kAlphabet.size()];
    std::string problem;
    const auto value = ParseScalar(schemas[random() % schemas.size()], text, false, problem);
    ASSERT_EQ(value.has_value(), problem.empty()) << Quoted(text);
  }
}

TEST(DurationText, ReadsBack) {
  EXPECT_EQ(DurationText(0), "0ms");
  EXPECT_EQ(DurationText(1500), "1500ms");
  EXPECT_EQ(DurationText(90'000), "90s");
  EXPECT_EQ(DurationText(300'000), "5m");
  EXPECT_EQ(DurationText(7'200'000), "2h");
}

}  // namespace
}  // namespace flyover
