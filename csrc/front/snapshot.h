// Counters as names and numbers, for the control plane.
//
// Thread safety: any thread; values are relaxed reads of running counters.

#ifndef LEEBOARD_FRONT_SNAPSHOT_H_
#define LEEBOARD_FRONT_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "batch/counters.h"
#include "front/server.h"

namespace leeboard::front {

using Counts = std::map<std::string, std::uint64_t>;
// Buckets (the last one open), then the sum of all values.
using Histograms = std::map<std::string, std::vector<std::uint64_t>>;

Counts CountsOf(const batch::VersionCounters& counters);
// By identity, then by outcome; "open" is a gauge.
std::map<std::string, Counts> IdentityCounts(const Server& server);
Histograms HistogramsOf(const batch::VersionCounters& counters);
Counts CountsOf(const Server& server);
// Of the libraries that this process runs with: "nghttp2" -> "1.52.0".
std::map<std::string, std::string> LibraryVersions();
std::vector<std::uint64_t> LatencyBounds();
std::vector<std::uint64_t> RowBounds();

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SNAPSHOT_H_
