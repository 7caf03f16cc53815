#include "common/config/config_error.h"

namespace flyover {

std::string ConfigError::ToString() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  return text + ": " + path + ": " + message;
}

std::string ToString(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const ConfigError& error : errors) text += error.ToString() + "\n";
  return text;
}

}  // namespace flyover
