#include "lb/datapath/icmp_quote.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "common/net/headers.h"

namespace flyover::lb {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint16_t kVipPort = 80;
constexpr uint16_t kClientPort = 40'000;

void AppendPorts(Bytes& bytes, size_t length) {
  uint8_t l4[64] = {};
  StoreBe16(l4, kVipPort);
  StoreBe16(l4 + 2, kClientPort);
  bytes.insert(bytes.end(), l4, l4 + length);
}

// What a router quotes of the reply 192.0.2.1:80 -> 10.1.0.2:40000.
Bytes Ipv4Quote(unsigned option_words = 0, size_t l4 = 8, uint8_t protocol = kProtoTcp) {
  Ipv4Header ip{};
  ip.version_ihl = static_cast<uint8_t>(0x45 + option_words);
  ip.total_length = Be16(1500);
  ip.ttl = 1;
  ip.protocol = protocol;
  ip.src = Be32(0xc0000201);
  ip.dst = Be32(0x0a010002);
  Bytes bytes(sizeof(ip) + size_t{4} * option_words, 1);  // options: no-operation
  std::memcpy(bytes.data(), &ip, sizeof(ip));
  AppendPorts(bytes, l4);
  return bytes;
}

// The same over IPv6, with the given extension headers, each as {type, bytes behind the first two}.
Bytes Ipv6Quote(const std::vector<std::pair<uint8_t, Bytes>>& extensions = {}, size_t l4 = 8) {
  Ipv6Header ip{};
  ip.version_class_flow = Be32(6u << 28);
  ip.payload_length = Be16(1460);
  ip.next_header = extensions.empty() ? uint8_t{kProtoTcp} : extensions[0].first;
  ip.hop_limit = 1;
  std::memcpy(ip.src, Ipv6Address::Parse("2001:db8:100::1")->bytes.data(), 16);
  std::memcpy(ip.dst, Ipv6Address::Parse("2001:db8:1::2")->bytes.data(), 16);
  Bytes bytes(sizeof(ip));
  std::memcpy(bytes.data(), &ip, sizeof(ip));
  for (size_t i = 0; i < extensions.size(); ++i) {
    bytes.push_back(i + 1 < extensions.size() ? extensions[i + 1].first : uint8_t{kProtoTcp});
    bytes.insert(bytes.end(), extensions[i].second.begin(), extensions[i].second.end());
  }
  AppendPorts(bytes, l4);
  return bytes;
}

// Parses a copy that ends where its allocation does: a sanitizer sees any read beyond.
QuoteResult Parse(const Bytes& bytes, bool v6, QuotedFlow& flow) {
  const auto exact = std::make_unique<uint8_t[]>(bytes.size());
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  return ParseQuote(exact.get(), bytes.size(), v6, flow);
}
QuoteResult Parse(const Bytes& bytes, bool v6) {
  QuotedFlow flow;
  return Parse(bytes, v6, flow);
}

uint32_t ClientPorts() {
  uint8_t ports[4];
  StoreBe16(ports, kClientPort);
  StoreBe16(ports + 2, kVipPort);
  return LoadUnaligned<uint32_t>(ports);
}

TEST(IcmpQuote, TurnsAnIpv4ReplyIntoTheClientsFlow) {
  for (const unsigned options : {0u, 1u, 10u}) {
    QuotedFlow flow;
    ASSERT_EQ(Parse(Ipv4Quote(options), false, flow), QuoteResult::kFlow);
    EXPECT_EQ(flow.client, *IpAddress::Parse("10.1.0.2"));
    EXPECT_EQ(flow.vip, *IpAddress::Parse("192.0.2.1"));
    EXPECT_EQ(flow.vip_port, kVipPort);
    EXPECT_EQ(flow.protocol, kProtoTcp);
    const HashKey key = KeyFromSeed(3, 1);
    EXPECT_EQ(flow.Hash(key), HashIpv4Flow(key, 0x0a010002, 0xc0000201, ClientPorts(), kProtoTcp));
  }
}

TEST(IcmpQuote, TurnsAnIpv6ReplyIntoTheClientsFlow) {
  QuotedFlow flow;
  ASSERT_EQ(Parse(Ipv6Quote(), true, flow), QuoteResult::kFlow);
  EXPECT_EQ(flow.client, *IpAddress::Parse("2001:db8:1::2"));
  EXPECT_EQ(flow.vip, *IpAddress::Parse("2001:db8:100::1"));
  EXPECT_EQ(flow.vip_port, kVipPort);
  uint8_t addresses[32];
  std::memcpy(addresses, flow.client.data(), 16);
  std::memcpy(addresses + 16, flow.vip.data(), 16);
  const HashKey key = KeyFromSeed(3, 1);
  EXPECT_EQ(flow.Hash(key), HashIpv6Flow(key, addresses, ClientPorts(), kProtoTcp));
}

struct ExtensionCase {
  const char* name;
  std::vector<std::pair<uint8_t, Bytes>> extensions;
  QuoteResult want;
};
class ExtensionTest : public testing::TestWithParam<ExtensionCase> {};

TEST_P(ExtensionTest, IsSteppedOver) {
  EXPECT_EQ(Parse(Ipv6Quote(GetParam().extensions), true), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Ipv6, ExtensionTest,
    testing::ValuesIn<ExtensionCase>({
        {"HopByHop", {{kProtoHopByHop, Bytes(7, 0)}}, QuoteResult::kFlow},
        {"Destination", {{kProtoDestOptions, Bytes(7, 0)}}, QuoteResult::kFlow},
        {"Routing", {{kProtoRouting, Bytes(7, 0)}}, QuoteResult::kFlow},
        {"LongDestination",
         {{kProtoDestOptions,
           [] {
             Bytes b(23, 0);
             b[0] = 2;
             return b;
           }()}},
         QuoteResult::kFlow},
        {"Authentication",
         {{kProtoAh,
           [] {
             Bytes b(11, 0);
             b[0] = 1;  // 3 words of 4 bytes
             return b;
           }()}},
         QuoteResult::kFlow},
        {"AtomicFragment", {{kProtoFragment, Bytes(7, 0)}}, QuoteResult::kFlow},
        {"FirstFragment", {{kProtoFragment, {0, 0, 1, 0, 0, 0, 9}}}, QuoteResult::kFlow},
        {"LaterFragment", {{kProtoFragment, {0, 0, 8, 0, 0, 0, 9}}}, QuoteResult::kNoFlow},
        {"Two",
         {{kProtoHopByHop, Bytes(7, 0)}, {kProtoDestOptions, Bytes(7, 0)}},
         QuoteResult::kFlow},
        {"LiesAboutItsLength",
         {{kProtoHopByHop, {255, 0, 0, 0, 0, 0, 0}}},
         QuoteResult::kMalformed},
    }),
    [](const auto& test) { return std::string(test.param.name); });

struct DamageCase {
  const char* name;
  bool v6;
  void (*damage)(Bytes&);
  QuoteResult want;
};
class DamagedQuoteTest : public testing::TestWithParam<DamageCase> {};

TEST_P(DamagedQuoteTest, IsClassified) {
  Bytes bytes = GetParam().v6 ? Ipv6Quote() : Ipv4Quote();
  GetParam().damage(bytes);
  EXPECT_EQ(Parse(bytes, GetParam().v6), GetParam().want);
}

constexpr auto kMalformed = QuoteResult::kMalformed;
constexpr auto kNoFlow = QuoteResult::kNoFlow;
INSTANTIATE_TEST_SUITE_P(
    All, DamagedQuoteTest,
    testing::ValuesIn<DamageCase>({
        {"V4Empty", false, [](Bytes& b) { b.resize(0); }, kMalformed},
        {"V4OneByte", false, [](Bytes& b) { b.resize(1); }, kMalformed},
        {"V4CutAt19", false, [](Bytes& b) { b.resize(19); }, kMalformed},
        {"V4CutAt20", false, [](Bytes& b) { b.resize(20); }, kMalformed},
        {"V4CutAt27", false, [](Bytes& b) { b.resize(27); }, kMalformed},
        {"V4Version7", false, [](Bytes& b) { b[0] = 0x75; }, kMalformed},
        {"V4Version6", false, [](Bytes& b) { b[0] = 0x65; }, kMalformed},
        {"V4IhlBelowFive", false, [](Bytes& b) { b[0] = 0x44; }, kMalformed},
        {"V4IhlBeyondQuote", false, [](Bytes& b) { b[0] = 0x4f; }, kMalformed},
        {"V4TotalLengthBelowHeader", false, [](Bytes& b) { b[2] = 0, b[3] = 19; }, kMalformed},
        {"V4TotalLengthWithoutPorts", false, [](Bytes& b) { b[2] = 0, b[3] = 27; }, kMalformed},
        {"V4LaterFragment", false, [](Bytes& b) { b[7] = 1; }, kNoFlow},
        {"V4FirstFragment", false, [](Bytes& b) { b[6] = 0x20; }, QuoteResult::kFlow},
        {"V4Icmp", false, [](Bytes& b) { b[9] = kProtoIcmp; }, kNoFlow},
        {"V4Udp", false, [](Bytes& b) { b[9] = kProtoUdp; }, QuoteResult::kFlow},
        {"V6Empty", true, [](Bytes& b) { b.resize(0); }, kMalformed},
        {"V6CutAt39", true, [](Bytes& b) { b.resize(39); }, kMalformed},
        {"V6CutAt40", true, [](Bytes& b) { b.resize(40); }, kMalformed},
        {"V6CutAt47", true, [](Bytes& b) { b.resize(47); }, kMalformed},
        {"V6Version4", true, [](Bytes& b) { b[0] = 0x45; }, kMalformed},
        {"V6PayloadWithoutPorts", true, [](Bytes& b) { b[4] = 0, b[5] = 7; }, kMalformed},
        {"V6NoNextHeader", true, [](Bytes& b) { b[6] = kProtoNoNext; }, kNoFlow},
        {"V6Icmpv6", true, [](Bytes& b) { b[6] = kProtoIcmpv6; }, kNoFlow},
    }),
    [](const auto& test) { return std::string(test.param.name); });

TEST(IcmpQuote, ReadsNothingBeyondTheEndWhateverItHolds) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 200'000; ++i) {
    const bool v6 = random() % 2 == 0;
    Bytes bytes = v6 ? Ipv6Quote({{kProtoHopByHop, Bytes(7, 0)}, {kProtoAh, Bytes(7, 0)}})
                     : Ipv4Quote(static_cast<unsigned>(random() % 11));
    bytes.resize(random() % (bytes.size() + 20));
    for (auto changes = random() % 5; changes > 0 && !bytes.empty(); --changes) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    (void)Parse(bytes, v6);
  }
}

}  // namespace
}  // namespace flyover::lb
