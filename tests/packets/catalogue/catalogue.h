// The table of packet cases. Each row stands alone: the tests run it in every memory form, cut it,
// damage it and mix it with others.
#pragma once

#include "tests/packets/lab/row.h"

namespace flyover::test {

std::vector<Row> RouterIpv4Rows();
std::vector<Row> RouterIpv6Rows();
std::vector<Row> FragmentRows();
std::vector<Row> IcmpRows();
std::vector<Row> LinkRows();
std::vector<Row> ExceptionRows();
std::vector<Row> BalancerRows();
std::vector<Row> VipIcmpRows();
std::vector<Row> MalformedRows();

// All of them.
const std::vector<Row>& Catalogue();

// A row whose frame crosses p0 -> p1 as any packet.
inline Row Crosses(std::string name, std::string clause, const Bytes& frame, unsigned out = kP1) {
  return {std::move(name), std::move(clause), kP0, frame, Forwarded(out, Routed(frame, To(out)))};
}
inline Row Drops(std::string name, std::string clause, const Bytes& frame, DropReason reason,
                 unsigned in = kP0) {
  return {std::move(name), std::move(clause), in, frame, Dropped(reason)};
}
inline Row GoesUp(std::string name, std::string clause, const Bytes& frame, PuntReason reason) {
  return {std::move(name), std::move(clause), kP0, frame, Punted(reason, frame)};
}

}  // namespace flyover::test
