// Who changed what, when, and what it moved: one line of JSON each, in journal.jsonl of the data
// plane's runtime folder, so that it outlives the daemon (not the machine: the folder is in /run).
//
// Bounded: kMostEntries are kept, the oldest go first; texts and lists of an entry are cut. A line
// of the file that is no entry is skipped. An entry that cannot be written is logged and kept in
// memory.
//
// Threads: control thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "common/control/control_server.h"
#include "common/control/results.h"

namespace flyover {

class Journal {
 public:
  static constexpr size_t kMostEntries = 1000;
  static constexpr size_t kMostChanges = 50;   // of an entry
  static constexpr size_t kMostMoves = 100;    // of an entry
  static constexpr size_t kLongestText = 500;  // bytes

  // Takes over what the file at `path` has, if there is one.
  explicit Journal(std::string path);

  void Add(JournalEntryResult entry);
  // The latest `limit` (0: all), the latest last.
  JournalResult Show(size_t limit) const;

 private:
  void Append(const JournalEntryResult& entry);
  void Rewrite();

  std::string path_;
  std::deque<JournalEntryResult> entries_;
  size_t lines_ = 0;  // in the file
};

// An entry with its time and its author filled in.
JournalEntryResult EntryBy(const ControlCaller& caller, std::string command);
// Of the daemon itself.
JournalEntryResult EntryByDaemon(std::string command);

}  // namespace flyover
