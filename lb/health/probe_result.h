// What a probe says of its target.
#pragma once

#include <string>

namespace flyover::lb {

struct ProbeResult {
  bool good = false;
  std::string reason;  // for people: "status 200", "connection refused", "no answer in 1000 ms"
};

}  // namespace flyover::lb
