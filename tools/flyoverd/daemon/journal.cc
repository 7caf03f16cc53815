#include "tools/flyoverd/daemon/journal.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/log/log.h"
#include "common/tap/unique_fd.h"
#include "tools/flyoverd/daemon/wall_time.h"

namespace flyover {
namespace {

using nlohmann::json;

constexpr size_t kLongestLine = size_t{256} << 10;

std::string LineOf(const JournalEntryResult& entry) {
  return json(entry).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

void Cut(std::string& text) {
  if (text.size() > Journal::kLongestText) text = text.substr(0, Journal::kLongestText) + "...";
}

bool WriteAll(int fd, const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(fd, text.data() + written, text.size() - written);
    if (n <= 0) return false;
    written += static_cast<size_t>(n);
  }
  return true;
}

std::string UserName(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> space{};
  if (getpwuid_r(uid, &entry, space.data(), space.size(), &found) != 0 || found == nullptr) {
    return "";
  }
  return found->pw_name;
}

}  // namespace

Journal::Journal(std::string path) : path_(std::move(path)) {
  std::ifstream file(path_, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    ++lines_;
    const json value = line.size() > kLongestLine ? json() : json::parse(line, nullptr, false);
    if (!value.is_object()) continue;
    // The boundary for nlohmann's exceptions: a field of another type.
    try {
      entries_.push_back(value.get<JournalEntryResult>());
    } catch (const json::exception&) {
      continue;
    }
    if (entries_.size() > kMostEntries) entries_.pop_front();
  }
}

void Journal::Add(JournalEntryResult entry) {
  entry.changes_total = entry.changes.size();
  if (entry.changes.size() > kMostChanges) entry.changes.resize(kMostChanges);
  if (entry.moved.size() > kMostMoves) entry.moved.resize(kMostMoves);
  for (std::string& change : entry.changes) Cut(change);
  Cut(entry.message);
  Cut(entry.file);
  entries_.push_back(std::move(entry));
  if (entries_.size() > kMostEntries) entries_.pop_front();
  if (lines_ >= 2 * kMostEntries) {
    Rewrite();
  } else {
    Append(entries_.back());
  }
}

void Journal::Append(const JournalEntryResult& entry) {
  const UniqueFd fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (fd.get() >= 0 && WriteAll(fd.get(), LineOf(entry))) {
    ++lines_;
    return;
  }
  LogLimited(LogArea::kDaemon, LogLevel::kWarn, "journal", "{} cannot be written", path_);
}

void Journal::Rewrite() {
  const std::string fresh = path_ + ".new";
  std::string text;
  for (const JournalEntryResult& entry : entries_) text += LineOf(entry);
  const UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() >= 0 && WriteAll(fd.get(), text) && rename(fresh.c_str(), path_.c_str()) == 0) {
    lines_ = entries_.size();
    return;
  }
  LogLimited(LogArea::kDaemon, LogLevel::kWarn, "journal", "{} cannot be written", path_);
}

JournalResult Journal::Show(size_t limit) const {
  JournalResult result;
  result.total = entries_.size();
  const size_t count = limit == 0 ? entries_.size() : std::min(limit, entries_.size());
  result.entries.assign(entries_.end() - static_cast<std::ptrdiff_t>(count), entries_.end());
  return result;
}

JournalEntryResult EntryBy(const ControlCaller& caller, std::string command) {
  JournalEntryResult entry;
  entry.time = Rfc3339(std::chrono::system_clock::now());
  entry.uid = caller.uid;
  entry.user = UserName(caller.uid);
  entry.pid = caller.pid;
  entry.command = std::move(command);
  entry.outcome = "done";
  return entry;
}

JournalEntryResult EntryByDaemon(std::string command) {
  return EntryBy({.uid = getuid(), .pid = getpid()}, std::move(command));
}

}  // namespace flyover
