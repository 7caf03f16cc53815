#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/status.h"
#include "common/config/yaml_tree.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {
namespace {

// At most one byte more than is accepted, so that the parser can say that it is too much.
Result<std::string> ReadCapped(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(StatusCode::kNotFound, "cannot be opened", errno);
  std::string text;
  Status status;
  char chunk[65536];
  while (text.size() <= kMaxDocumentBytes) {
    const ssize_t got = read(fd, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = ErrnoStatus(StatusCode::kUnavailable, "cannot be read", errno);
    if (got <= 0) break;
    text.append(chunk, static_cast<size_t>(got));
  }
  close(fd);
  if (!status.ok()) return status;
  return text;
}

}  // namespace

ParsedDocument LoadDocument(const std::string& path) {
  const Result<std::string> text = ReadCapped(path);
  if (text.ok()) return ParseDocument(*text, path);
  ParsedDocument parsed;
  parsed.errors.push_back(
      {path, 0, 0, "document", text.status().message() + "; accepted: a readable file with YAML"});
  return parsed;
}

}  // namespace flyover
