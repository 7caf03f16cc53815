#include "lb/health/probe.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace flyover::lb {
namespace {

using Kind = HealthConfig::Kind;

constexpr size_t kMostBody = size_t{64} * 1024;

std::string Authority(const HealthTarget& target) {
  const std::string address = target.Peer().ToString();
  return (target.Peer().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(target.port);
}

}  // namespace

Probe::Probe(const HealthTarget& target, UniqueFd socket)
    : target_(target), easy_(curl_easy_init()), body_left_(kMostBody), socket_(std::move(socket)) {
  if (easy_ == nullptr) return;
  if (socket_.valid()) {
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Probe::GiveSocket);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  }
  // The address stands in the URL, so nothing is resolved; the path goes out as it is written.
  curl_easy_setopt(easy_, CURLOPT_URL, ("http://" + Authority(target) + "/").c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(target.timeout.count()));
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(target.timeout.count()));
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Probe::TakeBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  switch (target.kind) {
    case Kind::kHttp:
      SetHttp();
      break;
    case Kind::kHttps:
      SetTls();
      SetHttp();
      break;
    case Kind::kTls:
      SetTls();
      curl_easy_setopt(easy_, CURLOPT_CONNECT_ONLY, 1L);
      break;
    case Kind::kGrpc:
      SetGrpc();
      break;
    default:
      curl_easy_setopt(easy_, CURLOPT_CONNECT_ONLY, 1L);
  }
}

// The name goes out as SNI and, with `verify`, is what the certificate must be for; the connection
// goes to the address all the same.
void Probe::SetTls() {
  const std::string& name = target_.host;
  const std::string url =
      "https://" + (name.empty() ? Authority(target_) : name + ":" + std::to_string(target_.port));
  curl_easy_setopt(easy_, CURLOPT_URL, (url + "/").c_str());
  if (!name.empty()) {
    connect_to_ = curl_slist_append(connect_to_, ("::" + Authority(target_)).c_str());
    curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  }
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, target_.verify ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, target_.verify ? 2L : 0L);
  // Sessions kept from earlier probes would hide what a new client meets.
  curl_easy_setopt(easy_, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

void Probe::SetHttp() {
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_REQUEST_TARGET, target_.path.c_str());
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "flyover-health");
  AddHeader("Connection: close");
  if (!target_.host.empty()) AddHeader("Host: " + target_.host);
}

// The gRPC health checking protocol (grpc.health.v1.Health/Check) over HTTP/2 in the clear.
void Probe::SetGrpc() {
  const std::string& service = target_.path;  // of at most 100 bytes: one length byte
  std::string message;
  if (!service.empty()) {
    message = std::string("\x0a") + static_cast<char>(service.size()) + service;
  }
  const std::string frame =
      std::string(4, '\0') + static_cast<char>(message.size()) + message;  // not compressed
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
  curl_easy_setopt(easy_, CURLOPT_URL,
                   ("http://" + Authority(target_) + "/grpc.health.v1.Health/Check").c_str());
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE, static_cast<long>(frame.size()));
  curl_easy_setopt(easy_, CURLOPT_COPYPOSTFIELDS, frame.c_str());
  AddHeader("Content-Type: application/grpc");
  AddHeader("TE: trailers");
}

void Probe::AddHeader(const std::string& line) {
  headers_ = curl_slist_append(headers_, line.c_str());
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
}

Probe::~Probe() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
  curl_slist_free_all(connect_to_);
}

// It belongs to libcurl from then on. A second one would be for another address, which there is
// not.
curl_socket_t Probe::GiveSocket(void* probe, curlsocktype /*purpose*/, curl_sockaddr* /*to*/) {
  const int fd = static_cast<Probe*>(probe)->socket_.Release();
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

// Taking less than was offered ends the transfer with CURLE_WRITE_ERROR; the status is known by
// then.
size_t Probe::TakeBody(char* data, size_t size, size_t count, void* probe) {
  auto& self = *static_cast<Probe*>(probe);
  const size_t bytes = size * count;
  const bool looked_at = !self.target_.body.empty() || self.target_.kind == Kind::kGrpc;
  if (looked_at) self.body_.append(data, std::min(bytes, self.body_left_));
  if (bytes > self.body_left_) return 0;
  self.body_left_ -= bytes;
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
  const bool http = target_.kind == Kind::kHttp || target_.kind == Kind::kHttps;
  const bool body_was_cut = http && code == CURLE_WRITE_ERROR;
  if (code != CURLE_OK && !body_was_cut) {
    return {false, error_[0] != '\0' ? error_ : curl_easy_strerror(code)};
  }
  if (target_.kind == Kind::kTls) return {true, "TLS established"};
  if (target_.kind == Kind::kGrpc) return JudgeGrpc();
  if (!http) return {true, "connected"};
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status != target_.expect) {
    return {false,
            "status " + std::to_string(status) + ", expected " + std::to_string(target_.expect)};
  }
  if (!target_.body.empty() && body_.find(target_.body) == std::string::npos) {
    return {false, "status " + std::to_string(status) + ", but not the expected text"};
  }
  return {true, "status " + std::to_string(status)};
}

// A frame of five bytes, then HealthCheckResponse: field 1 is the status, of which 1 is SERVING.
ProbeResult Probe::JudgeGrpc() const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return {false, "status " + std::to_string(status) + ", expected 200"};
  constexpr size_t kFrame = 5;
  if (body_.size() < kFrame + 2 || body_[0] != 0 || body_[kFrame] != 0x08) {
    return {false, "no answer of the gRPC health service"};
  }
  return body_[kFrame + 1] == 1 ? ProbeResult{true, "serving"} : ProbeResult{false, "not serving"};
}

}  // namespace flyover::lb
