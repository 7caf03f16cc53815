// Clients that are broken or hostile: each is bounded, none is noticed by the others.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <vector>

#include "common/control/control_test_fixture.h"
#include "common/log/log.h"

namespace flyover {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

size_t OpenDescriptors() {
  size_t count = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count;
}

size_t ResidentKilobytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

TEST_F(ControlTest, HalfALineIsGivenUp) {
  Start([](ControlServerOptions& o) { o.line_timeout = milliseconds(50); });
  RawClient half(path_);
  ASSERT_TRUE(half.Send("{\"v\":1,\"comm"));
  EXPECT_TRUE(Echoes());
  EXPECT_THAT(half.ReadLine(), HasSubstr("no complete request in 50 ms"));
  EXPECT_TRUE(half.WaitClosed());
  EXPECT_EQ(OnLoop([&] { return server_->counters().timeouts; }), 1u);
}

TEST_F(ControlTest, DripFedLineIsGivenUpToo) {
  Start([](ControlServerOptions& o) { o.line_timeout = milliseconds(50); });
  RawClient drip(path_);
  // The time runs from the start of the line, not from its last byte.
  while (drip.Send("x")) std::this_thread::yield();
  EXPECT_TRUE(Echoes());
}

TEST_F(ControlTest, IdleClientIsLetGo) {
  Start([](ControlServerOptions& o) { o.line_timeout = milliseconds(50); });
  RawClient idle(path_);
  EXPECT_EQ(idle.ReadLine(), "");
  EXPECT_TRUE(Eventually([&] { return server_->client_count() == 0; }));
}

TEST_F(ControlTest, GigabyteWithoutNewlineIsCutOff) {
  Start();
  const size_t before = ResidentKilobytes();
  RawClient client(path_);
  const std::string chunk(size_t{1} << 20, 'x');
  size_t sent = 0;
  while (sent < 1024 && client.Send(chunk)) ++sent;
  EXPECT_LT(sent, 16u) << "MiB taken";
  EXPECT_THAT(client.ReadLine(), HasSubstr("longer than 8388608 bytes"));
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_TRUE(Echoes());
  EXPECT_LT(ResidentKilobytes(), before + size_t{64} * 1024);
}

TEST_F(ControlTest, GarbageEndsItsConnectionOnly) {
  Start();
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n"), std::string("\0\0\0\0\n", 5), std::string("\xff\xfe\n"),
        std::string("{\"v\":1,\"command\":\"echo\",\"args\":{\"x\":\"\xc3\"}}\n"),
        std::string(1'000'000, '[') + "\n", "[" + std::string(8'000'000, ',') + "]\n"}) {
    RawClient client(path_);
    client.Send(garbage);
    EXPECT_THAT(client.ReadLine(), HasSubstr("not a line of JSON"));
    EXPECT_TRUE(client.WaitClosed());
  }
  for (const char* wrong : {"[]\n", "1\n", "{}\n",
                            R"({"v":2,"command":"echo"})"
                            "\n",
                            R"({"v":1,"command":7})"
                            "\n",
                            R"({"v":1,"command":"echo","args":3})"
                            "\n"}) {
    RawClient client(path_);
    ASSERT_TRUE(client.Send(wrong));
    EXPECT_THAT(client.ReadLine(), HasSubstr("invalid_argument")) << wrong;
  }
  EXPECT_TRUE(Echoes());
}

TEST_F(ControlTest, LongestAllowedLineIsTaken) {
  Start();
  Register("length", [](const json& args, const ControlReply& reply) {
    reply.Ok(args["document"].get_ref<const std::string&>().size());
  });
  auto client = ControlClient::Connect(path_);
  const std::string document(size_t{5} << 20, 'd');
  EXPECT_EQ(client->Call("length", {{"document", document}}, std::chrono::seconds(20)).value(),
            json(document.size()));
  // Too long a one gets the reason although the server stopped reading in the middle.
  const auto refused =
      client->Call("length", {{"document", document + document}}, std::chrono::seconds(20));
  EXPECT_THAT(refused.status().message(), HasSubstr("longer than"));
}

TEST_F(ControlTest, ThousandConnectionsAtOnce) {
  Start();
  const size_t before = OpenDescriptors();
  {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 500; ++i) {
      clients.push_back(std::make_unique<RawClient>(path_));
      ASSERT_TRUE(clients.back()->connected()) << i;
    }
    ASSERT_TRUE(Eventually(
        [&] { return server_->counters().accepted + server_->counters().refused == 500; }));
    EXPECT_EQ(OnLoop([&] { return server_->client_count(); }), 64u);
    EXPECT_THAT(clients.back()->ReadLine(), HasSubstr("64 control clients"));
    // The first ones are served all the same.
    ASSERT_TRUE(clients[0]->Send("{\"v\":1,\"command\":\"echo\"}\n"));
    EXPECT_EQ(clients[0]->ReadLine(), R"({"ok":true,"result":{}})");
  }
  for (int i = 0; i < 500; ++i) RawClient client(path_);
  EXPECT_TRUE(Eventually([&] { return server_->client_count() == 0; }));
  EXPECT_TRUE(Echoes());
  EXPECT_TRUE(Eventually([&] { return OpenDescriptors() == before; }));
}

TEST_F(ControlTest, ReaderWhoDoesNotReadIsDisconnected) {
  Start([](ControlServerOptions& o) { o.write_timeout = milliseconds(50); });
  Register("big", [](const json&, const ControlReply& reply) {
    reply.Ok(std::string(size_t{20} << 20, 'b'));
  });
  RawClient slow(path_);
  ASSERT_TRUE(slow.Send("{\"v\":1,\"command\":\"big\"}\n"));
  EXPECT_TRUE(Eventually([&] { return server_->counters().requests == 1; }));
  EXPECT_TRUE(Echoes());
  EXPECT_TRUE(Eventually([&] { return server_->client_count() == 0; }));
  EXPECT_GE(OnLoop([&] { return server_->counters().timeouts; }), 1u);
}

TEST_F(ControlTest, WaitingAnswersAreBoundedOverAllClients) {
  Start([](ControlServerOptions& o) { o.max_output = size_t{32} << 20; });
  Register("big", [](const json&, const ControlReply& reply) {
    reply.Ok(std::string(size_t{20} << 20, 'b'));
  });
  RawClient slow(path_);
  ASSERT_TRUE(slow.Send("{\"v\":1,\"command\":\"big\"}\n"));
  ASSERT_TRUE(Eventually([&] { return server_->counters().requests == 1; }));
  RawClient second(path_);
  ASSERT_TRUE(second.Send("{\"v\":1,\"command\":\"big\"}\n"));
  EXPECT_THAT(second.ReadLine(), HasSubstr("resource_exhausted"));
  EXPECT_TRUE(Echoes());
}

TEST_F(ControlTest, PassedDescriptorsAreClosed) {
  Start();
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  RawClient client(path_);
  std::string text = "{\"v\":1,\"command\":\"echo\"}\n";
  iovec io{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &pipe_fds[1], sizeof(int));
  ASSERT_GT(sendmsg(client.fd(), &message, 0), 0);
  EXPECT_EQ(client.ReadLine(), R"({"ok":true,"result":{}})");
  close(pipe_fds[1]);
  // End of file shows that no copy of the writing end is left, in the server or in flight.
  pollfd poll_fd{.fd = pipe_fds[0], .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&poll_fd, 1, 20'000), 1);
  char c = 0;
  EXPECT_EQ(read(pipe_fds[0], &c, 1), 0);
  close(pipe_fds[0]);
}

TEST_F(ControlTest, ClientsWhoVanishInTheMiddle) {
  Start();
  Register("big", [](const json&, const ControlReply& reply) {
    reply.Ok(std::string(size_t{4} << 20, 'b'));
  });
  for (int i = 0; i < 50; ++i) {
    RawClient client(path_);
    client.Send("{\"v\":1,\"command\":\"big\"}\n{\"v\":1,\"comm");
  }
  EXPECT_TRUE(Eventually([&] { return server_->client_count() == 0; }));
  EXPECT_TRUE(Echoes());
}

}  // namespace
}  // namespace flyover
