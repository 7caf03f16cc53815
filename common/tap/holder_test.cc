// Client and server over a real socket; pipes stand in for TAP queues: the holder never looks.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "common/tap/holder_server.h"
#include "common/tap/tap_holder_client.h"

namespace flyover {
namespace {

class HolderTest : public testing::Test {
 protected:
  void SetUp() override {
    // Not TempDir(): the path of a UNIX socket has 107 characters.
    std::string pattern = "/tmp/holder-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/run/holder.sock";
    Result<HolderServer> server = HolderServer::Listen(path_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    thread_ =
        std::thread([server = std::move(*server)]() mutable { ASSERT_TRUE(server.Run().ok()); });
  }
  void TearDown() override {
    if (thread_.joinable()) {
      EXPECT_TRUE(Client().Quit().ok());
      thread_.join();
    }
    std::filesystem::remove_all(directory_);
  }
  TapHolderClient Client() {
    Result<TapHolderClient> client = TapHolderClient::Connect(path_);
    EXPECT_TRUE(client.ok()) << client.status().message();
    return std::move(*client);
  }
  struct Pipe {
    UniqueFd read;
    UniqueFd write;
    // Whether anybody still has the writing end open.
    bool Held() const {
      pollfd p{read.get(), 0, 0};
      return poll(&p, 1, 0) == 0;
    }
  };
  static Pipe NewPipe() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
  }

  std::string directory_;
  std::string path_;
  std::thread thread_;
};

TEST_F(HolderTest, HoldsUntilReleased) {
  Pipe pipe = NewPipe();
  TapHolderClient client = Client();
  ASSERT_TRUE(client.Hold("wan", pipe.write.get()).ok());
  pipe.write.Reset();
  EXPECT_TRUE(pipe.Held());
  EXPECT_EQ(*client.List(), std::vector<std::string>{"wan"});
  ASSERT_TRUE(client.Release("wan").ok());
  EXPECT_FALSE(pipe.Held());
  EXPECT_EQ(client.Release("wan").code(), StatusCode::kNotFound);
}

TEST_F(HolderTest, OutlivesTheClient) {
  Pipe pipe = NewPipe();
  ASSERT_TRUE(Client().Hold("wan", pipe.write.get()).ok());
  pipe.write.Reset();
  EXPECT_EQ(*Client().List(), std::vector<std::string>{"wan"});
  EXPECT_TRUE(pipe.Held());
}

TEST_F(HolderTest, LaterOneReplacesEarlierOne) {
  Pipe first = NewPipe();
  Pipe second = NewPipe();
  TapHolderClient client = Client();
  ASSERT_TRUE(client.Hold("wan", first.write.get()).ok());
  ASSERT_TRUE(client.Hold("wan", second.write.get()).ok());
  first.write.Reset();
  second.write.Reset();
  EXPECT_FALSE(first.Held());
  EXPECT_TRUE(second.Held());
}

TEST_F(HolderTest, QuitLetsGoAndRemovesTheSocket) {
  Pipe pipe = NewPipe();
  ASSERT_TRUE(Client().Hold("wan", pipe.write.get()).ok());
  pipe.write.Reset();
  ASSERT_TRUE(Client().Quit().ok());
  thread_.join();
  EXPECT_FALSE(pipe.Held());
  EXPECT_EQ(TapHolderClient::Connect(path_).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(HolderTest, NonsenseIsAnsweredAndDoesNoHarm) {
  Pipe pipe = NewPipe();
  Result<UniqueFd> raw = ConnectHolderSocket(path_);
  ASSERT_TRUE(raw.ok());
  for (const std::string& text :
       {std::string("hold"), std::string("hold "), std::string("hold a b"), std::string("burn wan"),
        std::string(16384, 'x'), std::string("release \0x", 10)}) {
    ASSERT_TRUE(SendHolderMessage(raw->get(), text, pipe.write.get()).ok());
    const Result<HolderMessage> answer = ReceiveHolderMessage(raw->get());
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(answer->text.starts_with("error")) << answer->text;
  }
  ASSERT_TRUE(SendHolderMessage(raw->get(), "hold wan", -1).ok());
  EXPECT_EQ(ReceiveHolderMessage(raw->get())->text, "error no descriptor");
  EXPECT_EQ(*Client().List(), std::vector<std::string>{});
  pipe.write.Reset();
  EXPECT_FALSE(pipe.Held());
}

TEST_F(HolderTest, ManyClientsAreServed) {
  std::vector<TapHolderClient> clients;
  clients.reserve(30);
  for (int i = 0; i < 30; ++i) clients.push_back(Client());
  EXPECT_TRUE(clients.back().List().ok());
}

TEST_F(HolderTest, SecondHolderIsRefused) {
  EXPECT_EQ(HolderServer::Listen(path_).status().code(), StatusCode::kAlreadyExists);
  EXPECT_TRUE(Client().List().ok());
}

TEST_F(HolderTest, SocketOfADeadHolderIsReplaced) {
  const std::string path = directory_ + "/stale.sock";
  { ASSERT_TRUE(BindHolderSocket(path).ok()); }
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(HolderServer::Listen(path).ok());
}

TEST(HolderClientTest, BinaryThatIsNotThereIsNamed) {
  const auto client = TapHolderClient::ConnectOrStart("/tmp/flyover-no-such-directory/holder.sock",
                                                      "/nonexistent/flyover-tap-holder");
  EXPECT_EQ(client.status().code(), StatusCode::kNotFound);
  EXPECT_NE(client.status().message().find("/nonexistent/flyover-tap-holder"), std::string::npos);
}

}  // namespace
}  // namespace flyover
