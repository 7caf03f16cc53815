#include "common/log/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "common/log/limiter.h"
#include "common/log/line_format.h"
#include "common/log/stderr_sink.h"

namespace flyover {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::MatchesRegex;

const std::chrono::system_clock::time_point kMoment{std::chrono::milliseconds(1'700'000'000'042)};

std::string Text(std::string_view message) {
  return FormatLogLine(false, kMoment, "warn", "tap", message);
}
std::string Json(std::string_view message) {
  return FormatLogLine(true, kMoment, "warn", "tap", message);
}

TEST(LineFormat, TextAndJson) {
  EXPECT_EQ(Text("carrier lost"), "2023-11-14T22:13:20.042Z warn tap: carrier lost\n");
  EXPECT_EQ(Json("carrier lost"),
            "{\"time\":\"2023-11-14T22:13:20.042Z\",\"level\":\"warn\",\"area\":\"tap\","
            "\"message\":\"carrier lost\"}\n");
}

TEST(LineFormat, OneMessageIsOneLineOfUtf8) {
  EXPECT_THAT(Text("a\nb\x1b[31m\x7f"), HasSubstr(": a\\nb\\x1b[31m\\x7f\n"));
  EXPECT_THAT(Json("a\nb\x1b \"q\" \\"), HasSubstr(R"("a\nb\u001b \"q\" \\"})"));
  EXPECT_THAT(Text("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\x80"),
              HasSubstr(": \xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\x80\n"));
  EXPECT_THAT(Text("\xc2\x9b"), HasSubstr(": \\u009b\n"));  // CSI of terminals
  // Not UTF-8: a lone continuation, overlong, surrogate, too large, cut off.
  EXPECT_THAT(Json("\x80 \xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xe2\x82"),
              HasSubstr("\"\\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd "
                        "\\ufffd\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\"}"));
  EXPECT_THAT(Text("\xff"), HasSubstr(": \\xff\n"));
}

TEST(LineFormat, LongMessagesAreCut) {
  const std::string line = Text(std::string(100'000, 'x'));
  EXPECT_LT(line.size(), kMaxLogMessage + 100);
  EXPECT_THAT(line, HasSubstr("xxx...\n"));
}

TEST(LogLimiter, OneLinePerKeyAndPeriod) {
  LogLimiter limiter;
  const LogLimiter::Time start{};
  const auto admit = [&](const char* key, seconds at) {
    return limiter.Admit(LogArea::kPort, LogLevel::kWarn, key, start + at);
  };
  EXPECT_TRUE(admit("a", seconds(0)).write);
  EXPECT_TRUE(admit("b", seconds(0)).write);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(admit("a", seconds(9)).write);
  const auto verdict = admit("a", seconds(10));
  EXPECT_TRUE(verdict.write);
  EXPECT_EQ(verdict.suppressed, 5u);
  EXPECT_EQ(admit("b", seconds(10)).suppressed, 0u);
  // The same key of another area is another.
  EXPECT_TRUE(limiter.Admit(LogArea::kTap, LogLevel::kWarn, "a", start + seconds(11)).write);
}

TEST(LogLimiter, WhatWasKeptBackIsReported) {
  LogLimiter limiter;
  const LogLimiter::Time start{};
  limiter.Admit(LogArea::kPort, LogLevel::kWarn, "a", start);
  limiter.Admit(LogArea::kPort, LogLevel::kWarn, "a", start);
  EXPECT_TRUE(limiter.Collect(start + seconds(1), false).empty());
  const auto reports = limiter.Collect(start + seconds(1), true);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].key, "a");
  EXPECT_EQ(reports[0].count, 1u);
  EXPECT_TRUE(limiter.Collect(start + seconds(1), true).empty());
  limiter.Collect(start + seconds(30), false);
  EXPECT_EQ(limiter.key_count(), 0u);
}

TEST(LogLimiter, StormOfDifferentKeysIsBounded) {
  LogLimiter limiter;
  const LogLimiter::Time start{};
  size_t written = 0;
  for (int i = 0; i < 100'000; ++i) {
    written += limiter.Admit(LogArea::kLb, LogLevel::kWarn, std::to_string(i), start).write;
  }
  EXPECT_EQ(written, LogLimiter::kMaxKeys + 1);
  EXPECT_EQ(limiter.key_count(), LogLimiter::kMaxKeys + 1);
  // Later there is room again.
  EXPECT_TRUE(limiter.Admit(LogArea::kLb, LogLevel::kWarn, "new", start + seconds(11)).write);
  EXPECT_LE(limiter.key_count(), 3u);
}

spdlog::details::log_msg Message(std::string_view text) {
  return {"tap", spdlog::level::warn, spdlog::string_view_t(text.data(), text.size())};
}

TEST(StderrSink, FullDiskIsCounted) {
  const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  StderrSink sink(fd);
  for (int i = 0; i < 3; ++i) sink.log(Message("lost"));
  EXPECT_EQ(sink.lost(), 3u);
  close(fd);
}

TEST(StderrSink, StalledReaderNeverBlocksAndLinesAreWholeAgain) {
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe(fds.data()), 0);
  StderrSink sink(fds[1]);
  // Lines longer than a pipe's atomic write, so that the last one gets out in part.
  const std::string text(10'000, 'x');
  for (int i = 0; i < 100; ++i) sink.log(Message(text));
  EXPECT_GT(sink.lost(), 50u);
  std::string seen(size_t{1} << 20, '\0');
  seen.resize(static_cast<size_t>(read(fds[0], seen.data(), seen.size())));
  sink.log(Message("after"));
  std::array<char, 256> after{};
  const ssize_t n = read(fds[0], after.data(), after.size());
  ASSERT_GT(n, 0);
  const std::string all = seen + std::string(after.data(), static_cast<size_t>(n));
  EXPECT_THAT(all.substr(all.rfind('\n', all.size() - 2) + 1),
              MatchesRegex(".* warn tap: after\n"));
  close(fds[0]);
  close(fds[1]);
}

TEST(StderrSink, ReaderGone) {
  ASSERT_TRUE(ConfigureLog({}).ok());  // ignores SIGPIPE
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe(fds.data()), 0);
  close(fds[0]);
  StderrSink sink(fds[1]);
  sink.log(Message("lost"));
  EXPECT_EQ(sink.lost(), 1u);
  close(fds[1]);
}

TEST(Log, LevelsPerArea) {
  ASSERT_TRUE(ConfigureLog({.level = "warn", .areas = {{"netlink", "debug"}}, .json = true}).ok());
  EXPECT_TRUE(LogEnabled(LogArea::kNetlink, LogLevel::kDebug));
  EXPECT_FALSE(LogEnabled(LogArea::kNetlink, LogLevel::kTrace));
  EXPECT_TRUE(LogEnabled(LogArea::kLb, LogLevel::kWarn));
  EXPECT_FALSE(LogEnabled(LogArea::kLb, LogLevel::kInfo));

  EXPECT_EQ(ConfigureLog({.level = "loud", .areas = {}}).message(),
            "log level 'loud' is unknown; accepted: trace, debug, info, warn, error, off");
  EXPECT_THAT(ConfigureLog({.level = "info", .areas = {{"lbb", "info"}}}).message(),
              HasSubstr("log area 'lbb' is unknown; accepted: daemon, config"));
  EXPECT_TRUE(LogEnabled(LogArea::kNetlink, LogLevel::kDebug))
      << "a refused change changes nothing";
  ASSERT_TRUE(ConfigureLog({}).ok());
  EXPECT_FALSE(LogEnabled(LogArea::kNetlink, LogLevel::kDebug));
}

TEST(Log, CaptureTakesEveryLevelAndPutsBack) {
  ASSERT_TRUE(ConfigureLog({.level = "error", .areas = {}}).ok());
  {
    CaptureLog capture;
    Log(LogArea::kHealth, LogLevel::kTrace, "backend {} is {}", "web1", 7);
    ASSERT_EQ(capture.lines().size(), 1u);
    EXPECT_EQ(capture.lines()[0].area, LogArea::kHealth);
    EXPECT_EQ(capture.lines()[0].level, LogLevel::kTrace);
    EXPECT_TRUE(capture.Contains("backend web1 is 7"));
    EXPECT_FALSE(capture.Contains("web2"));
  }
  EXPECT_FALSE(LogEnabled(LogArea::kHealth, LogLevel::kWarn));
}

TEST(Log, LimitedLinesOfManyThreads) {
  CaptureLog capture;
  std::array<std::thread, 4> threads;
  for (auto& thread : threads) {
    thread = std::thread([] {
      for (int i = 0; i < 1000; ++i) {
        LogLimited(LogArea::kPort, LogLevel::kWarn, "storm", "packet {} is bad", i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(capture.lines().size(), 1u);
  ReportSuppressedLogs(true);
  EXPECT_TRUE(capture.Contains("storm: 3999 more lines were kept back"));
}

}  // namespace
}  // namespace flyover
