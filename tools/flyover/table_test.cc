#include "tools/flyover/table.h"

#include <gtest/gtest.h>

#include "tools/flyover/units.h"

namespace flyover {
namespace {

TEST(Units, Counts) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(9'999), "9,999");
  EXPECT_EQ(HumanCount(10'000), "10.0 k");
  EXPECT_EQ(HumanCount(1'234'567), "1.2 M");
  EXPECT_EQ(HumanCount(999'949), "999.9 k");
  EXPECT_EQ(HumanCount(999'999), "1.0 M");
  EXPECT_EQ(HumanCount(UINT64_MAX), "18.4 E");
  EXPECT_EQ(ExactCount(0), "0");
  EXPECT_EQ(ExactCount(999), "999");
  EXPECT_EQ(ExactCount(1'000), "1,000");
  EXPECT_EQ(ExactCount(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Units, BytesDurationsSpeeds) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1'023), "1023 B");
  EXPECT_EQ(HumanBytes(1'536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(uint64_t{10} << 20), "10.0 MiB");
  EXPECT_EQ(HumanBytes((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(HumanDuration(0.0000025), "2.5 us");
  EXPECT_EQ(HumanDuration(0), "0 us");
  EXPECT_EQ(HumanDuration(0.0000125), "12 us");
  EXPECT_EQ(HumanDuration(0.25), "250 ms");
  EXPECT_EQ(HumanDuration(1.5), "1.5s");
  EXPECT_EQ(HumanDuration(75), "1m 15s");
  EXPECT_EQ(HumanDuration(3'725), "1h 2m");
  EXPECT_EQ(HumanDuration(90'000), "1d 1h");
  EXPECT_EQ(HumanDuration(-1), "-");
  EXPECT_EQ(HumanPercent(33.333), "33.3 %");
  EXPECT_EQ(HumanSpeed(0), "-");
  EXPECT_EQ(HumanSpeed(100), "100 Mbit/s");
  EXPECT_EQ(HumanSpeed(2'500), "2.5 Gbit/s");
  EXPECT_EQ(HumanSpeed(25'000), "25 Gbit/s");
}

TEST(Table, AlignsColumnsWithoutTrailingSpace) {
  Table table({{"NAME"}, {"PACKETS", Table::Align::kRight}, {"NOTE"}});
  table.AddRow({"wan", "5", "first"});
  table.AddRow({"a-long-name", "12,345,678"});
  table.AddRow({"x", "1", "", "surplus"});
  EXPECT_EQ(table.Render(),
            "NAME            PACKETS  NOTE\n"
            "wan                   5  first\n"
            "a-long-name  12,345,678\n"
            "x                     1\n");
}

TEST(Table, CountsCharactersAndShowsNoControls) {
  Table table({{"A"}, {"B"}});
  table.AddRow({"\xc3\xa4\xe2\x82\xac", "x"});
  table.AddRow({"abc", "\x1b[2J\n\xff\xc2\x9b"});
  EXPECT_EQ(table.Render(), "A    B\n\xc3\xa4\xe2\x82\xac   x\nabc  ?[2J???\n");
}

}  // namespace
}  // namespace flyover
