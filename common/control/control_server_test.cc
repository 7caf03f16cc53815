#include "common/control/control_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>

#include "common/control/control_test_fixture.h"
#include "common/log/log.h"

namespace flyover {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using testing::HasSubstr;

TEST_F(ControlTest, AnswersAndRefuses) {
  Start();
  Register("fail", [](const json&, const ControlReply& reply) {
    reply.Fail({StatusCode::kNotFound, "no such thing"});
    reply.Ok("a second answer is ignored");
  });
  Register("throw",
           [](const json& args, const ControlReply& reply) { reply.Ok(args.at("missing")); });
  Register("forget", [](const json&, const ControlReply&) {});
  auto client = ControlClient::Connect(path_);
  ASSERT_TRUE(client.ok()) << client.status().message();
  const auto call = [&](const char* command, const json& args) {
    return client->Call(command, args, seconds(20));
  };
  EXPECT_EQ(call("echo", {{"x", "\xe2\x82\xac\n"}}).value(), (json{{"x", "\xe2\x82\xac\n"}}));
  EXPECT_EQ(call("fail", json::object()).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(call("fail", json::object()).status().message(), "no such thing");
  EXPECT_EQ(call("throw", json::object()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(call("forget", json::object()).status().code(), StatusCode::kInternal);
  EXPECT_THAT(call("nothing", json::object()).status().message(), HasSubstr("'nothing'"));
  EXPECT_THAT(call("echo", json::array()).status().message(), HasSubstr("object"));
  EXPECT_TRUE(call("echo", json::object()).ok());  // errors do not end the connection
  EXPECT_FALSE(client->lost());
}

TEST_F(ControlTest, AnswersLater) {
  Start();
  std::optional<ControlReply> kept;
  Register("later", [&](const json&, ControlReply reply) {
    EXPECT_EQ(reply.caller().uid, geteuid());
    EXPECT_EQ(reply.caller().pid, getpid());
    kept = std::move(reply);
  });
  auto client = ControlClient::Connect(path_);
  ASSERT_TRUE(client.ok());
  std::thread answerer([&] {
    EXPECT_TRUE(Eventually([&] { return kept.has_value(); }));
    EXPECT_TRUE(Echoes());  // others are served meanwhile
    loop_.Post([&] { kept->Ok("at last"); });
  });
  EXPECT_EQ(client->Call("later", json::object(), seconds(20)).value(), json("at last"));
  answerer.join();
}

TEST_F(ControlTest, ReplyAfterTheClientLeftOrTheServerStoppedIsHarmless) {
  Start();
  std::vector<ControlReply> kept;
  Register("later", [&](const json&, const ControlReply& reply) { kept.push_back(reply); });
  for (int i = 0; i < 2; ++i) {
    RawClient client(path_);
    ASSERT_TRUE(client.Send("{\"v\":1,\"command\":\"later\"}\n"));
    ASSERT_TRUE(Eventually([&] { return kept.size() == static_cast<size_t>(i + 1); }));
  }
  OnLoop([&] { return kept[0].Ok(1), true; });
  EXPECT_TRUE(Eventually([&] { return server_->client_count() == 1; }));
  OnLoop([&] { return server_.reset(), true; });
  OnLoop([&] { return kept[1].Ok(1), true; });
}

TEST_F(ControlTest, SlowHandlerIsAnsweredForByTheServer) {
  Start([](ControlServerOptions& o) { o.reply_timeout = std::chrono::milliseconds(20); });
  std::optional<ControlReply> kept;
  Register("never", [&](const json&, ControlReply reply) { kept = std::move(reply); });
  auto client = ControlClient::Connect(path_);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->Call("never", json::object(), seconds(20)).status().code(),
            StatusCode::kUnavailable);
  OnLoop([&] { return kept->Ok("too late"), true; });
  EXPECT_EQ(client->Call("echo", {{"a", 2}}, seconds(20)).value(), (json{{"a", 2}}));
}

TEST_F(ControlTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawClient client(path_);
  std::string burst;
  for (int i = 0; i < 500; ++i) {
    burst += R"({"v":1,"command":"echo","args":{"i":)" + std::to_string(i) + "}}\n";
  }
  ASSERT_TRUE(client.Send(burst));
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(json::parse(client.ReadLine())["result"]["i"], i);
  }
}

TEST_F(ControlTest, ChangesAreLoggedWithTheirCaller) {
  CaptureLog log;
  Start();
  Register("backend.drain",
           [](const json&, const ControlReply& reply) { reply.Ok(json::object()); });
  auto client = ControlClient::Connect(path_);
  ASSERT_TRUE(client->Call("backend.drain", json::object(), seconds(20)).ok());
  EXPECT_TRUE(log.Contains("backend.drain by uid " + std::to_string(geteuid())));
}

TEST_F(ControlTest, SocketIsPrivateWithoutGroupAndGoneAfterwards) {
  Start();
  struct stat info {};
  ASSERT_EQ(lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  TearDown();
  EXPECT_NE(lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(ControlClient::Connect(path_).status().code(), StatusCode::kUnavailable);
}

TEST_F(ControlTest, SecondServerIsRefusedAndTheFirstStays) {
  Start();
  EventLoop other;
  const auto second = ControlServer::Create(other, {.path = path_});
  EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr("another daemon answers"));
  EXPECT_TRUE(Echoes());
}

TEST_F(ControlTest, StaleSocketIsReplaced) {
  const std::string path = dir_.Path("control.sock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(fd);  // the file stays, as after a kill -9
  Start();
  EXPECT_TRUE(Echoes());
}

TEST_F(ControlTest, ForeignFileIsLeftAlone) {
  const std::string path = dir_.Path("control.sock");
  std::ofstream(path) << "precious";
  const auto server = ControlServer::Create(loop_, {.path = path});
  EXPECT_THAT(server.status().message(), HasSubstr("not a socket"));
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
}

TEST_F(ControlTest, BadPlacesAreNamed) {
  EXPECT_EQ(ControlServer::Create(loop_, {.path = "/nonexistent/x"}).status().message(),
            "control socket /nonexistent/x: bind: No such file or directory");
  EXPECT_THAT(ControlServer::Create(loop_, {.path = std::string(200, 'x')}).status().message(),
              HasSubstr("107 characters"));
  EXPECT_THAT(ControlServer::Create(loop_, {.path = dir_.Path("s"), .group = "no-such-group"})
                  .status()
                  .message(),
              HasSubstr("'no-such-group' does not exist"));
}

TEST(PeerAllowed, RootOwnUserAndGroupMembers) {
  const gid_t group = 77;
  const gid_t none = static_cast<gid_t>(-1);
  EXPECT_TRUE(PeerAllowed({.uid = 0, .gid = 0, .pid = 1, .groups = {}}, 1000, none));
  EXPECT_TRUE(PeerAllowed({.uid = 1000, .gid = 5, .pid = 1, .groups = {}}, 1000, none));
  EXPECT_TRUE(PeerAllowed({.uid = 1001, .gid = group, .pid = 1, .groups = {}}, 1000, group));
  EXPECT_TRUE(PeerAllowed({.uid = 1001, .gid = 5, .pid = 1, .groups = {4, group}}, 1000, group));
  EXPECT_FALSE(PeerAllowed({.uid = 1001, .gid = 5, .pid = 1, .groups = {4, 6}}, 1000, group));
  EXPECT_FALSE(PeerAllowed({.uid = 1001, .gid = none, .pid = 1, .groups = {none}}, 1000, none));
}

}  // namespace
}  // namespace flyover
