#include "common/pci/ssh_session.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "common/net/ip_address.h"

namespace flyover {
namespace {

constexpr unsigned kMostAncestors = 64;

std::string EnvironmentOf(const std::filesystem::path& process, const std::string& name) {
  std::ifstream file(process / "environ", std::ios::binary);
  std::string entry;
  while (std::getline(file, entry, '\0')) {
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  }
  return "";
}

pid_t ParentOf(const std::filesystem::path& process) {
  std::ifstream file(process / "status");
  std::string word;
  while (file >> word) {
    pid_t parent = 0;
    if (word == "PPid:" && file >> parent) return parent;
  }
  return 0;
}

}  // namespace

std::string SshConnection(const std::filesystem::path& proc, pid_t pid) {
  for (unsigned n = 0; n < kMostAncestors && pid > 0; ++n) {
    const std::filesystem::path process = proc / std::to_string(pid);
    if (std::string found = EnvironmentOf(process, "SSH_CONNECTION"); !found.empty()) return found;
    pid = ParentOf(process);
  }
  return "";
}

std::string SshInterface(const std::string& connection) {
  std::istringstream words(connection);
  std::string client, client_port, server;
  words >> client >> client_port >> server;
  // A link-local address names its interface.
  if (const size_t scope = server.find('%'); scope != std::string::npos) {
    return server.substr(scope + 1);
  }
  return InterfaceOfAddress(server);
}

std::string InterfaceOfAddress(const std::string& address) {
  const auto wanted = IpAddress::Parse(address);
  ifaddrs* list = nullptr;
  if (!wanted || getifaddrs(&list) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    IpAddress found;
    if (entry->ifa_addr->sa_family == AF_INET) {
      sockaddr_in in;
      std::memcpy(&in, entry->ifa_addr, sizeof(in));
      found = Ipv4Address{SwapBytes(in.sin_addr.s_addr)};
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 in6;
      std::memcpy(&in6, entry->ifa_addr, sizeof(in6));
      found = Ipv6Address::FromBytes(&in6.sin6_addr);
    } else {
      continue;
    }
    if (found == *wanted) return entry->ifa_name;
  }
  return "";
}

}  // namespace flyover
