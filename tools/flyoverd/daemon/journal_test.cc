#include "tools/flyoverd/daemon/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace flyover {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() { unlink(path_.c_str()); }
  size_t Lines() const {
    std::ifstream file(path_);
    size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines;
  }
  static JournalEntryResult Entry(uint64_t generation) {
    JournalEntryResult entry = EntryBy({.uid = getuid(), .pid = 42}, "reload");
    entry.generation = generation;
    entry.changes = {"services.web: added"};
    entry.moved = {{"api", 65'537, 12, 10}};
    return entry;
  }
  const std::string path_ = testing::TempDir() + "/journal.jsonl";
};

TEST_F(JournalTest, OutlivesTheDaemon) {
  {
    Journal journal(path_);
    journal.Add(Entry(2));
    journal.Add(Entry(3));
  }
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const JournalResult shown = Journal(path_).Show(0);
  ASSERT_EQ(shown.entries.size(), 2u);
  EXPECT_EQ(shown.entries[1].generation, 3u);
  EXPECT_EQ(shown.entries[1].pid, 42);
  EXPECT_EQ(shown.entries[1].uid, getuid());
  EXPECT_EQ(shown.entries[1].command, "reload");
  EXPECT_EQ(shown.entries[1].time.size(), 20u);
  EXPECT_EQ(shown.entries[1].changes.at(0), "services.web: added");
  EXPECT_EQ(shown.entries[1].moved.at(0).moved, 12u);
  EXPECT_EQ(Journal(path_).Show(1).entries.at(0).generation, 3u);
  EXPECT_EQ(Journal(path_).Show(1).total, 2u);
}

TEST_F(JournalTest, IsBounded) {
  Journal journal(path_);
  for (uint64_t i = 1; i <= 3 * Journal::kMostEntries; ++i) journal.Add(Entry(i));
  EXPECT_EQ(journal.Show(0).entries.size(), Journal::kMostEntries);
  EXPECT_EQ(journal.Show(0).entries.back().generation, 3 * Journal::kMostEntries);
  EXPECT_LE(Lines(), 2 * Journal::kMostEntries);
  EXPECT_EQ(Journal(path_).Show(0).entries.front().generation, 2 * Journal::kMostEntries + 1);
}

TEST_F(JournalTest, AnEntryIsBounded) {
  JournalEntryResult entry = Entry(1);
  entry.changes.assign(1000, std::string(100'000, 'x'));
  entry.moved.assign(1000, {"web", 1, 1, 1});
  entry.message.assign(1'000'000, 'y');
  Journal journal(path_);
  journal.Add(entry);
  const JournalEntryResult kept = Journal(path_).Show(0).entries.at(0);
  EXPECT_EQ(kept.changes.size(), Journal::kMostChanges);
  EXPECT_EQ(kept.changes_total, 1000u);
  EXPECT_EQ(kept.moved.size(), Journal::kMostMoves);
  EXPECT_LT(nlohmann::json(kept).dump().size(), 40'000u);
}

TEST_F(JournalTest, WhatIsNoEntryIsSkipped) {
  std::ofstream(path_, std::ios::binary) << "nonsense\n[1]\n{\"uid\":\"many\"}\n\xff\xfe\n"
                                         << std::string(1 << 20, '[') << "\n";
  Journal journal(path_);
  EXPECT_TRUE(journal.Show(0).entries.empty());
  journal.Add(Entry(1));
  EXPECT_EQ(Journal(path_).Show(0).entries.size(), 1u);
}

TEST_F(JournalTest, AFileThatCannotBeWrittenIsNoHarm) {
  Journal journal("/nonexistent/journal.jsonl");
  journal.Add(Entry(1));
  EXPECT_EQ(journal.Show(0).entries.size(), 1u);
}

}  // namespace
}  // namespace flyover
