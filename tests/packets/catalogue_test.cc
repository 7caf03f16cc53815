// Every row of the catalogue through the whole path, in every form that a packet may have in
// memory.
#include <gtest/gtest.h>

#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

namespace {

class CatalogueTest : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() { lab_ = new PathLab; }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  static inline PathLab* lab_ = nullptr;
};

TEST_P(CatalogueTest, Row) { RunRow(*lab_, GetParam()); }

std::string NameOf(const ::testing::TestParamInfo<Row>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(RouterIpv4, CatalogueTest, ::testing::ValuesIn(RouterIpv4Rows()), NameOf);
INSTANTIATE_TEST_SUITE_P(RouterIpv6, CatalogueTest, ::testing::ValuesIn(RouterIpv6Rows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Fragment, CatalogueTest, ::testing::ValuesIn(FragmentRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Icmp, CatalogueTest, ::testing::ValuesIn(IcmpRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Link, CatalogueTest, ::testing::ValuesIn(LinkRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Exception, CatalogueTest, ::testing::ValuesIn(ExceptionRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Balancer, CatalogueTest, ::testing::ValuesIn(BalancerRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(VipIcmp, CatalogueTest, ::testing::ValuesIn(VipIcmpRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Malformed, CatalogueTest, ::testing::ValuesIn(MalformedRows()), NameOf);

}  // namespace
}  // namespace flyover::test
