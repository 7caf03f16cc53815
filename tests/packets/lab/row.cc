#include "tests/packets/lab/row.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/packet_printer.h"

namespace flyover::test {
namespace {

constexpr size_t kEthernet = 14;

std::string AddressText(const Bytes& bytes, size_t at, bool v6) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data() + at, text, sizeof(text));
}

Bytes Ethernet(const Eth& to, bool v6) {
  Eth eth = to;
  eth.type = v6 ? 0x86dd : 0x0800;
  return Packet(eth);
}

void SealIpv4(Bytes& l3) {
  l3[10] = l3[11] = 0;
  const uint16_t sum = InternetChecksum(Cut(l3, (l3[0] & 15u) * 4));
  l3[10] = static_cast<uint8_t>(sum >> 8);
  l3[11] = static_cast<uint8_t>(sum);
}

void CompareFrame(const WantedFrame& want, const SentFrame& got) {
  EXPECT_EQ(got.port, want.port);
  const auto shown = [&](const Bytes& frame) {
    return want.own_header ? WithoutFreeFields(frame) : frame;
  };
  const bool found =
      std::any_of(want.any_of.begin(), want.any_of.end(),
                  [&](const Bytes& candidate) { return shown(candidate) == shown(got.bytes); });
  EXPECT_TRUE(found) << Difference(shown(want.any_of.front()), shown(got.bytes));
}

void Compare(const Want& want, const Outcome& got) {
  SCOPED_TRACE(got.ToString());
  EXPECT_EQ(got.drops, want.drops);
  ASSERT_EQ(got.sent.size(), want.sent.size());
  for (size_t i = 0; i < want.sent.size(); ++i) CompareFrame(want.sent[i], got.sent[i]);
  std::map<PuntReason, uint64_t> punts;
  if (want.punt_reason) punts[*want.punt_reason] = 1;
  EXPECT_EQ(got.punts, punts);
  ASSERT_EQ(got.punted.size(), want.punted ? 1u : 0u);
  if (want.punted) {
    EXPECT_EQ(Difference(*want.punted, got.punted[0].bytes), "");
  }
  EXPECT_TRUE(got.resolves.empty());
}

}  // namespace

Bytes WithoutFreeFields(Bytes frame) {
  if (frame.size() < kEthernet + 20) return frame;
  if (frame[kEthernet] >> 4 == 4) {
    if (InternetChecksum(Bytes(frame.begin() + kEthernet, frame.begin() + kEthernet + 20)) != 0) {
      return frame;
    }
    std::fill_n(frame.begin() + kEthernet + 4, 2, 0);
    std::fill_n(frame.begin() + kEthernet + 10, 2, 0);
  } else {
    frame[kEthernet + 1] &= 0xf0;
    std::fill_n(frame.begin() + kEthernet + 2, 2, 0);
  }
  return frame;
}

Want Forwarded(unsigned port, const Bytes& frame) {
  Want want;
  want.sent = {{port, {frame}, false}};
  return want;
}

Want Dropped(DropReason reason) {
  Want want;
  want.drops = {{reason, 1}};
  return want;
}

Want Refused(DropReason reason, unsigned port, const Bytes& error) {
  Want want = Dropped(reason);
  want.sent = {{port, {error}, true}};
  return want;
}

Want Punted(PuntReason reason, const Bytes& frame) {
  Want want;
  want.punted = frame;
  want.punt_reason = reason;
  return want;
}

Want Balanced(std::vector<Bytes> any_of, bool own_header) {
  Want want;
  want.sent = {{kP1, std::move(any_of), own_header}};
  return want;
}

Bytes L3Of(const Bytes& frame) {
  Bytes l3(frame.begin() + kEthernet, frame.end());
  const size_t length = l3[0] >> 4 == 6 ? 40u + (l3[4] << 8 | l3[5]) : size_t{l3[2]} << 8 | l3[3];
  return Cut(std::move(l3), length);
}

Bytes Readdressed(const Bytes& frame, const Eth& to) {
  const Bytes l3 = L3Of(frame);
  return Join(Ethernet(to, l3[0] >> 4 == 6), l3);
}

Bytes Routed(const Bytes& frame, const Eth& to) {
  Bytes l3 = L3Of(frame);
  const bool v6 = l3[0] >> 4 == 6;
  --l3[v6 ? 7 : 8];
  if (!v6) SealIpv4(l3);
  return Join(Ethernet(to, v6), l3);
}

Bytes Icmp4Error(const Eth& to, const std::string& src, uint8_t type, uint8_t code, uint32_t rest,
                 const Bytes& offender) {
  Bytes quote = L3Of(offender);
  const std::string dst = AddressText(quote, 12, false);
  quote.resize(std::min<size_t>(quote.size(), 576 - 28));  // RFC 1812 4.3.2.3
  return to / Ip4{.src = src, .dst = dst, .tos = 0xc0, .ttl = 64} /
         Icmp{.type = type, .code = code, .rest = rest} / Raw{quote};
}

Bytes Icmp6Error(const Eth& to, const std::string& src, uint8_t type, uint8_t code, uint32_t rest,
                 const Bytes& offender) {
  Bytes quote = L3Of(offender);
  const std::string dst = AddressText(quote, 8, true);
  quote.resize(std::min<size_t>(quote.size(), 1280 - 48));  // RFC 4443 2.4 (c)
  return to / Ip6{.src = src, .dst = dst, .hlim = 64} /
         Icmp{.type = type, .code = code, .rest = rest, .v6 = true} / Raw{quote};
}

void RunRow(PathLab& lab, const Row& row) {
  SCOPED_TRACE(row.name + " (" + row.clause + ")\nin by p" + std::to_string(row.port) + ": " +
               Describe(row.in));
  std::optional<std::vector<SentFrame>> first;
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.Name());
    const Outcome outcome = lab.Pass(row.port, row.in, form);
    Compare(row.want, outcome);
    for (const WantedFrame& want : row.want.sent) {
      if (!want.own_header) continue;
      for (const SentFrame& sent : outcome.sent) {
        EXPECT_EQ(WhatIsWrongWith(sent.bytes), std::nullopt) << Describe(sent.bytes);
      }
    }
    std::vector<SentFrame> sent = outcome.sent;
    for (SentFrame& frame : sent) frame.bytes = WithoutFreeFields(frame.bytes);
    if (!first) first = sent;
    EXPECT_TRUE(*first == sent) << "not the same as in the first form\n" << outcome.ToString();
    if (!row.want.drops.empty()) lab.ExpectCanaryPasses();
    lab.CheckAtRest();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace flyover::test
