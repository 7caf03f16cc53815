#include "common/metrics/exporter.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace flyover {
namespace {

using testing::HasSubstr;

int ConnectTo(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

std::string Get(int port, const std::string& path = "/metrics") {
  const int fd = ConnectTo(port);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string answer;
  char chunk[4096];
  for (ssize_t n = 0; (n = recv(fd, chunk, sizeof(chunk), 0)) > 0;) {
    answer.append(chunk, static_cast<size_t>(n));
  }
  close(fd);
  return answer;
}

std::shared_ptr<const MetricsSnapshot> Sample() {
  MetricsBuilder builder;
  builder.Add(MetricId::kPortRxPackets, {"wan"}, 1234567890123.0);
  builder.Add(MetricId::kDrops, {"no_route"}, 7);
  builder.Add(MetricId::kBackendUp, {"web", "a \"quoted\\ name\n"}, 1);
  return std::make_shared<const MetricsSnapshot>(std::move(builder).Build());
}

TEST(MetricsExporter, ServesTheSnapshot) {
  auto exporter = MetricsExporter::Start({.listen = "127.0.0.1:0"}, Sample);
  ASSERT_TRUE(exporter.ok()) << exporter.status().message();
  const std::string answer = Get((*exporter)->port());
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("# HELP flyover_port_rx_packets_total packets received\n"
                                "# TYPE flyover_port_rx_packets_total counter\n"
                                "flyover_port_rx_packets_total{port=\"wan\"} 1234567890123\n"));
  EXPECT_THAT(answer, HasSubstr("flyover_drops_total{reason=\"no_route\"} 7\n"));
  EXPECT_THAT(answer, HasSubstr("# TYPE flyover_backend_up gauge\n"
                                "flyover_backend_up{service=\"web\","
                                "backend=\"a \\\"quoted\\\\ name\\n\"} 1\n"));
  EXPECT_THAT(Get((*exporter)->port(), "/etc/passwd"), HasSubstr("404"));
}

TEST(MetricsExporter, StopsAtOnce) {
  auto exporter = MetricsExporter::Start({.listen = "127.0.0.1:0"}, Sample);
  ASSERT_TRUE(exporter.ok());
  const auto start = std::chrono::steady_clock::now();
  exporter->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
}

TEST(MetricsExporter, NoSnapshotYetIsAnEmptyAnswer) {
  auto exporter = MetricsExporter::Start({.listen = "127.0.0.1:0"}, [] { return nullptr; });
  ASSERT_TRUE(exporter.ok());
  EXPECT_THAT(Get((*exporter)->port()), HasSubstr("200 OK"));
}

TEST(MetricsExporter, OccupiedAndImpossibleAddressesAreNamed) {
  auto first = MetricsExporter::Start({.listen = "127.0.0.1:0"}, Sample);
  ASSERT_TRUE(first.ok());
  const std::string taken = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = MetricsExporter::Start({.listen = taken}, Sample);
  EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(second.status().message(), "metrics: listen on " + taken + ": Address already in use");
  EXPECT_THAT(Get((*first)->port()), HasSubstr("200 OK"));

  EXPECT_THAT(MetricsExporter::Start({.listen = "192.0.2.77:9142"}, Sample).status().message(),
              HasSubstr("Cannot assign requested address"));
  for (const char* wrong : {"", "9142", "localhost:9142", "127.0.0.1:http", "127.0.0.1:"}) {
    EXPECT_FALSE(MetricsExporter::Start({.listen = wrong}, Sample).ok()) << wrong;
  }
}

TEST(MetricsExporter, ListensWhereTheRunnerRuns) {
  bool ran = false;
  const auto runner = [&](std::function<Status()> work) {
    Status status;
    std::thread([&] { status = work(); }).join();
    ran = true;
    return status;
  };
  auto exporter = MetricsExporter::Start({.listen = "127.0.0.1:0"}, Sample, runner);
  ASSERT_TRUE(exporter.ok());
  EXPECT_TRUE(ran);
  const auto refuses = [](const std::function<Status()>&) {
    return Status(StatusCode::kNotFound, "no such namespace");
  };
  EXPECT_EQ(MetricsExporter::Start({.listen = "127.0.0.1:0"}, Sample, refuses).status().message(),
            "no such namespace");
}

TEST(MetricsExporter, HundredStalledScrapersDoNotStopAnother) {
  auto exporter = MetricsExporter::Start({.listen = "127.0.0.1:0"}, Sample);
  ASSERT_TRUE(exporter.ok());
  std::vector<int> stalled;
  for (int i = 0; i < 100; ++i) {
    stalled.push_back(ConnectTo((*exporter)->port()));
    const std::string half = "GET /metrics HT";
    ASSERT_GT(send(stalled.back(), half.data(), half.size(), 0), 0);
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Get((*exporter)->port()), HasSubstr("200 OK"));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took, std::chrono::seconds(2));
  for (const int fd : stalled) close(fd);
}

}  // namespace
}  // namespace flyover
