#include "common/control/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace flyover {
namespace {

using std::chrono::milliseconds;

TEST(EventLoop, RunsPostedWorkOfManyThreadsInOrderPerThread) {
  EventLoop loop;
  constexpr int kThreads = 4;
  constexpr int kPosts = 1000;
  std::array<std::vector<int>, kThreads> seen;
  int total = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&, t, i] {
          seen[static_cast<size_t>(t)].push_back(i);
          if (++total == kThreads * kPosts) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (auto& thread : threads) thread.join();
  for (const auto& list : seen) {
    ASSERT_EQ(list.size(), static_cast<size_t>(kPosts));
    for (int i = 0; i < kPosts; ++i) EXPECT_EQ(list[static_cast<size_t>(i)], i);
  }
}

TEST(EventLoop, StopBeforeRunIsRemembered) {
  EventLoop loop;
  bool ran = false;
  loop.Post([&] { ran = true; });
  loop.Stop();
  loop.Run();
  EXPECT_TRUE(ran);
}

TEST(EventLoop, TimersFireAndEndWithTheirHandle) {
  EventLoop loop;
  int ticks = 0;
  bool cancelled_ran = false;
  EventLoop::Handle cancelled = loop.RunAfter(milliseconds(1), [&] { cancelled_ran = true; });
  cancelled = {};
  EventLoop::Handle every;
  EventLoop::Handle end;
  every = loop.RunEvery(milliseconds(1), [&] {
    if (++ticks < 3) return;
    every = {};  // from within its own callback
    end = loop.RunAfter(milliseconds(20), [&] { loop.Stop(); });
  });
  loop.Run();
  EXPECT_EQ(ticks, 3);
  EXPECT_FALSE(cancelled_ran);
}

TEST(EventLoop, WatchesDescriptors) {
  EventLoop loop;
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  std::string seen;
  EventLoop::Handle reader = loop.WatchFd(pipe_fds[0], {.read = true}, [&](FdEvents events) {
    EXPECT_TRUE(events.read);
    EXPECT_FALSE(events.write);
    char c = 0;
    if (read(pipe_fds[0], &c, 1) == 1) {
      seen += c;
    } else {
      loop.Stop();  // the other side hung up
    }
  });
  ASSERT_EQ(write(pipe_fds[1], "ab", 2), 2);
  close(pipe_fds[1]);
  loop.Run();
  EXPECT_EQ(seen, "ab");
  reader = {};
  close(pipe_fds[0]);
}

TEST(EventLoop, HandlesSignals) {
  EventLoop loop;
  int signals = 0;
  const EventLoop::Handle handle = loop.OnSignal(SIGUSR1, [&] {
    ++signals;
    loop.Stop();
  });
  loop.Post([] { kill(getpid(), SIGUSR1); });
  loop.Run();
  EXPECT_EQ(signals, 1);
}

TEST(EventLoop, RunReadyDoesNotWait) {
  EventLoop loop;
  int ran = 0;
  const EventLoop::Handle later = loop.RunAfter(std::chrono::hours(1), [&] { ran += 100; });
  loop.RunReady();
  EXPECT_EQ(ran, 0);
  loop.Post([&] { ++ran; });
  loop.RunReady();
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace flyover
