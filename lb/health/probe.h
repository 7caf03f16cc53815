// One probe as a libcurl transfer: TCP, TLS, HTTP, HTTPS, gRPC.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>

#include "common/tap/unique_fd.h"
#include "lb/health/health_target.h"
#include "lb/health/probe_result.h"

namespace flyover::lb {

// Begins when added to a multi handle; must be removed from it before it is destroyed.
class Probe {
 public:
  // `socket`, where there is one, is connected instead of one of libcurl's own. Null easy(): out of
  // memory.
  explicit Probe(const HealthTarget& target, UniqueFd socket = UniqueFd());
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  CURL* easy() const { return easy_; }
  // What the finished transfer says of the target. `code`: of curl_multi_info_read.
  ProbeResult Judge(CURLcode code) const;

 private:
  static curl_socket_t GiveSocket(void* probe, curlsocktype purpose, curl_sockaddr* to);
  static size_t TakeBody(char* data, size_t size, size_t count, void* probe);
  void SetTls();
  void SetHttp();
  void SetGrpc();
  void AddHeader(const std::string& line);
  ProbeResult JudgeGrpc() const;

  const HealthTarget target_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  size_t body_left_;
  UniqueFd socket_;
  std::string body_;  // kept only where it is looked at
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace flyover::lb
