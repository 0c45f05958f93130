// A generator's figures by name, for the layers above.
//
// Thread safety: once the run is over.

#ifndef LEEBOARD_LOAD_SNAPSHOT_H_
#define LEEBOARD_LOAD_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "load/generator.h"

namespace leeboard::load {

// Requests of the measured part by what became of them, and what the run took.
std::map<std::string, std::uint64_t> CountsOf(const Generator& generator);
// Failed requests of the measured part by gRPC code, zeros left out.
std::map<int, std::uint64_t> ErrorsOf(const Tally& tally);
// The first words that came with each code, wherever in the run.
std::map<int, std::string> WordsOf(const Tally& tally);
// mean, min, p50, p90, p99, p999, max.
std::map<std::string, double> FiguresOf(const LogHistogram& histogram);
// Highest value and count of every bucket that is not empty.
std::vector<std::pair<std::uint64_t, std::uint64_t>> BucketsOf(
    const LogHistogram& histogram);
// All records as they lie in memory, one behind the other.
std::string RecordsOf(const Tally& tally);

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_SNAPSHOT_H_
