#include "tools/flyover_bench/series.h"

#include <gtest/gtest.h>

namespace flyover {
namespace {

// Gives 1, 2, 3, ... and writes its name into a shared log.
class Counting : public Subject {
 public:
  Counting(std::string name, std::string* log) : name_(std::move(name)), log_(log) {}
  std::string name() const override { return name_; }
  Result<Sample> Measure() override {
    *log_ += name_;
    ++calls_;
    if (calls_ == fail_at_) return Status(StatusCode::kFailedPrecondition, "lost");
    if (stop_at_ != nullptr && calls_ == 2) stop_at_->store(true);
    return Sample{static_cast<double>(calls_), 10};
  }
  int fail_at_ = -1;
  std::atomic<bool>* stop_at_ = nullptr;

 private:
  std::string name_;
  std::string* log_;
  int calls_ = 0;
};

class SeriesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b"}) {
      auto subject = std::make_unique<Counting>(name, &log_);
      last_ = subject.get();
      subjects_.push_back(std::move(subject));
    }
    options_.rounds = 3;
    options_.reject = false;
    options_.judge = [](const Disturbance&) { return ""; };
  }
  std::string log_;
  std::vector<std::unique_ptr<Subject>> subjects_;
  Counting* last_ = nullptr;
  SeriesOptions options_;
};

TEST_F(SeriesTest, EveryOtherRoundGoesBackwards) {
  const auto report = RunSeries(subjects_, options_);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(log_, "abbaab");
  EXPECT_EQ(report.value().series[1].ticks, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(report.value().series[1].packets, 30u);
  EXPECT_FALSE(report.value().interrupted);
}

TEST_F(SeriesTest, AnErrorEndsIt) {
  last_->fail_at_ = 2;
  EXPECT_EQ(RunSeries(subjects_, options_).status().message(), "lost");
}

TEST_F(SeriesTest, AnInterruptKeepsWhatIsThere) {
  std::atomic<bool> stop{false};
  options_.stop = &stop;
  last_->stop_at_ = &stop;
  const auto report = RunSeries(subjects_, options_);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report.value().interrupted);
  EXPECT_EQ(report.value().series[0].ticks.size(), report.value().series[1].ticks.size());
  EXPECT_EQ(report.value().series[0].ticks.size(), 1u) << "the round in work is no pair";
}

// The second sample of all is disturbed.
std::function<std::string(const Disturbance&)> SecondIsDisturbed() {
  return [n = 0](const Disturbance&) mutable { return ++n == 2 ? "stolen" : ""; };
}

TEST_F(SeriesTest, ADisturbedRoundIsThrownAwayForAllAndRepeated) {
  options_.reject = true;
  options_.judge = SecondIsDisturbed();
  const auto report = RunSeries(subjects_, options_);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report.value().rejected, (std::vector<std::string>{"b: stolen"}));
  EXPECT_TRUE(report.value().kept_disturbed.empty());
  EXPECT_EQ(report.value().series[0].ticks, (std::vector<double>{2, 3, 4}));
}

TEST_F(SeriesTest, ADisturbedRoundThatIsKeptIsMarked) {
  options_.judge = SecondIsDisturbed();
  const auto report = RunSeries(subjects_, options_);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report.value().rejected.empty());
  EXPECT_EQ(report.value().kept_disturbed, (std::vector<std::string>{"b: stolen"}));
  EXPECT_EQ(report.value().series[0].ticks, (std::vector<double>{1, 2, 3}));
}

TEST_F(SeriesTest, GivesUpAfterTwiceAsManyRounds) {
  options_.reject = true;
  options_.judge = [](const Disturbance&) { return "stolen"; };
  const auto report = RunSeries(subjects_, options_);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report.value().rejected.size(), 6u);
  EXPECT_TRUE(report.value().series[0].ticks.empty());
}

}  // namespace
}  // namespace flyover
