#include "tools/flyover/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/control/control_server.h"
#include "common/control/results.h"
#include "common/log/log.h"

namespace flyover {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};
Outcome RunFlyover(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  // Not this test's own directory: beside it lie the real programs once they are built.
  outcome.code = RunCli(arguments, "", out, err);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

// A daemon that answers with canned results and keeps what it was asked.
class CliTest : public testing::Test {
 protected:
  CliTest() {
    char name[] = "/tmp/flyover-cli-XXXXXX";
    directory_ = mkdtemp(name);
    socket_ = directory_ + "/s";
  }
  ~CliTest() override {
    if (thread_.joinable()) {
      loop_.Stop();
      thread_.join();
    }
    server_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  void StartDaemon() {
    server_ = std::move(ControlServer::Create(loop_, {.path = socket_}).value());
    thread_ = std::thread([this] { loop_.Run(); });
  }
  // On the loop's thread, as the server belongs to it.
  void Register(const char* command, ControlHandler handler) {
    std::promise<void> done;
    loop_.Post([&] {
      server_->Register(command, std::move(handler));
      done.set_value();
    });
    done.get_future().wait();
  }
  void Answer(const char* command, const json& result) {
    Register(command, [this, result](const json& args, const ControlReply& reply) {
      asked_ = args;
      reply.Ok(result);
    });
  }
  void Refuse(const char* command, const Status& status) {
    Register(command, [this, status](const json& args, const ControlReply& reply) {
      asked_ = args;
      reply.Fail(status);
    });
  }
  Outcome Ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--socket", socket_});
    return RunFlyover(arguments);
  }
  std::string WriteFile(const std::string& name, const std::string& text) const {
    std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::string directory_;
  std::string socket_;
  EventLoop loop_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
  json asked_;
  CaptureLog log_;  // keeps the server's lines off the test's output
};

TEST(CliUsage, NonsenseIsUsageAndTwo) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"nonsense"},
      {""},
      {"show"},
      {"show", "nonsense"},
      {"show", "ports", "surplus"},
      {"show", "route"},
      {"show", "route", "1.2.3"},
      {"show", "routes", "--limit", "-1"},
      {"show", "ports", "--watch", "soon"},
      {"show", "ports", "--watch", "0"},
      {"show", "ports", "--count", "2"},
      {"reload", "a", "b"},
      {"plan"},
      {"plan", "f.yaml", "--max-moved", "2"},
      {"plan", "f.yaml", "--max-moved", "101%"},
      {"commit", "f.yaml"},
      {"commit", "--confirm", "60s"},
      {"commit", "f.yaml", "--confirm", "60"},
      {"commit", "f.yaml", "--confirm", "0s"},
      {"confirm", "surplus"},
      {"show", "journal", "--limit", "-1"},
      {"backend"},
      {"backend", "drain", "web"},
      {"backend", "weight", "web", "web1"},
      {"backend", "weight", "web", "web1", "65536"},
      {"backend", "weight", "web", "web1", "-1"},
      {"backend", "weight", "web", "web1", "1.5"},
      {"--name", "../etc", "show", "ports"},
      {"--name", "", "show", "ports"},
      {"--name", "a", "--socket", "b", "show", "ports"},
      {"--frobnicate", "show", "ports"},
      {"check"},
      {"check", "f.yaml", "--offline"},
      {"check", "f.yaml", "g.yaml"},
      {"version", "now"},
      {"device"},
      {"device", "bind"},
      {"device", "list", "0000:3b:00.0"},
      {"device", "bind", "0000:3b:00.0", "--driver", "igb"},
      {std::string(100'000, 'x')},
      {"show", "\xff\x01"}};
  for (const auto& arguments : wrong) {
    const Outcome outcome = RunFlyover(arguments);
    EXPECT_EQ(outcome.code, kExitUsage) << testing::PrintToString(arguments);
    EXPECT_EQ(outcome.out, "") << testing::PrintToString(arguments);
    EXPECT_THAT(outcome.err, StartsWith("flyover: "));
    EXPECT_THAT(outcome.err, HasSubstr("\nUsage: flyover"));
  }
  EXPECT_THAT(RunFlyover({"show", "prots"}).err,
              StartsWith("flyover: 'prots' is not a command; accepted: ports lcores counters"));
}

TEST(CliUsage, HelpOfEveryCommandNamesTheExitCodes) {
  const std::vector<std::vector<std::string>> commands = {
      {},         {"show"},    {"show", "ports"},    {"show", "route"},     {"show", "drops"},
      {"reload"}, {"backend"}, {"backend", "drain"}, {"backend", "weight"}, {"check"},
      {"version"}};
  for (auto arguments : commands) {
    arguments.emplace_back("--help");
    const Outcome outcome = RunFlyover(arguments);
    EXPECT_EQ(outcome.code, kExitOk);
    EXPECT_EQ(outcome.err, "");
    EXPECT_THAT(outcome.out, HasSubstr("Usage: flyover"));
    EXPECT_THAT(outcome.out, HasSubstr("3  no daemon answers on the socket"));
  }
}

TEST_F(CliTest, NoDaemonIsOneLineAndThree) {
  const Outcome outcome = Ask({"show", "ports"});
  EXPECT_EQ(outcome.code, kExitNoDaemon);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "flyover: no daemon answers on " + socket_ + " (is flyoverd running?)\n");
  EXPECT_EQ(RunFlyover({"--name", "no-such-plane", "show", "ports"}).err,
            "flyover: no daemon answers on /run/flyover/no-such-plane/control.sock "
            "(is flyoverd running?)\n");
}

TEST_F(CliTest, TableAndJsonOfAnAnswer) {
  StartDaemon();
  NeighborsResult neighbors;
  neighbors.neighbors = {{"lan", "10.0.0.2", "02:00:00:00:00:02", "resolved", 7, 0}};
  Answer("show.neighbors", neighbors);
  EXPECT_EQ(Ask({"show", "neighbors"}).out,
            "ADDRESS   PORT  VRF  STATE     MAC                PACKETS  HELD\n"
            "10.0.0.2  lan        resolved  02:00:00:00:00:02        7     0\n");
  // Global options are taken behind the command, too.
  const Outcome as_json = Ask({"show", "neighbors", "--json"});
  EXPECT_EQ(as_json.code, kExitOk);
  EXPECT_EQ(json::parse(as_json.out), json(neighbors));
}

TEST_F(CliTest, LookupsOfSeveralAddresses) {
  StartDaemon();
  LookupsResult lookups;
  lookups.lookups = {{"10.9.0.1", "10.9.0.0/16", "blackhole", {}}};
  Answer("show.lookup", lookups);
  EXPECT_EQ(Ask({"show", "lookup", "10.9.0.1", "2001:db8::1"}).out,
            "10.9.0.1 10.9.0.0/16 blackhole\n");
  EXPECT_EQ(asked_, (json{{"addresses", "10.9.0.1 2001:db8::1 "}}));
  EXPECT_EQ(json::parse(Ask({"show", "lookup", "10.9.0.1", "--json"}).out), json(lookups));
  EXPECT_EQ(Ask({"show", "lookup", "10.9.0"}).code, kExitUsage);
  Answer("show.routes", RoutesResult{});
  EXPECT_EQ(Ask({"show", "routes", "--refused"}).code, kExitOk);
  EXPECT_EQ(asked_, (json{{"limit", 100}, {"refused", true}}));
}

TEST_F(CliTest, ArgumentsReachTheDaemon) {
  StartDaemon();
  Answer("show.route", RouteExplainResult{});
  Answer("show.routes", RoutesResult{});
  Answer("show.connections", ConnectionsResult{});
  Answer("backend.weight", BackendChangeResult{"web", "web1", 7, false});
  Answer("backend.drain", BackendChangeResult{"web", "web1", 100, true});
  EXPECT_EQ(Ask({"show", "route", "2001:db8::1"}).code, kExitOk);
  EXPECT_EQ(asked_, (json{{"address", "2001:db8::1"}}));
  EXPECT_EQ(Ask({"show", "routes"}).code, kExitOk);
  EXPECT_EQ(asked_, (json{{"limit", 100}}));
  EXPECT_EQ(Ask({"show", "connections", "--limit", "0"}).code, kExitOk);
  EXPECT_EQ(asked_, (json{{"limit", 0}}));
  EXPECT_EQ(Ask({"backend", "weight", "web", "web1", "7"}).out, "web/web1: weight 7\n");
  EXPECT_EQ(asked_, (json{{"service", "web"}, {"backend", "web1"}, {"weight", 7}}));
  EXPECT_EQ(Ask({"backend", "drain", "web", "web1"}).out, "web/web1: weight 100, drained\n");
}

TEST_F(CliTest, RefusalIsOneLineAndOne) {
  StartDaemon();
  Refuse("backend.drain", {StatusCode::kNotFound, "service 'web' has no backend 'x'"});
  const Outcome outcome = Ask({"backend", "drain", "web", "x"});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "flyover: service 'web' has no backend 'x'\n");
  // An older daemon that lacks the command.
  EXPECT_THAT(Ask({"show", "ports"}).err, HasSubstr("knows no command 'show.ports'"));
}

TEST_F(CliTest, AnswerOfAnotherShape) {
  StartDaemon();
  Answer("show.ports", {{"ports", "none"}});
  EXPECT_EQ(Ask({"show", "ports"}).code, kExitRefused);
  EXPECT_EQ(Ask({"show", "ports", "--json"}).code, kExitOk);
}

TEST_F(CliTest, CountersOffIsOneInBothForms) {
  StartDaemon();
  CountersResult counters;
  counters.total.name = "total";
  Answer("show.counters", counters);
  EXPECT_EQ(Ask({"show", "counters"}).code, kExitOk);
  counters.total.rx = 1;
  Answer("show.counters", counters);
  const Outcome off = Ask({"show", "counters"});
  EXPECT_EQ(off.code, kExitRefused);
  EXPECT_THAT(off.out, testing::EndsWith("ledger: OFF BY 1\n"));
  EXPECT_EQ(Ask({"--json", "show", "counters"}).code, kExitRefused);
}

TEST_F(CliTest, ReloadSendsTheText) {
  StartDaemon();
  Answer("reload", ReloadResult{2, true, {}});
  const std::string file = WriteFile("new.yaml", "a: \"\xc3\xa4\"\n");
  EXPECT_EQ(Ask({"reload", file}).out, "running generation 2\n");
  EXPECT_EQ(asked_, (json{{"document", "a: \"\xc3\xa4\"\n"}, {"file", file}}));
  EXPECT_EQ(Ask({"reload"}).code, kExitOk);
  EXPECT_EQ(asked_, json::object());
}

TEST_F(CliTest, ReloadPrintsErrorsAsTheyAre) {
  StartDaemon();
  Refuse("reload", {StatusCode::kInvalidArgument, "f.yaml:1:2: a: wrong\nf.yaml:3:4: b: wrong"});
  const Outcome outcome = Ask({"reload", WriteFile("f.yaml", "x")});
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_EQ(outcome.err, "f.yaml:1:2: a: wrong\nf.yaml:3:4: b: wrong\n");
  Refuse("reload", {StatusCode::kFailedPrecondition, "a reload is in progress"});
  EXPECT_EQ(Ask({"reload"}).err, "flyover: a reload is in progress\n");
}

TEST_F(CliTest, ReloadRefusesFilesThatCannotBeSent) {
  StartDaemon();
  Answer("reload", ReloadResult{});
  EXPECT_THAT(Ask({"reload", directory_ + "/none"}).err, HasSubstr("No such file"));
  EXPECT_THAT(Ask({"reload", directory_}).err, HasSubstr("Is a directory"));
  EXPECT_THAT(Ask({"reload", "/dev/zero"}).err, HasSubstr("longer than 5 MiB"));
  const std::string binary = WriteFile("binary", "a: 1\nb: \xff\n");
  EXPECT_EQ(Ask({"reload", binary}).err,
            "flyover: " + binary + ":2:4: not UTF-8; a document is UTF-8 text\n");
  EXPECT_TRUE(asked_.is_null()) << "nothing was sent";
  // What is allowed arrives, even where JSON makes it longer.
  const std::string large = WriteFile("large", std::string(5'000'000, '#') + "\n");
  EXPECT_EQ(Ask({"reload", large}).code, kExitOk);
  EXPECT_EQ(asked_["document"].get<std::string>().size(), 5'000'001u);
}

TEST_F(CliTest, WatchShowsAgain) {
  StartDaemon();
  Answer("show.services", ServicesResult{});
  const Outcome outcome = Ask({"show", "services", "--watch", "0.1", "--count", "3"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "no services\n\nno services\n\nno services\n\n");
}

TEST_F(CliTest, VersionWithAndWithoutDaemon) {
  Outcome outcome = Ask({"version"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_THAT(outcome.out, MatchesRegex("flyover [0-9.]+ \\(commit .*\\)\n"
                                        "flyoverd: none answers on .*\n"));
  EXPECT_EQ(json::parse(Ask({"--json", "version"}).out)["flyoverd"], json());
  StartDaemon();
  Answer("show.version", VersionResult{"0.1.0", "abc", "22.11.11", "flyover", 42, 61});
  EXPECT_THAT(Ask({"version"}).out, HasSubstr("flyoverd 0.1.0 (commit abc, DPDK 22.11.11)\n"
                                              "  data plane flyover, pid 42, up 1m 1s\n"));
  EXPECT_EQ(json::parse(Ask({"--json", "version"}).out)["flyoverd"]["pid"], 42);
}

TEST_F(CliTest, DaemonThatDiesInTheMiddle) {
  StartDaemon();
  Register("show.ports", [&](const json&, const ControlReply&) { loop_.Stop(); });
  std::thread killer([&] {
    thread_.join();
    server_.reset();
  });
  const Outcome outcome = Ask({"show", "ports"});
  killer.join();
  // The handler's forgotten reply may still get out before the end.
  EXPECT_TRUE(outcome.code == kExitNoDaemon || outcome.code == kExitRefused);
  EXPECT_THAT(outcome.err, StartsWith("flyover: the daemon "));
}

TEST_F(CliTest, PlanExitsByTheBudget) {
  StartDaemon();
  PlanResult plan;
  plan.changes = {"services.web.backends.web4: added"};
  plan.services = {{"web", "kept", 65'537, 16'400, 16'380, 25.02, 7, 0, 0, {}}};
  plan.services[0].backends = {{"web4", "10.2.0.14", "added", 0, 25, 0, 16'380, 0}};
  plan.max_moved_percent = 25.03;
  Answer("plan", plan);
  const std::string file = WriteFile("d.yaml", "ports: {}\n");
  const Outcome free = Ask({"plan", file});
  EXPECT_EQ(free.code, kExitOk);
  EXPECT_EQ(asked_["document"], "ports: {}\n");
  EXPECT_FALSE(asked_.contains("max_moved"));
  EXPECT_THAT(free.out, HasSubstr("web      kept    65,537  16,400  16,380      25.02 %"));
  EXPECT_THAT(free.out, HasSubstr("the most that moves: 25.03 %\n"));

  plan.limited = true;
  plan.limit_percent = 2.5;
  plan.within = false;
  Answer("plan", plan);
  const Outcome beyond = Ask({"plan", file, "--max-moved", "2.5%"});
  EXPECT_EQ(beyond.code, kExitOverBudget);
  EXPECT_EQ(asked_["max_moved"], 250);
  EXPECT_THAT(beyond.out, HasSubstr("25.03 %, BEYOND the limit of 2.50 %\n"));
  EXPECT_EQ(Ask({"--json", "plan", file}).code, kExitOverBudget);

  Refuse("plan", {StatusCode::kInvalidArgument, "d.yaml:1:1: ports: a\nd.yaml:2:1: x: b"});
  const Outcome faulty = Ask({"plan", file});
  EXPECT_EQ(faulty.code, kExitRefused);
  EXPECT_EQ(faulty.err, "d.yaml:1:1: ports: a\nd.yaml:2:1: x: b\n");
}

TEST_F(CliTest, CommitConfirmRollback) {
  StartDaemon();
  ReloadResult taken;
  taken.generation = 3;
  taken.changes = {"log: changed"};
  taken.confirm_seconds = 90;
  Answer("commit", taken);
  const std::string file = WriteFile("d.yaml", "ports: {}\n");
  const Outcome outcome = Ask({"commit", file, "--confirm", "90s", "--force"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(asked_["confirm_seconds"], 90);
  EXPECT_EQ(asked_["force"], true);
  EXPECT_EQ(outcome.out,
            "running generation 3\n  log: changed\ngoes back in 1m 30s unless `flyover confirm` "
            "comes\n");
  Answer("confirm", ConfirmResult{3, 0});
  EXPECT_EQ(Ask({"confirm"}).out, "generation 3 is confirmed\n");
  Answer("rollback", ConfirmResult{4, 3});
  EXPECT_EQ(Ask({"rollback"}).out, "went back from generation 3; running generation 4\n");
  Refuse("confirm", {StatusCode::kFailedPrecondition, "nothing waits to be confirmed"});
  EXPECT_EQ(Ask({"confirm"}).code, kExitRefused);
}

TEST_F(CliTest, JournalShowsWhoAndWhat) {
  StartDaemon();
  JournalEntryResult entry;
  entry.time = "2024-05-01T12:00:00Z";
  entry.uid = 1000;
  entry.command = "reload";
  entry.outcome = "done";
  entry.generation = 2;
  entry.changes = {"services.web: \x1b[31mchanged"};
  entry.changes_total = 1;
  entry.moved = {{"web", 251, 25, 20}};
  Answer("show.journal", JournalResult{{entry}, 9});
  const Outcome outcome = Ask({"show", "journal", "--limit", "1"});
  EXPECT_EQ(asked_["limit"], 1);
  EXPECT_EQ(outcome.out,
            "TIME                  USER  COMMAND  OUTCOME  GENERATION  CHANGES  MOVED       WHAT\n"
            "2024-05-01T12:00:00Z  1000  reload   done              2        1  web 9.96 %  "
            "services.web: ?[31mchanged\n"
            "9 entries (the last 1 shown; --limit 0 shows all)\n");
}

TEST_F(CliTest, StagesAreSampledBetweenTwoCalls) {
  StartDaemon();
  LcoresResult lcores;
  lcores.lcores.resize(2);
  lcores.lcores[0].stages = {
      {"receive", 640, 12'800, 20.0}, {"encap", 0, 0, 0}, {"fib_lookup", 600, 6'400, 10.0}};
  lcores.lcores[1].index = 1;
  lcores.lcores[1].stages = {{"receive", 0, 0, 0}};
  std::vector<json> asked;
  Register("show.lcores", [&](const json& args, const ControlReply& reply) {
    asked.push_back(args);
    reply.Ok(lcores);
  });
  const Outcome outcome = Ask({"show", "lcores", "--stages"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(asked, (std::vector<json>{{{"stages", "start"}}, {{"stages", "stop"}}}));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("receive +20\\.0 +640\n"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("all +30\\.0 +640\n"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("encap")));
  EXPECT_THAT(outcome.out, HasSubstr("lcore 1: no packets in the time sampled\n"));
}

// `check` and `bench` become another program: seen from a child process.
TEST_F(CliTest, CheckAndBenchRunTheirPrograms) {
  for (const char* name : {"flyoverd", "flyover-bench"}) {
    const std::string path =
        WriteFile(name, "#!/bin/sh\necho \"$(basename \"$0\") $*\" >&2\nexit 7\n");
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  }
  const auto run = [&](const std::vector<std::string>& arguments) {
    setenv("PATH", (directory_ + ":/usr/bin:/bin").c_str(), 1);
    std::_Exit(RunFlyover(arguments).code);
  };
  EXPECT_EXIT(run({"check", "f.yaml"}), testing::ExitedWithCode(7), "^flyoverd --check f.yaml\n$");
  EXPECT_EXIT(run({"check", "f.yaml", "--json", "--allow-ssh-nic"}), testing::ExitedWithCode(7),
              "^flyoverd --check f.yaml --allow-ssh-nic --json\n$");
  EXPECT_EXIT(run({"bench", "--help", "ipv4", "--json"}), testing::ExitedWithCode(7),
              "^flyover-bench --help ipv4 --json\n$");
}

TEST(CliPrograms, MissingOneIsNamed) {
  const char* before = std::getenv("PATH");
  const std::string path = before == nullptr ? "" : before;
  setenv("PATH", "relative:/nonexistent", 1);
  const Outcome outcome = RunFlyover({"bench"});
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(outcome.code, kExitRefused);
  EXPECT_THAT(outcome.err, HasSubstr("flyover-bench is neither beside this command nor in PATH"));
}

}  // namespace
}  // namespace flyover
