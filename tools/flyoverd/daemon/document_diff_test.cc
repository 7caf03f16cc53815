#include "tools/flyoverd/daemon/document_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace flyover {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

Document Running() {
  Document document;
  document.ports.resize(2);
  document.ports[0].name = "p0";
  document.ports[0].device = "net_af_packet0,iface=a";
  document.ports[0].mark.line = 7;
  document.ports[0].mark.column = 5;
  document.ports[1].name = "p1";
  lb::ServiceConfig web;
  web.name = "web";
  web.ports = lb::PortRange::One(80);
  web.backends = {{"web1", *IpAddress::Parse("10.2.0.11"), 100},
                  {"web2", *IpAddress::Parse("10.2.0.12"), 100}};
  document.lb.services = {web};
  return document;
}

TEST(DocumentDiff, TheSameDocumentChangesNothing) {
  EXPECT_TRUE(ChangesThatNeedRestart(Running(), Running(), "f").empty());
  EXPECT_TRUE(DescribeChanges(Running(), Running()).empty());
}

struct RestartCase {
  const char* path;
  std::function<void(Document&)> change;
};
class RestartTest : public ::testing::TestWithParam<RestartCase> {};

TEST_P(RestartTest, IsRefusedByItsPath) {
  Document next = Running();
  GetParam().change(next);
  const auto errors = ChangesThatNeedRestart(Running(), next, "flyoverd.yaml");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].path, GetParam().path);
  EXPECT_EQ(errors[0].file, "flyoverd.yaml");
}

INSTANTIATE_TEST_SUITE_P(
    Paths, RestartTest,
    ::testing::Values(
        RestartCase{"dataplane", [](Document& d) { d.dataplane.mbufs = 9; }},
        RestartCase{"kernel", [](Document& d) { d.kernel.network_namespace = "x"; }},
        RestartCase{"metrics", [](Document& d) { d.metrics.enabled = false; }},
        RestartCase{"control", [](Document& d) { d.control.group = "x"; }},
        RestartCase{"punt", [](Document& d) { d.punt.rate[0] = 1; }},
        RestartCase{"router.ecmp", [](Document& d) { d.router.ecmp.symmetric = true; }},
        RestartCase{"router.icmp_errors", [](Document& d) { d.router.icmp_errors.rate = 1; }},
        RestartCase{"balancer.seed", [](Document& d) { d.lb.seed = 1; }},
        RestartCase{"balancer.connections.capacity",
                    [](Document& d) { d.lb.connections.capacity = 1; }},
        RestartCase{"health.namespace", [](Document& d) { d.lb.health_namespace = "x"; }},
        RestartCase{"ports.p0", [](Document& d) { d.ports[0].device = "other"; }},
        RestartCase{"ports.p1", [](Document& d) { d.ports[1].mtu = 9000; }},
        RestartCase{"ports", [](Document& d) { d.ports.resize(3); }},
        RestartCase{"ports", [](Document& d) { d.ports.clear(); }}));

TEST(DocumentDiff, ARefusalSaysWhere) {
  Document next = Running();
  next.ports[0].device = "other";
  const auto errors = ChangesThatNeedRestart(Running(), next, "flyoverd.yaml");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].line, 7);
  EXPECT_EQ(errors[0].column, 5);
}

TEST(DocumentDiff, WhatCanChangeIsListed) {
  Document next = Running();
  next.ports[1].addresses = {*InterfaceAddress::Parse("10.2.0.1/24")};
  next.router.routes.resize(2);
  next.lb.services[0].backends[0].weight = 50;
  next.lb.services[0].backends[1].address = *IpAddress::Parse("10.2.0.99");
  next.lb.connections.tcp_timeout = std::chrono::seconds(9);
  next.log.level = "debug";
  EXPECT_TRUE(ChangesThatNeedRestart(Running(), next, "f").empty());
  EXPECT_THAT(DescribeChanges(Running(), next),
              UnorderedElementsAre("ports.p1.addresses: changed", "routes: 0 -> 2 static routes",
                                   "services.web.backends.web1.weight: 100 -> 50",
                                   "services.web.backends.web2.address: 10.2.0.12 -> 10.2.0.99",
                                   "balancer.connections: changed", "log: changed"));
}

TEST(DocumentDiff, ServicesAndBackendsComeAndGoByName) {
  Document next = Running();
  next.lb.services[0].backends.erase(next.lb.services[0].backends.begin());
  next.lb.services[0].backends.push_back({"web3", *IpAddress::Parse("10.2.0.13"), 100});
  EXPECT_THAT(DescribeChanges(Running(), next), ElementsAre("services.web.backends.web1: removed",
                                                            "services.web.backends.web3: added"));
  next = Running();
  next.lb.services[0].name = "www";
  EXPECT_THAT(DescribeChanges(Running(), next),
              ElementsAre("services.web: removed", "services.www: added"));
  next = Running();
  next.lb.services[0].ports = lb::PortRange::One(81);
  EXPECT_THAT(DescribeChanges(Running(), next), ElementsAre("services.web: changed"));
}

}  // namespace
}  // namespace flyover
