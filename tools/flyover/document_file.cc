#include "tools/flyover/document_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "common/log/utf8.h"

namespace flyover {
namespace {

Result<std::string> ReadAll(int fd, const std::string& file) {
  std::string text;
  std::vector<char> chunk(size_t{64} << 10);
  while (text.size() <= kMaxDocument) {
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(StatusCode::kInvalidArgument, file, errno);
    if (n == 0) return text;
    text.append(chunk.data(), static_cast<size_t>(n));
  }
  return Status(StatusCode::kInvalidArgument,
                file + ": longer than " + std::to_string(kMaxDocument >> 20) + " MiB");
}

Status CheckUtf8(std::string_view text, const std::string& file) {
  size_t line = 1;
  size_t column = 1;
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) {
      return {StatusCode::kInvalidArgument, file + ":" + std::to_string(line) + ":" +
                                                std::to_string(column) +
                                                ": not UTF-8; a document is UTF-8 text"};
    }
    if (text[0] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
    text.remove_prefix(length);
  }
  return Status::Ok();
}

}  // namespace

Result<std::string> ReadDocument(const std::string& file) {
  const bool standard_input = file == "-";
  const int fd = standard_input ? STDIN_FILENO : open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(StatusCode::kNotFound, file, errno);
  Result<std::string> text = ReadAll(fd, file);
  if (!standard_input) close(fd);
  if (!text.ok()) return text;
  if (Status utf8 = CheckUtf8(*text, file); !utf8.ok()) return utf8;
  return text;
}

}  // namespace flyover
