#include "lb/doctor/backend_doctor.h"

#include <algorithm>
#include <utility>

#include "common/net/headers.h"
#include "lb/client_path/client_way.h"
#include "lb/doctor/attempt.h"
#include "lb/service/backend_entry.h"

namespace flyover::lb {
namespace {

using Kind = AttemptResult::Kind;

constexpr uint16_t kEthernetMtu = 1500;  // where the document does not say

size_t IpHeader(const IpAddress& address) {
  return address.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}

class Examiner {
 public:
  Examiner(Attempts& attempts, const ServiceConfig& service, const BackendConfig& backend)
      : attempts_(attempts),
        service_(service),
        backend_(backend),
        way_(WayTo(service, backend)),
        port_(service.health.port.value_or(service.ports.first)) {}

  Examination Run() {
    made_.service = service_.name;
    made_.backend = backend_.name;
    made_.way = std::string(ForwardName(service_.forward)) + " to " + way_.vip.ToString();
    Plainly();
    AsClient();
    return std::move(made_);
  }

 private:
  bool tcp() const { return service_.protocol == Protocol::kTcp; }
  std::string Own() const {
    return backend_.address.ToString() + (tcp() ? ", port " + std::to_string(port_) : "");
  }
  std::string Vip() const { return way_.vip.ToString(); }
  void Say(Finding::Kind kind, std::string text) {
    made_.findings.push_back({kind, std::move(text)});
  }
  void Good(std::string text) { Say(Finding::Kind::kGood, std::move(text)); }
  void Note(std::string text) { Say(Finding::Kind::kNote, std::move(text)); }
  void Fault(std::string text) { Say(Finding::Kind::kFault, std::move(text)); }
  std::string AddVip() const {
    return "add it there: ip addr add " + Vip() + (way_.vip.is_v4() ? "/32" : "/128") + " dev lo";
  }

  // Not a fault by itself: a server may well listen on the VIP alone.
  void Plainly() {
    const AttemptResult result =
        tcp() ? attempts_.Connect(backend_.address, port_) : attempts_.Ping(backend_.address);
    switch (result.kind) {
      case Kind::kAnswered:
        return Good("answers at its own address " + Own() + Took(result));
      case Kind::kRefused:
        return Note("is there, but nothing listens at its own address " + Own());
      case Kind::kSilent:
        return Fault("does not answer at its own address " + Own() +
                     ": it is down, or a firewall keeps this box out");
      default:
        return Fault("cannot be reached at its own address " + Own() + ": " + result.text);
    }
  }

  void AsClient() {
    const AttemptResult result = tcp() ? attempts_.ConnectAsClient(way_, backend_.address, port_)
                                       : attempts_.PingAsClient(way_, backend_.address);
    switch (result.kind) {
      case Kind::kAnswered:
        Good("answers from the VIP as to a client" + Took(result));
        return Segments(result.mss);
      case Kind::kRefused:
        return Fault("opens the packets and has the VIP, but nothing listens on port " +
                     std::to_string(port_) + " of " + Vip());
      case Kind::kUnreachable:
      case Kind::kSilent:
        return Nothing(result.text);
      case Kind::kNotSent:
        return Fault("no packet could be sent as a client's: " + result.text);
    }
  }

  // No answer from the VIP; `error`: what came instead.
  void Nothing(const std::string& error) {
    const std::string forward(ForwardName(service_.forward));
    // On its own link a backend can be asked for the VIP without any encapsulation.
    ClientWay plain = way_;
    plain.forward = ForwardMode::kL2dsr;
    const Kind vip = attempts_.PingAsClient(plain, backend_.address).kind;
    if (vip == Kind::kSilent) {
      return Fault("has not got the VIP (" + AddVip() + "), or a filter drops its packets");
    }
    const std::string or_no_vip =
        vip == Kind::kAnswered ? "" : ", has not got the VIP (" + AddVip() + ")";
    if (service_.forward == ForwardMode::kL2dsr) {
      return Fault("does not answer from the VIP, port " + std::to_string(port_) +
                   ", though it has it: a firewall there?");
    }
    if (service_.forward == ForwardMode::kL3dsr) {
      const std::string dscp = std::to_string(way_.dscp);
      return Fault("does not turn DSCP " + dscp + " into the VIP (flyover-decap attach --dscp " +
                   dscp + "=" + Vip() + ")" + or_no_vip);
    }
    if (!error.empty()) {
      return Fault("does not open " + forward + " packets (it answers: " + error +
                   "); flyover-decap attach does that" + or_no_vip);
    }
    Fault(
        "packets end in the tunnel: it does not open " + forward + " (flyover-decap attach)" +
        or_no_vip +
        ", or drops what was inside: rp_filter (`flyover-decap check` there tells) or a firewall");
  }

  // What clients may send in one packet must fit into the tunnel.
  void Segments(uint16_t mss) {
    const size_t headers = IpHeader(way_.vip) + sizeof(TcpHeader);
    const size_t overhead =
        MakeBackendEntry(kNoService, BackendState::kActive, service_, backend_).overhead;
    const uint16_t mtu = backend_.mtu != 0 ? backend_.mtu : kEthernetMtu;
    if (mss == 0 || overhead == 0 || mss + headers + overhead <= mtu) return;
    const size_t fits = mtu - overhead - headers;
    Note("announces an MSS of " + std::to_string(mss) + ", " + std::to_string(fits) +
         " would fit into " + std::to_string(mtu) + " bytes: clients that send full packets are " +
         (service_.fragment ? "cut" : "told by ICMP") + " first; a route there with `advmss " +
         std::to_string(fits) + "` avoids that");
  }

  static std::string Took(const AttemptResult& result) {
    return ", in " + std::to_string(result.took.count()) + " ms";
  }

  Attempts& attempts_;
  const ServiceConfig& service_;
  const BackendConfig& backend_;
  const ClientWay way_;
  const uint16_t port_;
  Examination made_;
};

}  // namespace

bool Examination::healthy() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.kind == Finding::Kind::kFault; });
}

Result<std::vector<Examination>> ExamineBackend(const LbConfig& config, const IpAddress& backend,
                                                std::chrono::milliseconds timeout) {
  Result<Attempts> attempts = Attempts::Open(timeout);
  if (!attempts.ok()) return attempts.status();
  std::vector<Examination> all;
  for (const ServiceConfig& service : config.services) {
    for (const BackendConfig& candidate : service.backends) {
      if (candidate.address == backend)
        all.push_back(Examiner(*attempts, service, candidate).Run());
    }
  }
  if (all.empty()) {
    return Status(StatusCode::kNotFound, "no service has a backend " + backend.ToString());
  }
  return all;
}

}  // namespace flyover::lb
