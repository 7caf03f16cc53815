// Needs no privileges: any process may ask for links. Acks are hand-made bytes.
#include "common/netlink/socket.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace flyover::netlink {
namespace {

std::vector<uint8_t> ErrorMessage(int error, bool capped, const std::string& text) {
  constexpr uint32_t quoted = 24;  // of the request: header and 8 bytes
  const size_t rest = capped ? 0 : quoted - sizeof(nlmsghdr);
  std::vector<uint8_t> b(NLMSG_HDRLEN + sizeof(nlmsgerr) + rest);
  if (!text.empty()) {
    const nlattr attribute{static_cast<uint16_t>(sizeof(nlattr) + text.size() + 1),
                           NLMSGERR_ATTR_MSG};
    const auto* p = reinterpret_cast<const uint8_t*>(&attribute);
    b.insert(b.end(), p, p + sizeof(attribute));
    b.insert(b.end(), text.begin(), text.end());
    b.push_back(0);
  }
  const uint16_t flags =
      static_cast<uint16_t>((capped ? NLM_F_CAPPED : 0) | (text.empty() ? 0 : NLM_F_ACK_TLVS));
  const nlmsghdr header{static_cast<uint32_t>(b.size()), NLMSG_ERROR, flags, 42, 0};
  std::memcpy(b.data(), &header, sizeof(header));
  nlmsgerr body{};
  body.error = -error;
  body.msg.nlmsg_len = quoted;
  std::memcpy(b.data() + NLMSG_HDRLEN, &body, sizeof(body));
  return b;
}

TEST(NetlinkSocketTest, AckWithTheKernelsOwnWords) {
  for (const bool capped : {true, false}) {
    const auto ack = ParseAck(ErrorMessage(EINVAL, capped, "Nexthop has invalid gateway."));
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->sequence, 42u);
    EXPECT_EQ(ack->error, EINVAL);
    EXPECT_EQ(ack->text, "Nexthop has invalid gateway.");
    const Status status = AckStatus(*ack, "route");
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), "route: Invalid argument (Nexthop has invalid gateway.)");
  }
  EXPECT_TRUE(AckStatus(*ParseAck(ErrorMessage(0, true, "")), "route").ok());
}

TEST(NetlinkSocketTest, TruncatedAckIsNone) {
  const std::vector<uint8_t> whole = ErrorMessage(EINVAL, true, "text");
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(ParseAck(cut)) << n;
  }
}

TEST(NetlinkSocketTest, DumpFindsLoopback) {
  Result<Socket> socket = Socket::Open({});
  ASSERT_TRUE(socket.ok()) << socket.status().message();
  bool found = false;
  const Result<DumpOutcome> outcome = socket->Dump(DumpLinks(), [&](Bytes message) {
    const auto link = ParseLink(message);
    if (link && link->name == "lo") found = true;
  });
  EXPECT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_TRUE(found);
}

TEST(NetlinkSocketTest, RefusalIsAStatus) {
  Result<Socket> socket = Socket::Open({});
  ASSERT_TRUE(socket.ok());
  const Status status = socket->Execute(RemoveLink(0x7ffffffe));
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.code(), StatusCode::kUnavailable) << status.message();
}

TEST(NetlinkSocketTest, AnswerOfSendComesByReceive) {
  Result<Socket> socket = Socket::Open({});
  ASSERT_TRUE(socket.ok());
  const Result<uint32_t> sequence = socket->Send(RemoveLink(0x7ffffffe));
  ASSERT_TRUE(sequence.ok());
  unsigned acks = 0;
  const ReceiveOutcome outcome = socket->Receive(10, [&](Bytes message) {
    const auto ack = ParseAck(message);
    if (ack && ack->sequence == *sequence) ++acks;
  });
  EXPECT_EQ(outcome, ReceiveOutcome::kDrained);
  EXPECT_EQ(acks, 1u);
}

TEST(NetlinkSocketTest, ReceiveWithoutAnythingToRead) {
  Result<Socket> socket = Socket::Open({});
  ASSERT_TRUE(socket.ok());
  EXPECT_EQ(socket->Receive(4, [](Bytes) { FAIL(); }), ReceiveOutcome::kDrained);
}

}  // namespace
}  // namespace flyover::netlink
