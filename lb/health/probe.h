// One probe as a libcurl transfer.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>

#include "lb/health/health_target.h"

namespace flyover::lb {

struct ProbeResult {
  bool good = false;
  std::string reason;  // for people: "status 200", "connection refused", "no answer in 1000 ms"
};

// Begins when added to a multi handle; must be removed from it before it is destroyed.
class Probe {
 public:
  // Null easy(): out of memory.
  explicit Probe(const HealthTarget& target);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  CURL* easy() const { return easy_; }
  // What the finished transfer says of the target. `code`: of curl_multi_info_read.
  ProbeResult Judge(CURLcode code) const;

 private:
  static size_t TakeBody(char* data, size_t size, size_t count, void* probe);

  const HealthTarget target_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  size_t body_left_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace flyover::lb
