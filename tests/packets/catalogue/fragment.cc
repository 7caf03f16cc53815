// IPv4 packets that are cut on their way (RFC 791), and those that must not be.
#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

constexpr char kNarrow4[] = "10.8.0.1";  // behind p2, MTU 1280

// `data` as the payload of `ip`, in pieces of `sizes` bytes; pieces after the first have `options`.
Row Cuts(std::string name, std::string clause, unsigned in, Ip4 ip, const Raw& data, unsigned out,
         const std::vector<size_t>& sizes, const Bytes& options = {}) {
  ip.proto = 17;
  Row row{std::move(name), std::move(clause), in, From(in) / ip / data, {}};
  const bool more_follow = ip.mf;
  const uint16_t begins = ip.frag;
  --ip.ttl;
  size_t at = 0;
  for (const size_t size : sizes) {
    if (at != 0) ip.options = options;
    ip.frag = static_cast<uint16_t>(begins + at / 8);
    ip.mf = more_follow || at + size < data.bytes.size();
    const Raw piece{Bytes(data.bytes.begin() + static_cast<long>(at),
                          data.bytes.begin() + static_cast<long>(at + size))};
    row.want.sent.push_back({out, {To(out) / ip / piece}, false});
    at += size;
  }
  return row;
}

Ip4 Narrow() { return {.src = kClient4, .dst = kNarrow4}; }

}  // namespace

std::vector<Row> FragmentRows() {
  std::vector<Row> rows;
  const auto cut = [&](std::string name, std::string clause, const Ip4& ip, size_t length,
                       const std::vector<size_t>& sizes, const Bytes& options = {}) {
    rows.push_back(
        Cuts(std::move(name), std::move(clause), kP0, ip, Payload(length), kP2, sizes, options));
  };
  cut("FR_in_two", "RFC 791 3.2, RFC 1812 4.2.2.7", Narrow(), 1480, {1256, 224});
  cut("FR_by_one_byte", "RFC 791 3.2", Narrow(), 1261, {1256, 5});
  Ip4 ip = Narrow();
  ip.tos = 0xff, ip.id = 0xabcd, ip.ttl = 2, ip.evil = true;
  cut("FR_header_stays", "RFC 791: identification, TOS and TTL in all pieces", ip, 1400,
      {1256, 144});
  ip = Narrow();
  ip.mf = true;
  cut("FR_first_fragment_again", "RFC 791 3.2", ip, 1304, {1256, 48});
  ip.frag = 100;
  cut("FR_middle_fragment_again", "RFC 791 3.2: more follow the last piece too", ip, 1304,
      {1256, 48});
  ip.mf = false, ip.frag = 185;
  cut("FR_last_fragment_again", "RFC 791 3.2", ip, 1303, {1256, 47});
  ip = Narrow();
  ip.options = {7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0};
  cut("FR_options_by_copy_bit", "RFC 791 3.1: router alert goes along, record route does not", ip,
      1300, {1248, 52}, {148, 4, 0, 0});
  ip.options = {1, 130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 68, 4, 5, 0};
  cut("FR_copied_options_are_padded", "RFC 791 3.1", ip, 1300, {1240, 60},
      {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  ip.options = Bytes(40, 1);
  cut("FR_no_option_to_copy", "RFC 791 3.1", ip, 1300, {1216, 84});
  ip.options = {1, 0, 148, 4};
  cut("FR_nothing_after_the_end_of_options", "RFC 791 3.1", ip, 1300, {1256, 44});
  rows.push_back(Cuts("FR_jumbo_in_seven", "many segments in", kP3,
                      {.src = "10.4.0.2", .dst = kFar4}, Payload(8980), kP1,
                      {1480, 1480, 1480, 1480, 1480, 1480, 100}));
  rows.push_back(
      Crosses("FR_small_fragments_pass", "RFC 6864: nothing is put together again",
              From(kP0) / Ip4{.src = kClient4, .dst = kNarrow4, .mf = true} / Payload(1256), kP2));
  return rows;
}

}  // namespace flyover::test
