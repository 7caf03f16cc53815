#include "common/pci/device_memory.h"

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

namespace flyover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path FileOf(const fs::path& directory, const std::string& address) {
  return directory / (address + ".json");
}

}  // namespace

std::optional<DeviceMemory> Recall(const fs::path& directory, const std::string& address) {
  std::ifstream file(FileOf(directory, address));
  const json value = json::parse(file, nullptr, false);
  if (!value.is_object() || !value.contains("driver") || !value["driver"].is_string() ||
      !value.contains("interfaces") || !value["interfaces"].is_array()) {
    return std::nullopt;
  }
  DeviceMemory memory{.driver = value["driver"].get<std::string>(), .interfaces = {}};
  for (const json& entry : value["interfaces"]) {
    auto interface = InterfaceFromJson(entry);
    if (!interface) return std::nullopt;
    memory.interfaces.push_back(std::move(*interface));
  }
  return memory;
}

Status Remember(const fs::path& directory, const std::string& address, const DeviceMemory& memory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    return ErrnoStatus(StatusCode::kUnavailable, "make " + directory.string(), error.value());
  json value = {{"driver", memory.driver}, {"interfaces", json::array()}};
  for (const KernelInterface& interface : memory.interfaces)
    value["interfaces"].push_back(ToJson(interface));
  const fs::path file = FileOf(directory, address);
  const fs::path unfinished = file.string() + ".new";
  std::ofstream out(unfinished);
  out << value.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  out.close();
  if (!out) return ErrnoStatus(StatusCode::kUnavailable, "write " + unfinished.string(), errno);
  fs::rename(unfinished, file, error);
  if (error)
    return ErrnoStatus(StatusCode::kUnavailable, "rename " + unfinished.string(), error.value());
  return Status::Ok();
}

void Forget(const fs::path& directory, const std::string& address) {
  std::error_code ignored;
  fs::remove(FileOf(directory, address), ignored);
}

}  // namespace flyover
