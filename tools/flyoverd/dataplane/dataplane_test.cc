// Building the forwarding machine: what fits, what does not, and what is wired where. What it does
// with packets is the subject of tests/packets.
#include "tools/flyoverd/dataplane/dataplane.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <string>

#include "common/testing/packet_builder.h"

namespace flyover {
namespace {

constexpr PortIndex kPort{0};

DataplaneOptions Small(unsigned lcores) {
  DataplaneOptions options;
  options.lcore_count = lcores;
  options.mbufs = 1023;
  options.connections = 4096;
  return options;
}

// A device with the given numbers of queues; its name.
std::string MakeDevice(unsigned rx, unsigned tx) {
  static int instance = 0;
  const std::string name = "dev" + std::to_string(instance++);
  std::vector<rte_ring*> in, out;
  for (unsigned q = 0; q < std::max(rx, tx); ++q) {
    const std::string queue = name + "_" + std::to_string(q);
    rte_ring* const ring = rte_ring_create(queue.c_str(), 64, SOCKET_ID_ANY, 0);
    if (q < rx) in.push_back(ring);
    if (q < tx) out.push_back(ring);
  }
  const int id = rte_eth_from_rings(name.c_str(), in.data(), rx, out.data(), tx, 0);
  char device[RTE_ETH_NAME_MAX_LEN];
  EXPECT_EQ(rte_eth_dev_get_name_by_port(static_cast<uint16_t>(id), device), 0);
  return device;
}

std::unique_ptr<Dataplane> Create(const DataplaneOptions& options) {
  auto dataplane = Dataplane::Create(options);
  EXPECT_TRUE(dataplane.ok()) << dataplane.status().message();
  return std::move(*dataplane);
}

TEST(Dataplane, SpreadsWhereADeviceHasFewerQueuesThanLcores) {
  for (const unsigned lcores : {1u, 2u, 3u}) {
    for (unsigned queues = 1; queues <= lcores; ++queues) {
      SCOPED_TRACE(std::to_string(lcores) + " lcores, " + std::to_string(queues) + " queues");
      const auto dataplane = Create(Small(lcores));
      PortOptions options;
      options.device = MakeDevice(queues, queues);
      ASSERT_TRUE(dataplane->AddPort(kPort, options, std::nullopt).ok());
      EXPECT_EQ(dataplane->port(kPort)->rx_queues(), queues);
      unsigned found = 0;
      for (unsigned l = 0; l < lcores; ++l) {
        for (const Lcore::RxQueue& queue : dataplane->lcore(l).rx_queues()) {
          EXPECT_EQ(queue.spread, queues < lcores);
          ++found;
        }
      }
      EXPECT_EQ(found, queues) << "each queue has one lcore";
    }
  }
}

TEST(Dataplane, SharesPortsOutOverLcores) {
  const auto dataplane = Create(Small(3));
  for (uint8_t p = 0; p < 3; ++p) {
    PortOptions options;
    options.device = MakeDevice(1, 1);
    ASSERT_TRUE(dataplane->AddPort(PortIndex(p), options, std::nullopt).ok());
  }
  for (unsigned l = 0; l < 3; ++l) EXPECT_EQ(dataplane->lcore(l).rx_queues().size(), 1u) << l;
}

TEST(Dataplane, SaysWhatADeviceCannotDo) {
  const auto dataplane = Create(Small(2));
  PortOptions options;
  options.device = MakeDevice(1, 1);
  const Status queues = dataplane->AddPort(kPort, options, 4);
  EXPECT_EQ(queues.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(queues.message().find("4 asked for, the device has 1"), std::string::npos)
      << queues.message();
  options.device = "net_no_such_driver0";
  const Status unknown = dataplane->AddPort(PortIndex(1), options, std::nullopt);
  EXPECT_EQ(unknown.code(), StatusCode::kNotFound);
  EXPECT_NE(unknown.message().find("accepted:"), std::string::npos) << unknown.message();
}

TEST(Dataplane, SaysThatMemoryIsOut) {
  DataplaneOptions options = Small(1);
  options.mbufs = 10'000'000;
  const auto dataplane = Dataplane::Create(options);
  ASSERT_FALSE(dataplane.ok());
  EXPECT_EQ(dataplane.status().code(), StatusCode::kResourceExhausted);
  EXPECT_NE(dataplane.status().message().find("mbufs_per_numa"), std::string::npos);
}

TEST(Dataplane, CanBeBuiltAgainAndAgain) {
  for (int i = 0; i < 20; ++i) {
    const auto dataplane = Create(Small(2));
    PortOptions options;
    options.device = MakeDevice(1, 1);
    ASSERT_TRUE(dataplane->AddPort(kPort, options, std::nullopt).ok());
    const test::Bytes frame = test::Payload(60).bytes;
    EXPECT_TRUE(dataplane->Announce(kPort, frame.data(), 60)) << "goes with its ring";
  }
}

TEST(Dataplane, AFullAnnouncementRingIsADrop) {
  const auto dataplane = Create(Small(1));
  PortOptions options;
  options.device = MakeDevice(1, 1);
  ASSERT_TRUE(dataplane->AddPort(kPort, options, std::nullopt).ok());
  const test::Bytes frame = test::Payload(60).bytes;
  uint64_t sent = 0, refused = 0;
  while (refused == 0 && sent < 5000) {
    ++(dataplane->Announce(kPort, frame.data(), 60) ? sent : refused);
  }
  const SourceLedger& books = dataplane->control_ledger()[kGeneratedSource];
  EXPECT_EQ(books.handed_over, sent);
  // The pool may end before the ring: then nothing was made, and nothing is counted.
  EXPECT_EQ(books.entered, sent + books.drops[static_cast<size_t>(DropReason::kHandoffFull)]);
}

}  // namespace
}  // namespace flyover
