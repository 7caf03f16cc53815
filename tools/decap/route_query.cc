#include "tools/decap/route_query.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tools/decap/addresses.h"

namespace flyover::decap {
namespace {

struct Question {
  nlmsghdr header;
  rtmsg route;
  rtattr attribute;
  uint8_t address[16];
};

Question AskFor(const DecapAddress& destination) {
  const bool v4 = IsIpv4(destination);
  const unsigned length = v4 ? 4 : 16;
  Question question{};
  question.header.nlmsg_type = RTM_GETROUTE;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.route.rtm_family = v4 ? AF_INET : AF_INET6;
  question.route.rtm_dst_len = static_cast<unsigned char>(length * 8);
  question.attribute.rta_type = RTA_DST;
  question.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(length));
  std::memcpy(question.address, destination.bytes + (v4 ? 12 : 0), length);
  question.header.nlmsg_len =
      static_cast<uint32_t>(NLMSG_LENGTH(sizeof(rtmsg)) + RTA_LENGTH(length));
  return question;
}

uint32_t Word(const rtattr* attribute) {
  uint32_t word = 0;
  if (RTA_PAYLOAD(attribute) >= sizeof(word)) {
    std::memcpy(&word, RTA_DATA(attribute), sizeof(word));
  }
  return word;
}

void ReadMetrics(const rtattr* metrics, Route& route) {
  auto left = static_cast<unsigned>(RTA_PAYLOAD(metrics));
  for (const auto* a = static_cast<const rtattr*>(RTA_DATA(metrics)); RTA_OK(a, left);
       a = RTA_NEXT(a, left)) {
    if (a->rta_type == RTAX_MTU) route.mtu = Word(a);
    if (a->rta_type == RTAX_ADVMSS) route.advmss = Word(a);
  }
}

}  // namespace

Result<Route> RouteTo(const DecapAddress& destination) {
  const Question question = AskFor(destination);
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return ErrnoStatus(StatusCode::kInternal, "ask for a route", errno);
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  ssize_t got = send(fd, &question, question.header.nlmsg_len, 0);
  if (got >= 0) got = recv(fd, buffer.data(), buffer.size(), 0);
  const int error = errno;
  close(fd);
  if (got < 0) return ErrnoStatus(StatusCode::kInternal, "ask for a route", error);

  const auto* const answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
  const std::string what = "no route to " + FormatAddress(destination);
  if (!NLMSG_OK(answer, static_cast<size_t>(got)) || answer->nlmsg_type != RTM_NEWROUTE) {
    return Status(StatusCode::kNotFound, what);
  }
  const auto* const message = static_cast<const rtmsg*>(NLMSG_DATA(answer));
  if (message->rtm_type != RTN_LOCAL && message->rtm_type != RTN_UNICAST) {
    return Status(StatusCode::kNotFound, what);
  }
  Route route;
  route.local = message->rtm_type == RTN_LOCAL;
  auto left = static_cast<unsigned>(RTM_PAYLOAD(answer));
  for (const rtattr* a = RTM_RTA(message); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == RTA_METRICS) ReadMetrics(a, route);
    if (a->rta_type != RTA_OIF) continue;
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(Word(a), name.data()) != nullptr) route.interface = name.data();
  }
  return route;
}

}  // namespace flyover::decap
