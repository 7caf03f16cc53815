#include "lb/health/probe.h"

#include <cstring>

#include "common/base/status.h"

namespace flyover::lb {
namespace {

constexpr size_t kMostBody = size_t{64} * 1024;

std::string Authority(const HealthTarget& target) {
  const std::string address = target.address.ToString();
  return (target.address.is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(target.port);
}

}  // namespace

Probe::Probe(const HealthTarget& target)
    : target_(target), easy_(curl_easy_init()), body_left_(kMostBody) {
  if (easy_ == nullptr) return;
  // The address stands in the URL, so nothing is resolved; the path goes out as it is written.
  const std::string url = "http://" + Authority(target) + "/";
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(target.timeout.count()));
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(target.timeout.count()));
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  if (target.kind == HealthConfig::Kind::kTcp) {
    curl_easy_setopt(easy_, CURLOPT_CONNECT_ONLY, 1L);
    return;
  }
  curl_easy_setopt(easy_, CURLOPT_REQUEST_TARGET, target.path.c_str());
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "flyover-health");
  headers_ = curl_slist_append(headers_, "Connection: close");
  if (!target.host.empty()) {
    headers_ = curl_slist_append(headers_, ("Host: " + target.host).c_str());
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Probe::TakeBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
}

Probe::~Probe() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

// Taking less than was offered ends the transfer with CURLE_WRITE_ERROR; the status is known by
// then.
size_t Probe::TakeBody(char*, size_t size, size_t count, void* probe) {
  size_t& left = static_cast<Probe*>(probe)->body_left_;
  const size_t bytes = size * count;
  if (bytes > left) return 0;
  left -= bytes;
  return bytes;
}

ProbeResult Probe::Judge(CURLcode code) const {
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return {false, "no answer in " + std::to_string(target_.timeout.count()) + " ms"};
  }
  if (code == CURLE_COULDNT_CONNECT) {
    long error = 0;
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &error);
    if (error == 0) return {false, "no connection"};
    return {false,
            ErrnoStatus(StatusCode::kUnavailable, "connect", static_cast<int>(error)).message()};
  }
  const bool http = target_.kind == HealthConfig::Kind::kHttp;
  const bool body_was_cut = http && code == CURLE_WRITE_ERROR;
  if (code != CURLE_OK && !body_was_cut) {
    return {false, error_[0] != '\0' ? error_ : curl_easy_strerror(code)};
  }
  if (!http) return {true, "connected"};
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status == target_.expect) return {true, "status " + std::to_string(status)};
  return {false,
          "status " + std::to_string(status) + ", expected " + std::to_string(target_.expect)};
}

}  // namespace flyover::lb
