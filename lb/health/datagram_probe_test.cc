#include "lb/health/datagram_probe.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <random>

namespace flyover::lb {
namespace {

using std::chrono::milliseconds;
using Clock = DatagramProbe::Clock;
using Kind = HealthConfig::Kind;

// A UDP socket on the loopback address of a family, that answers when it is told to.
class Peer {
 public:
  explicit Peer(bool v6) : v6_(v6), fd_(socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_storage address = Loopback();
    socklen_t length = sizeof(address);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), Length()) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      ADD_FAILURE() << "cannot bind";
    }
    port_ = ntohs(v6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                     : reinterpret_cast<sockaddr_in&>(address).sin_port);
  }
  ~Peer() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  uint16_t port() const { return port_; }
  IpAddress address() const { return *IpAddress::Parse(v6_ ? "::1" : "127.0.0.1"); }

  std::string Receive() {
    std::array<char, 2048> data;
    socklen_t length = sizeof(from_);
    const ssize_t n =
        recvfrom(fd_, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from_), &length);
    return n < 0 ? "" : std::string(data.data(), static_cast<size_t>(n));
  }
  void Send(const std::string& data) {
    EXPECT_EQ(
        sendto(fd_, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from_), Length()),
        static_cast<ssize_t>(data.size()));
  }

 private:
  sockaddr_storage Loopback() const {
    sockaddr_storage address{};
    if (v6_) {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
      v6.sin6_family = AF_INET6;
      v6.sin6_addr = in6addr_loopback;
    } else {
      auto& v4 = reinterpret_cast<sockaddr_in&>(address);
      v4.sin_family = AF_INET;
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return address;
  }
  socklen_t Length() const { return v6_ ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

  bool v6_;
  int fd_;
  uint16_t port_ = 0;
  sockaddr_storage from_{};
};

class DatagramProbeTest : public testing::TestWithParam<bool> {
 protected:
  DatagramProbeTest() : peer_(GetParam()) {}
  HealthTarget Target(Kind kind) const {
    HealthTarget target;
    target.address = peer_.address();
    target.kind = kind;
    target.port = peer_.port();
    target.timeout = milliseconds(20'000);
    return target;
  }
  // Waits for what comes, not for time.
  static ProbeResult Wait(DatagramProbe& probe) {
    for (int i = 0; i < 100; ++i) {
      if (const auto result = probe.Judge(Clock::now())) return *result;
      pollfd bell = {probe.fd(), POLLIN, 0};
      poll(&bell, 1, 20'000);
    }
    return {false, "nothing came"};
  }

  Peer peer_;
};
INSTANTIATE_TEST_SUITE_P(Families, DatagramProbeTest, testing::Bool(),
                         [](const auto& row) { return row.param ? "IPv6" : "IPv4"; });

TEST_P(DatagramProbeTest, UdpSendsItsPayloadAndTakesAnyAnswer) {
  HealthTarget target = Target(Kind::kUdp);
  target.send = "ping";
  DatagramProbe probe(target, 7, Clock::now());
  EXPECT_EQ(peer_.Receive(), "ping");
  EXPECT_FALSE(probe.Judge(Clock::now()).has_value());
  peer_.Send("");
  EXPECT_TRUE(Wait(probe).good);
}

TEST_P(DatagramProbeTest, UdpLooksForTheExpectedText) {
  HealthTarget target = Target(Kind::kUdp);
  target.body = "pong";
  for (const bool good : {true, false}) {
    DatagramProbe probe(target, 7, Clock::now());
    EXPECT_EQ(peer_.Receive(), "");
    peer_.Send(good ? "its pong!" : "its pon");
    EXPECT_EQ(Wait(probe).good, good);
  }
}

TEST_P(DatagramProbeTest, AClosedPortIsKnownAtOnce) {
  const HealthTarget target = Target(Kind::kUdp);
  peer_.Close();
  DatagramProbe probe(target, 7, Clock::now());
  const ProbeResult result = Wait(probe);
  EXPECT_FALSE(result.good);
  EXPECT_NE(result.reason.find("refused"), std::string::npos) << result.reason;
}

TEST_P(DatagramProbeTest, SilenceIsAFailureAtTheDeadline) {
  const auto start = Clock::now();
  DatagramProbe probe(Target(Kind::kUdp), 7, start);
  EXPECT_EQ(probe.deadline(), start + milliseconds(20'000));
  EXPECT_FALSE(probe.Judge(probe.deadline() - milliseconds(1)).has_value());
  const auto result = probe.Judge(probe.deadline());
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->good);
  EXPECT_EQ(result->reason, "no answer in 20000 ms");
}

std::string DnsAnswer(std::string query, uint8_t flags, uint8_t code) {
  query[2] = static_cast<char>(query[2] | static_cast<char>(flags));
  query[3] = static_cast<char>(code);
  return query;
}

TEST_P(DatagramProbeTest, DnsAsksAndJudgesTheCode) {
  HealthTarget target = Target(Kind::kDns);
  target.path = "www.example.net";
  for (const auto& [code, good] : {std::pair(0, true), std::pair(2, false), std::pair(3, false)}) {
    DatagramProbe probe(target, 0x1234, Clock::now());
    const std::string query = peer_.Receive();
    EXPECT_EQ(query,
              std::string("\x12\x34\x01\0\0\1\0\0\0\0\0\0\3www\7example\3net\0\0\1\0\1", 33));
    peer_.Send(DnsAnswer(query, 0x80, static_cast<uint8_t>(code)));
    EXPECT_EQ(Wait(probe).good, good) << code;
  }
}

TEST_P(DatagramProbeTest, DnsSkipsWhatIsNoAnswer) {
  HealthTarget target = Target(Kind::kDns);
  target.path = ".";
  DatagramProbe probe(target, 0x1234, Clock::now());
  const std::string query = peer_.Receive();
  peer_.Send("");
  peer_.Send(query.substr(0, 11));
  peer_.Send(query);  // a query, not an answer
  std::string other = DnsAnswer(query, 0x80, 0);
  other[0] = 0;
  peer_.Send(other);
  EXPECT_FALSE(probe.Judge(Clock::now()).has_value());
  peer_.Send(DnsAnswer(query, 0x80, 0));
  EXPECT_TRUE(Wait(probe).good);
}

TEST_P(DatagramProbeTest, AnyBytesAreSafe) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const Kind kind : {Kind::kDns, Kind::kUdp}) {
    HealthTarget target = Target(kind);
    target.path = ".";
    target.body = "never";
    for (int i = 0; i < 100; ++i) {
      DatagramProbe probe(target, static_cast<uint32_t>(random()), Clock::now());
      peer_.Receive();
      std::string noise(random() % 64, '\0');
      for (char& c : noise) c = static_cast<char>(random());
      peer_.Send(noise);
      (void)probe.Judge(Clock::now());
    }
  }
}

// Raw sockets need a privilege, so this says nothing where it is missing.
TEST_P(DatagramProbeTest, IcmpEchoOfTheLoopback) {
  const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (raw < 0) return;
  close(raw);
  DatagramProbe probe(Target(Kind::kIcmp), 0xdeadbeef, Clock::now());
  const ProbeResult result = Wait(probe);
  EXPECT_TRUE(result.good) << result.reason;
  EXPECT_EQ(result.reason, "echo reply");
}

TEST(DnsName, LabelsAndTheirLimits) {
  EXPECT_EQ(DnsName("."), std::string(1, '\0'));
  EXPECT_EQ(DnsName("a.bc"), std::string("\1a\2bc\0", 6));
  EXPECT_EQ(DnsName("a.bc."), std::string("\1a\2bc\0", 6));
  EXPECT_TRUE(DnsName(std::string(63, 'x')).has_value());
  EXPECT_FALSE(DnsName(std::string(64, 'x')).has_value());
  std::string longest;
  for (int i = 0; i < 4; ++i) longest += std::string(62, 'x') + ".";
  EXPECT_TRUE(DnsName(longest).has_value());
  EXPECT_FALSE(DnsName(longest + "abc").has_value());
  for (const char* wrong : {"", "..", ".a", "a..b"}) EXPECT_FALSE(DnsName(wrong)) << wrong;
}

}  // namespace
}  // namespace flyover::lb
