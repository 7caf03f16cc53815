// QUIC packets through the balancer's stages: their connection id decides, whatever address they
// come from and whatever the tables say.
#include <gtest/gtest.h>

#include <set>

#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

// Server ids of three bytes and nonces of four; rotation 0 in the clear, 1 encrypted with the key
// of the draft's examples (odd length: four passes).
constexpr const char* kKey = "fdf726a9893ec05c0632d3956680baf0";
constexpr const char* kEncryptedId = "31441a";
const Bytes kEncrypted = {0x27, 0x67, 0x94, 0x7d, 0x29, 0xbe, 0x05, 0x4a};

class QuicPath : public testing::TestWithParam<bool> {
 protected:
  QuicPath() { bed_.Apply(config_); }
  static bool v6() { return GetParam(); }
  static LbConfig Config() {
    LbConfig config = TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4);
    ServiceConfig& udp = config.services[1];
    udp.quic = {
        {.rotation = 0, .server_id_length = 3, .nonce_length = 4, .key = {}},
        {.rotation = 1, .server_id_length = 3, .nonce_length = 4, .key = ParseQuicKey(kKey)}};
    udp.backends.clear();
    for (unsigned n = 1; n <= 8; ++n) {
      BackendConfig backend{"b" + std::to_string(n), Ip(("10.2.0." + std::to_string(n)).c_str())};
      backend.quic_ids = {*QuicServerId::Parse("00000" + std::to_string(n))};
      udp.backends.push_back(backend);
    }
    udp.backends[5].quic_ids.push_back(*QuicServerId::Parse(kEncryptedId));
    return config;
  }
  static Bytes IdOf(uint8_t server, uint8_t nonce = 0) {
    return {0x07, 0, 0, server, nonce, 2, 3, 4};
  }
  static Bytes Payload(const Bytes& id, bool long_header) {
    Bytes payload =
        long_header ? Bytes{0xc3, 0, 0, 0, 1, static_cast<uint8_t>(id.size())} : Bytes{0x41};
    payload.insert(payload.end(), id.begin(), id.end());
    payload.insert(payload.end(), 30, 0xee);
    return payload;
  }
  // The number of the backend that the packet reaches; 0: none.
  unsigned BackendOf(unsigned host, uint16_t port, const Bytes& payload) {
    IpFields fields;
    fields.protocol = kProtoUdp;
    const std::string source = (v6() ? "2001:db8:1::" : "10.1.0.") + std::to_string(1 + host % 250);
    Bytes datagram = UdpDatagram(port, 80, payload.size());
    std::ranges::copy(payload, datagram.begin() + sizeof(UdpHeader));
    const unsigned i = bed_.Add(
        IpPacket(Ip(source.c_str()), Ip(v6() ? "2001:db8:100::1" : "192.0.2.1"), fields, datagram));
    const unsigned backend = bed_.Run().size == 1 ? bed_.ReadL3(i)[19] : 0;
    bed_.Clear();
    return backend;
  }

  LbConfig config_ = Config();
  TestBed bed_;
};
INSTANTIATE_TEST_SUITE_P(Families, QuicPath, testing::Bool(),
                         [](const auto& row) { return row.param ? "IPv6" : "IPv4"; });

TEST_P(QuicPath, TheConnectionIdDecidesFromAnyAddress) {
  for (const bool long_header : {false, true}) {
    for (uint8_t server = 1; server <= 8; ++server) {
      for (unsigned host = 0; host < 20; ++host) {
        const auto port = static_cast<uint16_t>(1000 + 7 * host);
        EXPECT_EQ(BackendOf(host, port, Payload(IdOf(server), long_header)), server);
      }
    }
    EXPECT_EQ(BackendOf(1, 1, Payload(kEncrypted, long_header)), 6u);
    EXPECT_EQ(BackendOf(2, 2, Payload(kEncrypted, long_header)), 6u);
  }
}

TEST_P(QuicPath, AllElseGoesByItsFlow) {
  Bytes unknown = IdOf(77), none = IdOf(1);
  none[0] = 0xe7;  // configuration 7
  const Bytes payloads[] = {
      Payload(unknown, false), Payload(none, false), Payload({1, 2}, true), {0x41}, {}};
  std::set<unsigned> seen;
  for (unsigned host = 0; host < 60; ++host) {
    const unsigned backend = BackendOf(host, 5, payloads[0]);
    for (const Bytes& payload : payloads) EXPECT_EQ(BackendOf(host, 5, payload), backend);
    seen.insert(backend);
  }
  EXPECT_EQ(seen.count(0), 0u);
  EXPECT_GT(seen.size(), 5u);
}

TEST_P(QuicPath, ADrainedServerKeepsItsConnections) {
  config_.services[1].backends[2].weight = 0;
  bed_.Apply(config_);
  EXPECT_EQ(BackendOf(1, 1, Payload(IdOf(3), false)), 3u);
}

TEST_P(QuicPath, ADownServerDoesNot) {
  bed_.Report("udp", "b3", HealthState::kDown);
  const unsigned instead = BackendOf(1, 1, Payload(IdOf(3), false));
  EXPECT_NE(instead, 3u);
  EXPECT_NE(instead, 0u);
}

TEST_P(QuicPath, ChangesMoveNoConnection) {
  for (unsigned step = 0; step < 4; ++step) {
    std::swap(config_.services[1].backends[step], config_.services[1].backends[7 - step]);
    config_.services[1].backends[step].weight = static_cast<uint16_t>(10 + 50 * step);
    bed_.Apply(config_);
    for (uint8_t server = 1; server <= 8; ++server) {
      EXPECT_EQ(BackendOf(step, 9, Payload(IdOf(server), step % 2 == 0)), server);
    }
  }
}

TEST_P(QuicPath, CutPacketsAreReadToTheirEndOnly) {
  const Bytes whole = Payload(kEncrypted, true);
  for (size_t length = 0; length < whole.size(); ++length) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    EXPECT_NE(BackendOf(3, 3, cut), 0u);
  }
}

}  // namespace
}  // namespace flyover::lb
