// A pair of datagram sockets stands in for the kernel's: a sender without an address is the kernel.
#include "common/netlink/read_ahead.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/tap/unique_fd.h"

namespace flyover::netlink {
namespace {

using std::chrono::milliseconds;

class ReadAheadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    kernel_.Reset(pair[0]);
    ours_.Reset(pair[1]);
  }
  void Say(uint32_t number) const {
    ASSERT_EQ(send(kernel_.get(), &number, sizeof(number), 0),
              static_cast<ssize_t>(sizeof(number)));
  }

  UniqueFd kernel_, ours_;
};

TEST_F(ReadAheadTest, DatagramsComeInTheirOrder) {
  constexpr uint32_t kMany = 1000;  // many more than may wait
  ReadAhead ahead(ours_.get(), milliseconds(10'000), {});
  uint32_t said = 0;
  for (uint32_t n = 0; n < kMany; ++n) {
    // As many as the socket takes without waiting, so that both sides run in turn.
    while (said < kMany && said < n + 8) Say(said++);
    const auto datagram = ahead.Next();
    ASSERT_TRUE(datagram) << errno;
    ASSERT_EQ(datagram->size(), sizeof(n));
    ASSERT_EQ(LoadUnaligned<uint32_t>(datagram->data()), n);
  }
}

TEST_F(ReadAheadTest, WhatIsReadAheadIsBounded) {
  ASSERT_EQ(fcntl(kernel_.get(), F_SETFL, O_NONBLOCK), 0);
  ReadAhead ahead(ours_.get(), milliseconds(10'000), {});
  // Nobody takes any: the thread stops reading and the socket fills up.
  uint32_t said = 0;
  pollfd writable{kernel_.get(), POLLOUT, 0};
  while (poll(&writable, 1, 200) > 0) {
    ASSERT_LT(said, 10'000u);
    if (send(kernel_.get(), &said, sizeof(said), 0) == sizeof(said)) ++said;
  }
  // All of them are there, those of the socket too.
  for (uint32_t n = 0; n < said; ++n) {
    const auto datagram = ahead.Next();
    ASSERT_TRUE(datagram);
    EXPECT_EQ(LoadUnaligned<uint32_t>(datagram->data()), n);
  }
}

TEST_F(ReadAheadTest, SilenceIsAnError) {
  Say(1);
  ReadAhead ahead(ours_.get(), milliseconds(20), {});
  EXPECT_TRUE(ahead.Next());
  EXPECT_FALSE(ahead.Next());
  EXPECT_EQ(errno, ETIMEDOUT);
}

TEST_F(ReadAheadTest, EndsWhileItWaitsForTheKernel) {
  Say(1);
  ReadAhead ahead(ours_.get(), milliseconds(3'600'000), {});
  EXPECT_TRUE(ahead.Next());
}

}  // namespace
}  // namespace flyover::netlink
