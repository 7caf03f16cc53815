// What is said of a set of samples: the median, and how sure one may be of it.
#pragma once

#include <cstdint>
#include <vector>

namespace flyover {

struct Interval {
  double low = 0;
  double high = 0;
};

// 0 for no samples.
double Median(std::vector<double> samples);

// The 95 % interval of the median by bootstrap (Efron 1979): 2,000 resamples, seeded, so that the
// same samples give the same interval.
Interval BootstrapMedian(const std::vector<double>& samples, uint64_t seed);

// Element by element; both of one length.
std::vector<double> Ratios(const std::vector<double>& of, const std::vector<double>& to);

}  // namespace flyover
