#include "tools/flyover_bench/statistics.h"

#include <algorithm>
#include <random>

namespace flyover {
namespace {

constexpr unsigned kResamples = 2000;

}  // namespace

double Median(std::vector<double> samples) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

Interval BootstrapMedian(const std::vector<double>& samples, uint64_t seed) {
  if (samples.empty()) return {};
  std::mt19937_64 random(seed);
  std::vector<double> medians;
  medians.reserve(kResamples);
  std::vector<double> resample(samples.size());
  for (unsigned r = 0; r < kResamples; ++r) {
    for (double& x : resample) x = samples[random() % samples.size()];
    medians.push_back(Median(resample));
  }
  std::sort(medians.begin(), medians.end());
  return {medians[kResamples * 25 / 1000], medians[kResamples * 975 / 1000]};
}

std::vector<double> Ratios(const std::vector<double>& of, const std::vector<double>& to) {
  std::vector<double> out;
  for (size_t i = 0; i < std::min(of.size(), to.size()); ++i) out.push_back(of[i] / to[i]);
  return out;
}

}  // namespace flyover
