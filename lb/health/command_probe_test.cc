#include "lb/health/command_probe.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace flyover::lb {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

HealthTarget Target(std::vector<std::string> command, milliseconds timeout = milliseconds(10'000)) {
  HealthTarget target;
  target.address = *IpAddress::Parse("2001:db8::7");
  target.kind = HealthConfig::Kind::kExec;
  target.port = 8080;
  target.command = std::move(command);
  target.timeout = timeout;
  return target;
}
HealthTarget Shell(const std::string& script, milliseconds timeout = milliseconds(10'000)) {
  return Target({"/bin/sh", "-c", script}, timeout);
}

ProbeResult ResultOf(const HealthTarget& target) {
  using Clock = PolledProbe::Clock;
  CommandProbe probe(target, Clock::now());
  while (true) {
    if (const auto result = probe.Judge(Clock::now())) return *result;
    const auto left = std::chrono::ceil<milliseconds>(probe.deadline() - Clock::now()).count();
    pollfd end{probe.fd(), POLLIN, 0};
    poll(&end, 1, static_cast<int>(std::max<int64_t>(0, left)));
  }
}

TEST(CommandProbe, TheExitCodeIsTheVerdict) {
  EXPECT_TRUE(ResultOf(Target({"/bin/true"})).good);
  EXPECT_EQ(ResultOf(Target({"/bin/true"})).reason, "exit 0");
  EXPECT_FALSE(ResultOf(Target({"/bin/false"})).good);
  EXPECT_EQ(ResultOf(Shell("exit 7")).reason, "exit 7");
  EXPECT_EQ(ResultOf(Shell("kill -9 $$")).reason, "killed by signal 9");
}

TEST(CommandProbe, TheFirstLineIsTheReason) {
  EXPECT_EQ(ResultOf(Shell("echo replication 3 s behind; echo more; exit 1")).reason,
            "exit 1: replication 3 s behind");
  EXPECT_EQ(ResultOf(Shell("printf 'a\\033[2Jb' >&2")).reason, "exit 0: a?[2Jb");
  EXPECT_LT(ResultOf(Shell("head -c 60000 /dev/zero | tr '\\0' x")).reason.size(), 140u);
}

TEST(CommandProbe, KnowsWhomToProbe) {
  EXPECT_EQ(ResultOf(Shell("echo $FLYOVER_ADDRESS $FLYOVER_PORT")).reason,
            "exit 0: 2001:db8::7 8080");
  setenv("FLYOVER_TEST_SECRET", "x", 1);
  EXPECT_THAT(ResultOf(Shell("env | tr '\\n' ' '")).reason,
              AllOf(HasSubstr("PATH="), Not(HasSubstr("SECRET"))));
}

TEST(CommandProbe, GetsNoDescriptorsOfOurs) {
  const int ours = fcntl(STDOUT_FILENO, F_DUPFD, 50);  // without O_CLOEXEC
  ASSERT_GE(ours, 50);
  const std::string there = "/proc/$$/fd/" + std::to_string(ours);
  EXPECT_EQ(ResultOf(Shell("test -e /proc/$$/fd/1 && test ! -e " + there)).reason, "exit 0");
  close(ours);
}

TEST(CommandProbe, IsKilledAtTheTimeLimitWithItsChildren) {
  const std::string file = testing::TempDir() + "/command_probe_child";
  const auto begun = PolledProbe::Clock::now();
  const ProbeResult result =
      ResultOf(Shell("sleep 600 & echo $! >" + file + "; wait", milliseconds(500)));
  EXPECT_FALSE(result.good);
  EXPECT_EQ(result.reason, "no end in 500 ms");
  EXPECT_LT(PolledProbe::Clock::now() - begun, std::chrono::seconds(10));
  pid_t child = 0;
  std::ifstream(file) >> child;
  ASSERT_GT(child, 0);
  // Whoever inherits it may take a moment to reap it.
  const auto gone = [child] {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string pid, name, state;
    return !(stat >> pid >> name >> state) || state == "Z";
  };
  for (unsigned i = 0; i < 1000 && !gone(); ++i) usleep(10'000);
  EXPECT_TRUE(gone());
}

TEST(CommandProbe, HasLimits) {
  EXPECT_EQ(ResultOf(Shell("ulimit -n")).reason.substr(0, 8), "exit 0: ");
  EXPECT_FALSE(ResultOf(Target({"/nonexistent/check"})).good);
  EXPECT_THAT(ResultOf(Target({"/nonexistent/check"})).reason, HasSubstr("No such file"));
  EXPECT_THAT(ResultOf(Target({"/etc/passwd"})).reason, HasSubstr("ermission denied"));
}

}  // namespace
}  // namespace flyover::lb
