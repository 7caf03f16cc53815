#include "common/net/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace flyover {
namespace {

// RFC 1071 as it is written: 16-bit big-endian words, end-around carry at once.
uint16_t Reference(const std::vector<uint8_t>& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(~sum);
}

TEST(Checksum, ExampleOfRfc1071) {
  const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(Checksum(bytes, sizeof(bytes)).host(), static_cast<uint16_t>(~0xddf2));
}

TEST(Checksum, EqualsTheReferenceForEveryLength) {
  std::mt19937 random(1);
  for (size_t length = 0; length < 2000; ++length) {
    std::vector<uint8_t> bytes(length);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(length % 3 == 0 ? 0xff : random());
    ASSERT_EQ(Checksum(bytes.data(), length).host(), Reference(bytes)) << length;
  }
}

TEST(Checksum, PiecesOfEvenLengthAddUp) {
  std::mt19937 random(2);
  std::vector<uint8_t> bytes(999);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  for (size_t cut = 0; cut < bytes.size(); cut += 2) {
    ChecksumAccumulator sum;
    sum.Add(bytes.data(), cut);
    sum.Add(bytes.data() + cut, bytes.size() - cut);
    ASSERT_EQ(sum.Finish().host(), Reference(bytes)) << cut;
  }
}

// RFC 1624: the update gives what a computation from scratch gives, for every value of a word, also
// where equation 4 of RFC 1141 goes wrong (0x0000 and 0xffff).
TEST(Checksum, UpdateEqualsComputationForAllValuesOfAWord) {
  for (const uint16_t rest : std::initializer_list<uint16_t>{0x0001, 0x1234, 0xfffe, 0xffff}) {
    for (const uint16_t before :
         std::initializer_list<uint16_t>{0x0000, 0x0001, 0x5555, 0xfffe, 0xffff}) {
      std::vector<uint8_t> bytes = {static_cast<uint8_t>(before >> 8), static_cast<uint8_t>(before),
                                    static_cast<uint8_t>(rest >> 8), static_cast<uint8_t>(rest)};
      const Be16 old_sum = Checksum(bytes.data(), bytes.size());
      for (unsigned after = 0; after <= 0xffff; ++after) {
        bytes[0] = static_cast<uint8_t>(after >> 8);
        bytes[1] = static_cast<uint8_t>(after);
        const Be16 updated =
            UpdateChecksum(old_sum, Be16(before).raw(), Be16(static_cast<uint16_t>(after)).raw());
        ASSERT_EQ(updated.host(), Reference(bytes)) << rest << " " << before << " " << after;
      }
    }
  }
}

TEST(Checksum, DecrementKeepsEveryHeaderRight) {
  for (unsigned id = 0; id <= 0xffff; ++id) {
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.id = Be16(static_cast<uint16_t>(id));
    ip.ttl = static_cast<uint8_t>(id % 255 + 1);
    ip.protocol = 17;
    ip.src = Be32(0x0a010002);
    ip.dst = Be32(0x0a090001);
    ip.checksum = Checksum(&ip, sizeof(ip));
    ASSERT_TRUE(Ipv4ChecksumOk(ip));
    const uint8_t ttl = ip.ttl;
    DecrementTtl(ip);
    ASSERT_EQ(ip.ttl, ttl - 1);
    ASSERT_TRUE(Ipv4ChecksumOk(ip)) << id;
    Ipv4Header scratch = ip;
    scratch.checksum = Be16(0);
    ASSERT_EQ(ip.checksum.raw(), Checksum(&scratch, sizeof(scratch)).raw()) << id;
  }
}

TEST(Checksum, AnyChangedBitIsSeen) {
  Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.ttl = 64;
  ip.src = Be32(0x0a010002);
  ip.checksum = Checksum(&ip, sizeof(ip));
  auto* const bytes = reinterpret_cast<uint8_t*>(&ip);
  for (unsigned bit = 0; bit < 8 * sizeof(ip); ++bit) {
    if (bit < 8) continue;  // another ihl covers other bytes
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
    EXPECT_FALSE(Ipv4ChecksumOk(ip)) << bit;
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
  }
}

}  // namespace
}  // namespace flyover
