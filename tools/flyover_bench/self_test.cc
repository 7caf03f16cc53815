#include "tools/flyover_bench/self_test.h"

#include <cstdio>

#include "tools/flyover_bench/subject.h"

namespace flyover {
namespace {

// What the benchmark says of a subject with a fault, when it is made or when it is measured.
Status Say(const Load& load, Fault fault) {
  auto subject = MakeFaultySubject(load, fault);
  if (!subject.ok()) return subject.status();
  const auto sample = (*subject)->Measure();
  return sample.ok() ? Status::Ok() : sample.status();
}

}  // namespace

bool RunSelfTest() {
  struct Case {
    Fault fault;
    const char* what;
    const char* expected;  // part of what must be said; null: nothing
  };
  static constexpr Case kCases[] = {
      {Fault::kNone, "no fault", nullptr},
      {Fault::kSinkLoses, "the sink loses a packet", "the sink received"},
      {Fault::kErrorPath, "packets take an error's way", "took another way"},
      {Fault::kOneFlow, "all packets go to one destination", "do not spread"},
  };
  bool all = true;
  const Load& load = *FindLoad("router-64");
  for (const Case& c : kCases) {
    const Status said = Say(load, c.fault);
    const bool found = c.expected == nullptr
                           ? said.ok()
                           : !said.ok() && said.message().find(c.expected) != std::string::npos;
    std::printf("%s  %-34s %s\n", found ? "PASS" : "FAIL", c.what,
                said.ok() ? "measured" : said.message().c_str());
    all = all && found;
  }
  return all;
}

}  // namespace flyover
