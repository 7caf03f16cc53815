#include "lb/quic/quic_cid.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace flyover::lb {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes Hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

AesBlock Block(std::string_view hex) {
  AesBlock block{};
  std::ranges::copy(Hex(hex), block.begin());
  return block;
}

Bytes ShortHeader(const Bytes& id) {
  Bytes packet = {0x41};
  packet.insert(packet.end(), id.begin(), id.end());
  packet.insert(packet.end(), 20, 0xee);
  return packet;
}
Bytes LongHeader(const Bytes& id) {
  Bytes packet = {0xc3, 0, 0, 0, 1, static_cast<uint8_t>(id.size())};
  packet.insert(packet.end(), id.begin(), id.end());
  packet.insert(packet.end(), 20, 0xee);
  return packet;
}

std::string ServerOf(const QuicCidDecoder& decoder, const Bytes& packet) {
  const auto id = decoder.ServerOf(packet.data(), packet.size());
  return id ? id->ToString() : "none";
}

TEST(Aes128, Fips197) {
  const Aes128 cipher(Block("000102030405060708090a0b0c0d0e0f"));
  const AesBlock plain = Block("00112233445566778899aabbccddeeff");
  EXPECT_EQ(cipher.Encrypt(plain), Block("69c4e0d86a7b0430d8cdb78070b4c55a"));
  EXPECT_EQ(cipher.Decrypt(cipher.Encrypt(plain)), plain);
}

struct Vector {
  const char* name;
  uint8_t rotation;
  uint8_t nonce;
  const char* key;  // empty: in the clear
  const char* server;
  const char* id;
};

// draft-ietf-quic-load-balancers-21, 5.4.2.4 and appendix B.
constexpr Vector kVectors[] = {
    {"InTheClear", 0, 4, "", "c4605e", "07c4605e4504cc4f"},
    {"Example", 0, 4, "fdf726a9893ec05c0632d3956680baf0", "31441a", "0767947d29be054a"},
    {"OddLength", 0, 4, "8f95f09245765f80256934e50c66207f", "ed793a", "0720b1d07b359d3c"},
    {"LongServerId", 1, 5, "8f95f09245765f80256934e50c66207f", "ed793a51d49b8f5fab65",
     "2fcc381bc74cb4fbad2823a3d1f8fed2"},
    {"SinglePass", 2, 8, "8f95f09245765f80256934e50c66207f", "ed793a51d49b8f5f",
     "504dd2d05a7b0de9b2b9907afb5ecf8cc3"},
    {"EvenLength", 0, 9, "8f95f09245765f80256934e50c66207f", "ed793a51d49b8f5fab",
     "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc"},
};

class QuicCidVectors : public testing::TestWithParam<Vector> {
 protected:
  QuicCidDecoder Decoder() const {
    const Vector& v = GetParam();
    QuicCidConfig config{.rotation = v.rotation, .nonce_length = v.nonce, .key = {}};
    config.server_id_length = static_cast<uint8_t>(Hex(v.server).size());
    if (v.key[0] != '\0') config.key = Block(v.key);
    return QuicCidDecoder(std::span(&config, 1));
  }
};

TEST_P(QuicCidVectors, AreRead) {
  const QuicCidDecoder decoder = Decoder();
  const Bytes id = Hex(GetParam().id);
  EXPECT_EQ(ServerOf(decoder, ShortHeader(id)), GetParam().server);
  EXPECT_EQ(ServerOf(decoder, LongHeader(id)), GetParam().server);
  Bytes longer = id;  // bytes of the server's own
  longer.push_back(0x77);
  EXPECT_EQ(ServerOf(decoder, LongHeader(longer)), GetParam().server);
}

TEST_P(QuicCidVectors, WhatIsNotOurs) {
  const QuicCidDecoder decoder = Decoder();
  Bytes id = Hex(GetParam().id);
  // Cut anywhere, nothing is read behind the end (exact size: ASan looks).
  for (const Bytes& packet : {ShortHeader(id), LongHeader(id)}) {
    const size_t needed = packet.size() - 20;
    for (size_t length = 0; length < needed; ++length) {
      const Bytes cut(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(length));
      EXPECT_EQ(ServerOf(decoder, cut), "none") << length;
    }
  }
  Bytes other = id;
  other[0] ^= 0x60;  // another configuration
  EXPECT_EQ(ServerOf(decoder, ShortHeader(other)), "none");
  other[0] = 0xff;  // none at all
  EXPECT_EQ(ServerOf(decoder, ShortHeader(other)), "none");
  id.pop_back();  // the header says how long it is: not long enough
  EXPECT_EQ(ServerOf(decoder, LongHeader(id)), "none");
  EXPECT_EQ(ServerOf(decoder, LongHeader({})), "none");
}

INSTANTIATE_TEST_SUITE_P(Draft21, QuicCidVectors, testing::ValuesIn(kVectors),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(QuicCid, ConfigurationsSideBySide) {
  const QuicCidConfig configs[] = {
      {.rotation = 0, .server_id_length = 3, .nonce_length = 4, .key = {}},
      {.rotation = 2,
       .server_id_length = 8,
       .nonce_length = 8,
       .key = Block("8f95f09245765f80256934e50c66207f")},
  };
  const QuicCidDecoder decoder(configs);
  EXPECT_EQ(ServerOf(decoder, ShortHeader(Hex("07c4605e4504cc4f"))), "c4605e");
  EXPECT_EQ(ServerOf(decoder, ShortHeader(Hex("504dd2d05a7b0de9b2b9907afb5ecf8cc3"))),
            "ed793a51d49b8f5f");
  EXPECT_EQ(ServerOf(decoder, ShortHeader(Hex("27c4605e4504cc4f"))), "none");
}

TEST(QuicCid, RandomBytesAreHarmless) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<QuicCidConfig> configs;
  for (uint8_t rotation = 0; rotation < kQuicConfigs; ++rotation) {
    QuicCidConfig config{.rotation = rotation, .key = {}};
    config.server_id_length = static_cast<uint8_t>(1 + random() % kMaxQuicServerId);
    config.nonce_length = static_cast<uint8_t>(
        kMinQuicNonce + random() % (kMaxQuicPlaintext - config.server_id_length - 3u));
    if (rotation % 2 != 0) config.key = Block("8f95f09245765f80256934e50c66207f");
    configs.push_back(config);
  }
  const QuicCidDecoder decoder(configs);
  for (unsigned i = 0; i < 20'000; ++i) {
    Bytes packet(random() % 40);
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
    const auto id = decoder.ServerOf(packet.data(), packet.size());
    EXPECT_TRUE(!id || id->size() <= kMaxQuicServerId);
  }
}

TEST(QuicServerId, AsText) {
  EXPECT_EQ(QuicServerId::Parse("C4605e")->ToString(), "c4605e");
  EXPECT_NE(QuicServerId::Parse("00"), QuicServerId::Parse("0000"));
  for (const char* bad : {"", "1", "0g", "00112233445566778899aabbccddeeff", "0x01"}) {
    EXPECT_FALSE(QuicServerId::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace flyover::lb
