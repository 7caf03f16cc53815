// A frame as text for failure messages: its fields as far as they can be read, then its bytes.
#pragma once

#include <optional>
#include <string>

#include "common/testing/packet_builder.h"

namespace flyover::test {

std::string Describe(const Bytes& frame);

// What is wrong with a frame that somebody sent: lengths that contradict each other, wrong
// checksums (IPv4 header, unfragmented TCP, UDP, ICMP, ICMPv6). nullopt: nothing.
std::optional<std::string> WhatIsWrongWith(const Bytes& frame);

// Where two frames differ, with both.
std::string Difference(const Bytes& wanted, const Bytes& got);

}  // namespace flyover::test
