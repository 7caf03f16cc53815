#include "common/netlink/socket.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/namespace/namespace.h"
#include "common/netlink/datagram.h"
#include "common/netlink/read_ahead.h"

namespace flyover::netlink {
namespace {

// A dump that goes on for longer than these datagrams (some thousand messages) is read ahead.
constexpr unsigned kReadHere = 8;

StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case EADDRNOTAVAIL:
      return StatusCode::kNotFound;
    case EEXIST:
      return StatusCode::kAlreadyExists;
    case EPERM:
    case EACCES:
      return StatusCode::kPermissionDenied;
    case ENOBUFS:
    case ENOMEM:
      return StatusCode::kResourceExhausted;
    case EINVAL:
    case ERANGE:
    case EOPNOTSUPP:
      return StatusCode::kInvalidArgument;
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return StatusCode::kFailedPrecondition;
    default:
      return StatusCode::kUnavailable;
  }
}

Status ErrnoStatusHere(const std::string& what) {
  const int error = errno;
  return ErrnoStatus(CodeOf(error), what, error);
}

// The kernel ends a dump that it cannot finish with the error in the last message.
Status DoneStatus(Bytes message) {
  if (message.size() < NLMSG_HDRLEN + sizeof(int32_t)) return Status::Ok();
  const auto error = LoadUnaligned<int32_t>(message.data() + NLMSG_HDRLEN);
  if (error >= 0) return Status::Ok();
  return ErrnoStatus(CodeOf(-error), "netlink dump", -error);
}

void SetOption(mnl_socket* socket, int option, int value) {
  // Options of newer kernels: an older one refuses them and works without.
  mnl_socket_setsockopt(socket, option, &value, sizeof(value));
}

}  // namespace

std::optional<Ack> ParseAck(Bytes message) {
  if (MessageType(message) != NLMSG_ERROR) return std::nullopt;
  const auto header = LoadUnaligned<nlmsghdr>(message.data());
  if (header.nlmsg_len < NLMSG_HDRLEN + sizeof(nlmsgerr)) return std::nullopt;
  const auto body = LoadUnaligned<nlmsgerr>(message.data() + NLMSG_HDRLEN);
  Ack ack;
  ack.sequence = header.nlmsg_seq;
  ack.error = -body.error;
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return ack;
  // The request is quoted first, whole unless the kernel was told to cap it.
  size_t offset = NLMSG_HDRLEN + sizeof(nlmsgerr);
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0 && body.msg.nlmsg_len >= sizeof(nlmsghdr)) {
    offset += MNL_ALIGN(body.msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  while (offset + sizeof(nlattr) <= header.nlmsg_len) {
    const auto attribute = LoadUnaligned<nlattr>(message.data() + offset);
    if (attribute.nla_len < sizeof(nlattr) || attribute.nla_len > header.nlmsg_len - offset) break;
    if ((attribute.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
      const auto* text = reinterpret_cast<const char*>(message.data() + offset + sizeof(nlattr));
      ack.text.assign(text, strnlen(text, attribute.nla_len - sizeof(nlattr)));
    }
    offset += MNL_ALIGN(attribute.nla_len);
  }
  return ack;
}

Status AckStatus(const Ack& ack, const std::string& what) {
  if (ack.error == 0) return Status::Ok();
  Status plain = ErrnoStatus(CodeOf(ack.error), what, ack.error);
  if (ack.text.empty()) return plain;
  return {plain.code(), plain.message() + " (" + ack.text + ")"};
}

bool ForEachMessage(Bytes datagram, const std::function<void(Bytes)>& each) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = LoadUnaligned<nlmsghdr>(datagram.data());
    if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > datagram.size()) return false;
    each(datagram.subspan(0, header.nlmsg_len));
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  return datagram.empty();
}

void Socket::Closer::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

Socket::Socket(mnl_socket* socket) : socket_(socket), buffer_(kDatagramBytes) {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

int Socket::fd() const { return mnl_socket_get_fd(socket_.get()); }

size_t Socket::QueuedBytes() const {
  std::array<uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t size = sizeof(values);
  if (getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, values.data(), &size) != 0) return 0;
  return values[SK_MEMINFO_RMEM_ALLOC];
}

Result<Socket> Socket::Open(const Options& options) {
  return InNamespace(options.network_namespace, [&]() -> Result<Socket> {
    mnl_socket* const raw = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (raw == nullptr) return ErrnoStatusHere("netlink socket");
    Socket socket(raw);
    SetOption(raw, NETLINK_EXT_ACK, 1);
    SetOption(raw, NETLINK_CAP_ACK, 1);
    if (options.strict) SetOption(raw, NETLINK_GET_STRICT_CHK, 1);
    if (options.receive_buffer_bytes != 0) {
      const int bytes = static_cast<int>(options.receive_buffer_bytes);
      // FORCE goes beyond net.core.rmem_max and needs CAP_NET_ADMIN.
      if (setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
      }
    }
    if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) != 0) return ErrnoStatusHere("netlink bind");
    for (const unsigned group : options.groups) {
      int value = static_cast<int>(group);
      if (mnl_socket_setsockopt(raw, NETLINK_ADD_MEMBERSHIP, &value, sizeof(value)) != 0) {
        return ErrnoStatusHere("netlink group " + std::to_string(group));
      }
    }
    return socket;
  });
}

ssize_t Socket::ReceiveDatagram(std::chrono::milliseconds timeout) {
  return netlink::ReceiveDatagram(fd(), buffer_, timeout);
}

std::optional<Bytes> Socket::NextHere(std::chrono::milliseconds timeout) {
  const ssize_t n = ReceiveDatagram(timeout);
  if (n < 0) return std::nullopt;
  return Bytes(buffer_.data(), static_cast<size_t>(n));
}

Result<uint32_t> Socket::Send(Request request) {
  if (!request.complete()) return Status(StatusCode::kInvalidArgument, "netlink request too long");
  const uint32_t sequence = ++sequence_;
  request.Finish(sequence, NLM_F_ACK);
  const Bytes bytes = request.bytes();
  if (mnl_socket_sendto(socket_.get(), bytes.data(), bytes.size()) < 0) {
    return ErrnoStatusHere("netlink send");
  }
  return sequence;
}

// Answers of earlier requests that came too late.
void Socket::Discard() {
  while (ReceiveDatagram(std::chrono::milliseconds(0)) >= 0) {
  }
}

Status Socket::Execute(Request request, std::chrono::milliseconds timeout) {
  Discard();
  const Result<uint32_t> sequence = Send(std::move(request));
  if (!sequence.ok()) return sequence.status();
  std::optional<Ack> answer;
  while (!answer) {
    const ssize_t n = ReceiveDatagram(timeout);
    if (n < 0) return ErrnoStatusHere("netlink answer");
    ForEachMessage({buffer_.data(), static_cast<size_t>(n)}, [&](Bytes message) {
      const std::optional<Ack> ack = ParseAck(message);
      if (ack && ack->sequence == *sequence) answer = ack;
    });
  }
  return AckStatus(*answer, "netlink");
}

Result<DumpOutcome> Socket::Dump(Request request, const std::function<void(Bytes)>& each,
                                 std::chrono::milliseconds timeout,
                                 std::span<const unsigned> cpus) {
  Discard();
  if (!request.complete()) return Status(StatusCode::kInvalidArgument, "netlink request too long");
  const uint32_t sequence = ++sequence_;
  request.Finish(sequence, 0);
  if (mnl_socket_sendto(socket_.get(), request.bytes().data(), request.bytes().size()) < 0) {
    return ErrnoStatusHere("netlink send");
  }
  bool done = false;
  bool interrupted = false;
  Status failure;
  std::optional<ReadAhead> ahead;
  for (unsigned count = 0; !done; ++count) {
    if (count == kReadHere) ahead.emplace(fd(), timeout, cpus);
    const std::optional<Bytes> datagram = ahead ? ahead->Next() : NextHere(timeout);
    if (!datagram) return ErrnoStatusHere("netlink dump");
    const bool whole = ForEachMessage(*datagram, [&](Bytes message) {
      const auto header = LoadUnaligned<nlmsghdr>(message.data());
      if (header.nlmsg_seq != sequence || done) return;
      if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (header.nlmsg_type == NLMSG_DONE) {
        failure = DoneStatus(message);
        done = true;
      } else if (const std::optional<Ack> ack = ParseAck(message)) {
        failure = AckStatus(*ack, "netlink dump");
        done = true;
      } else {
        each(message);
      }
    });
    if (!whole) return Status(StatusCode::kInternal, "netlink dump: malformed datagram");
  }
  if (!failure.ok()) return failure;
  return interrupted ? DumpOutcome::kInterrupted : DumpOutcome::kComplete;
}

ReceiveOutcome Socket::Receive(unsigned max_datagrams, const std::function<void(Bytes)>& each) {
  for (unsigned i = 0; i < max_datagrams; ++i) {
    const ssize_t n = ReceiveDatagram(std::chrono::milliseconds(0));
    if (n < 0) {
      if (errno == EAGAIN) return ReceiveOutcome::kDrained;
      return errno == ENOBUFS ? ReceiveOutcome::kLost : ReceiveOutcome::kFailed;
    }
    if (!ForEachMessage({buffer_.data(), static_cast<size_t>(n)}, each))
      return ReceiveOutcome::kLost;
  }
  return ReceiveOutcome::kMore;
}

}  // namespace flyover::netlink
