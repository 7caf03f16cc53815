// What must hold for any packet: no crash, no byte read beyond it (the sanitizer watches buffers of
// exactly its size), the books balance, and a neighbour in the burst changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "common/testing/packet_printer.h"
#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

// Takes in what is sent in bursts as large as the path's own.
class Feeder {
 public:
  explicit Feeder(PathLab& lab) : lab_(lab) {}
  ~Feeder() { Flush(); }
  void Send(unsigned port, const Bytes& frame, const Form& form) {
    lab_.Send(port, frame, form);
    if (++waiting_ == kMaxBurst) Flush();
  }
  void Flush() {
    waiting_ = 0;
    for (const SentFrame& sent : lab_.Settle().sent) Check(sent.bytes);
  }

 private:
  // Whatever came in: what leaves is a frame with a sound IP header.
  static void Check(const Bytes& frame) {
    ASSERT_GE(frame.size(), 14u);
    const unsigned type = frame[12] << 8 | frame[13];
    ASSERT_TRUE(type == 0x0800 || type == 0x86dd) << Describe(frame);
    const Bytes l3(frame.begin() + 14, frame.end());
    if (type == 0x0800) {
      ASSERT_GE(l3.size(), 20u);
      const size_t header = (l3[0] & 15u) * 4;
      ASSERT_TRUE(l3[0] >> 4 == 4 && header >= 20 && header <= l3.size()) << Describe(frame);
      EXPECT_EQ(l3[2] << 8 | l3[3], static_cast<int>(l3.size())) << Describe(frame);
      EXPECT_EQ(InternetChecksum(Cut(l3, header)), 0) << Describe(frame);
    } else {
      ASSERT_TRUE(l3.size() >= 40 && l3[0] >> 4 == 6) << Describe(frame);
      EXPECT_EQ((l3[4] << 8 | l3[5]) + 40, static_cast<int>(l3.size())) << Describe(frame);
    }
  }
  PathLab& lab_;
  unsigned waiting_ = 0;
};

TEST(Property, EveryPacketCutAtEveryByte) {
  PathLab lab;
  {
    Feeder feeder(lab);
    for (const Row& row : Catalogue()) {
      SCOPED_TRACE(row.name);
      // Headers lie in the first bytes; behind them a few cuts say all.
      for (size_t length = 1; length < row.in.size(); length += length < 160 ? 1 : 97) {
        feeder.Send(row.port, Cut(row.in, length), {Layout::kExternal, 0});
        const size_t segment = length < 160 ? length % 60 + 1 : 300;
        feeder.Send(row.port, Cut(row.in, length),
                    {Layout::kExternal, static_cast<uint16_t>(segment)});
      }
    }
  }
  lab.Drain();
  lab.CheckAtRest();
}

bool IsIpv4(const Bytes& frame) { return frame.size() > 34 && frame[12] == 0x08 && frame[13] == 0; }
bool IsIpv6(const Bytes& frame) {
  return frame.size() > 54 && frame[12] == 0x86 && frame[13] == 0xdd;
}

// Makes the header checksum right, where there is an IPv4 header to speak of.
void Seal(Bytes& frame) {
  if (frame.size() < 34 || frame[12] != 8 || frame[13] != 0) return;
  const size_t header = (frame[14] & 15u) * 4;
  if (header < 20 || 14 + header > frame.size()) return;
  frame[24] = frame[25] = 0;
  const Bytes bytes(frame.begin() + 14, frame.begin() + 14 + static_cast<long>(header));
  const uint16_t sum = InternetChecksum(bytes);
  frame[24] = static_cast<uint8_t>(sum >> 8);
  frame[25] = static_cast<uint8_t>(sum);
}

// The first `length` bytes, with a length field that says so: the cut is found by later stages.
Bytes CutAndMended(const Bytes& whole, size_t length) {
  Bytes frame = Cut(whole, length);
  const bool v4 = IsIpv4(whole);
  if (length < (v4 ? 34u : 54u)) return frame;
  const size_t left = length - (v4 ? 14 : 54);
  frame[v4 ? 16 : 18] = static_cast<uint8_t>(left >> 8);
  frame[v4 ? 17 : 19] = static_cast<uint8_t>(left);
  Seal(frame);
  return frame;
}

TEST(Property, EveryPacketCutAtEveryByteWithItsLengthMended) {
  PathLab lab;
  {
    Feeder feeder(lab);
    for (const Row& row : Catalogue()) {
      const bool v4 = IsIpv4(row.in);
      if (!v4 && !IsIpv6(row.in)) continue;
      for (size_t length = v4 ? 34 : 54; length < std::min<size_t>(row.in.size(), 200); ++length) {
        feeder.Send(row.port, CutAndMended(row.in, length), {Layout::kExternal, 0});
      }
    }
  }
  lab.Drain();
  lab.CheckAtRest();
}

// The same packets to a routed address, to the box and to services in both ways of forwarding.
TEST(Property, EveryPacketCutAtEveryByteToEveryKindOfAddress) {
  PathLab lab;
  {
    Feeder feeder(lab);
    for (const Row& row : Catalogue()) {
      const bool v4 = IsIpv4(row.in);
      if (!v4 && !IsIpv6(row.in)) continue;
      for (const char* dst : v4 ? std::array{kFar4, "10.1.0.1", kVip44, kVipDsr4}
                                : std::array{kFar6, "2001:db8:1::1", kVip66, kVipDsr6}) {
        Bytes whole = row.in;
        const Bytes address = AddressBytes(dst);
        std::copy(address.begin(), address.end(), whole.begin() + (v4 ? 30 : 38));
        Seal(whole);
        const size_t end = std::min<size_t>(whole.size(), 140);
        for (size_t length = v4 ? 34 : 54; length <= end; ++length) {
          feeder.Send(kP0, CutAndMended(whole, length), {Layout::kExternal, 0});
          if (length % 4 == 0) feeder.Send(kP0, Cut(whole, length), {Layout::kExternal, 0});
        }
      }
    }
  }
  lab.ExpectCanaryPasses();
  lab.Drain();
  lab.CheckAtRest();
}

TEST(Property, RandomBytes) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  PathLab lab;
  {
    Feeder feeder(lab);
    for (int i = 0; i < 60'000; ++i) {
      Bytes frame(1 + random() % 200);
      for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random());
      // Most get past the Ethernet header, many to a header of the right version.
      if (frame.size() >= 34 && random() % 8 != 0) {
        const Mac mac = PortMac(kP0);
        std::copy(mac.begin(), mac.end(), frame.begin());
        frame[6] &= 0xfe;
        constexpr uint16_t kTypes[] = {0x0800, 0x86dd, 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8};
        const uint16_t type = kTypes[random() % std::size(kTypes)];
        frame[12] = static_cast<uint8_t>(type >> 8);
        frame[13] = static_cast<uint8_t>(type);
        if (type == 0x0800)
          frame[14] = static_cast<uint8_t>(0x45 + (random() % 4 ? 0 : random() % 11));
        if (type == 0x86dd) frame[14] = static_cast<uint8_t>(0x60 | (frame[14] & 15));
        if (frame.size() > 54 && random() % 2 == 0) {
          const bool v4 = type == 0x0800;
          const Bytes address = AddressBytes(v4             ? random() % 2 ? kVip44 : "10.1.0.1"
                                             : random() % 2 ? kVip66
                                                            : "2001:db8:1::1");
          std::copy(address.begin(), address.end(), frame.begin() + (v4 ? 30 : 38));
          const uint8_t protocol =
              std::array<uint8_t, 8>{0, 1, 6, 17, 43, 44, 58, 60}[random() % 8];
          frame[v4 ? 23 : 20] = protocol;
          if (v4 || type == 0x86dd) frame = CutAndMended(frame, frame.size());
        }
        Seal(frame);
      }
      feeder.Send(
          static_cast<unsigned>(random() % kPorts), frame,
          {Layout::kExternal, static_cast<uint16_t>(random() % 2 == 0 ? 0 : 1 + random() % 60)});
    }
  }
  lab.ExpectCanaryPasses();
  lab.Drain();
  lab.CheckAtRest();
}

TEST(Property, RandomDamage) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  PathLab lab;
  {
    Feeder feeder(lab);
    const std::vector<Row>& rows = Catalogue();
    for (int i = 0; i < 60'000; ++i) {
      const Row& row = rows[random() % rows.size()];
      Bytes frame = Cut(row.in, std::min<size_t>(row.in.size(), 400));
      for (auto n = random() % 6; n > 0; --n) {
        const size_t reach = random() % 2 == 0 ? std::min<size_t>(frame.size(), 80) : frame.size();
        frame[random() % reach] = static_cast<uint8_t>(random());
      }
      if (random() % 4 == 0) frame.resize(1 + random() % frame.size());
      if (random() % 2 == 0) Seal(frame);  // half of them get past the checksum
      feeder.Send(
          row.port, frame,
          {Layout::kExternal, static_cast<uint16_t>(random() % 2 == 0 ? 0 : 4 + random() % 60)});
    }
  }
  lab.ExpectCanaryPasses();
  lab.Drain();
  lab.CheckAtRest();
}

TEST(Property, APacketFaresTheSameAloneAndAmongOthers) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  PathLab lab;
  std::vector<const Row*> rows;
  for (const Row& row : Catalogue()) {
    if (row.in.size() <= 2000) rows.push_back(&row);
  }
  const auto sorted = [](std::vector<SentFrame> frames) {
    std::vector<std::pair<unsigned, Bytes>> keys;
    keys.reserve(frames.size());
    for (SentFrame& frame : frames) {
      keys.emplace_back(frame.port, WithoutFreeFields(std::move(frame.bytes)));
    }
    std::sort(keys.begin(), keys.end());
    return keys;
  };
  const auto& forms = AllForms();
  for (int round = 0; round < 60; ++round) {
    Outcome alone;
    std::vector<std::pair<const Row*, Form>> burst;
    for (unsigned i = 0; i < kMaxBurst; ++i) {
      const Row* const row = rows[random() % rows.size()];
      const Form& form = forms[random() % forms.size()];
      // 64 long packets in tiny segments would be more than the pool.
      burst.emplace_back(row, row->in.size() > 200 && form.cut < 33 ? Form{form.layout, 0} : form);
    }
    for (const auto& [row, form] : burst) {
      const Outcome one = lab.Pass(row->port, row->in, form);
      alone.sent.insert(alone.sent.end(), one.sent.begin(), one.sent.end());
      alone.punted.insert(alone.punted.end(), one.punted.begin(), one.punted.end());
      for (const auto& [reason, n] : one.drops) alone.drops[reason] += n;
      for (const auto& [reason, n] : one.punts) alone.punts[reason] += n;
    }
    for (const auto& [row, form] : burst) lab.Send(row->port, row->in, form);
    const Outcome together = lab.Settle();
    EXPECT_EQ(together.drops, alone.drops);
    EXPECT_EQ(together.punts, alone.punts);
    EXPECT_TRUE(sorted(together.sent) == sorted(alone.sent));
    EXPECT_TRUE(sorted(together.punted) == sorted(alone.punted));
  }
  lab.CheckAtRest();
}

TEST(Property, EveryEtherTypeIsAccountedFor) {
  PathLab lab;
  {
    Feeder feeder(lab);
    for (uint32_t type = 0; type <= 0xffff; ++type) {
      const Eth eth{.dst = PortMac(kP0), .src = kClientMac, .type = static_cast<uint16_t>(type)};
      feeder.Send(kP0, eth / Payload(64), {Layout::kExternal, 0});
    }
  }
  lab.CheckAtRest();
  EXPECT_GT(lab.DropCount(DropReason::kUnknownEtherType), 65'000u);
  lab.ExpectCanaryPasses();
}

}  // namespace
}  // namespace flyover::test
