// Every file of config/bad has one fault and says in its first line what must be said of it:
//   # expect: LINE:COLUMN: PATH: MESSAGE
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tools/flyoverd/document/document.h"

namespace flyover {
namespace {

std::vector<std::string> BadFiles() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("config/bad")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string CaseName(const testing::TestParamInfo<std::string>& row) {
  std::string name = std::filesystem::path(row.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class BadDocument : public testing::TestWithParam<std::string> {};

TEST_P(BadDocument, HasExactlyItsFault) {
  std::ifstream file(GetParam());
  std::string first;
  std::getline(file, first);
  constexpr std::string_view kPrefix = "# expect: ";
  ASSERT_TRUE(first.starts_with(kPrefix)) << "the first line says what is expected";
  const ParsedDocument parsed = LoadDocument(GetParam());
  EXPECT_FALSE(parsed.document.has_value());
  EXPECT_EQ(ToString(parsed.errors), GetParam() + ":" + first.substr(kPrefix.size()) + "\n");
  EXPECT_EQ(ToString(parsed.warnings), "");
}

INSTANTIATE_TEST_SUITE_P(Config, BadDocument, testing::ValuesIn(BadFiles()), CaseName);

TEST(BadDocuments, AreMany) { EXPECT_GE(BadFiles().size(), 30u); }

// Those that cannot carry a comment.
std::string LoadErrors(const std::string& bytes) {
  const std::string path = testing::TempDir() + "/bad.yaml";
  std::ofstream(path, std::ios::binary) << bytes;
  const ParsedDocument parsed = LoadDocument(path);
  EXPECT_FALSE(parsed.document.has_value());
  std::string errors = ToString(parsed.errors);
  EXPECT_TRUE(errors.starts_with(path));
  return errors.substr(path.size());
}

TEST(BadDocuments, ZeroBytes) {
  EXPECT_EQ(
      LoadErrors(""),
      ":1:1: document: is empty (0 bytes); accepted: a YAML document with at least 'ports'\n");
}

TEST(BadDocuments, NulBytes) {
  EXPECT_EQ(LoadErrors(std::string("ports: {}\n\0\0", 12)),
            ":2:1: document: contains a NUL byte; accepted: text in UTF-8\n");
}

TEST(BadDocuments, HundredMegabytes) {
  const std::string path = testing::TempDir() + "/large.yaml";
  std::ofstream(path) << "ports: {}\n";
  std::filesystem::resize_file(path, 100'000'000);  // sparse; its NULs are never looked at
  const ParsedDocument parsed = LoadDocument(path);
  EXPECT_EQ(ToString(parsed.errors),
            path + ":1:1: document: is larger than accepted; accepted: at most 4 MiB of YAML\n");
}

TEST(BadDocuments, AliasBomb) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'z'; ++c) {
    bomb += std::string{c} + ": &" + c + " [";
    for (int i = 0; i < 9; ++i)
      bomb += std::string(i == 0 ? "*" : ", *") + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(
      LoadErrors(bomb),
      ":1:4: document: anchors and aliases ('&name', '*name') are not accepted; write the value "
      "out\n");
}

TEST(BadDocuments, Program) {
  EXPECT_EQ(LoadErrors("\x7f"
                       "ELF\x02\x01\x01"),
            ":1:1: document: contains the control byte '\\x7f'; accepted: text in UTF-8\n");
}

TEST(BadDocuments, NoSuchFile) {
  EXPECT_EQ(ToString(LoadDocument("/nonexistent/flyover.yaml").errors),
            "/nonexistent/flyover.yaml: document: cannot be opened: No such file or directory; "
            "accepted: a readable file with YAML\n");
}

TEST(BadDocuments, AFolder) {
  EXPECT_EQ(
      ToString(LoadDocument("/tmp").errors),
      "/tmp: document: cannot be read: Is a directory; accepted: a readable file with YAML\n");
}

}  // namespace
}  // namespace flyover
