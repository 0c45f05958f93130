#include "load/snapshot.h"

namespace leeboard::load {

std::map<std::string, std::uint64_t> CountsOf(const Generator& generator) {
  const Tally& tally = generator.tally();
  std::uint64_t requests = tally.ok() + tally.wrong() + tally.unsent();
  for (const auto& [status, count] : ErrorsOf(tally)) {
    requests += count;
  }
  return {
      {"requests", requests},
      {"ok", tally.ok()},
      {"wrong", tally.wrong()},
      {"unsent", tally.unsent()},
      {"held_back", tally.held_back()},
      {"answered", tally.answered_within()},
      {"answered_ok", tally.ok_within()},
      {"began_ns", static_cast<std::uint64_t>(generator.began())},
      {"cpu_ns", static_cast<std::uint64_t>(generator.cpu())},
      {"connections_lost", generator.connections_lost()},
      {"retried", generator.retried()},
      {"bytes_sent", generator.bytes_sent()},
      {"bytes_received", generator.bytes_received()},
  };
}

std::map<int, std::uint64_t> ErrorsOf(const Tally& tally) {
  std::map<int, std::uint64_t> errors;
  for (int status = 1; status <= kHighestStatus; ++status) {
    if (tally.errors(status) > 0) {
      errors[status] = tally.errors(status);
    }
  }
  return errors;
}

std::map<int, std::string> WordsOf(const Tally& tally) {
  std::map<int, std::string> words;
  for (int status = 1; status <= kHighestStatus; ++status) {
    if (!tally.words(status).empty()) {
      words[status] = tally.words(status);
    }
  }
  return words;
}

std::map<std::string, double> FiguresOf(const LogHistogram& histogram) {
  return {
      {"mean", histogram.mean()},
      {"min", static_cast<double>(histogram.min())},
      {"p50", histogram.Quantile(0.5)},
      {"p90", histogram.Quantile(0.9)},
      {"p99", histogram.Quantile(0.99)},
      {"p999", histogram.Quantile(0.999)},
      {"max", static_cast<double>(histogram.max())},
  };
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> BucketsOf(
    const LogHistogram& histogram) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets;
  for (std::size_t i = 0; i < LogHistogram::kBuckets; ++i) {
    if (histogram.bucket(i) > 0) {
      buckets.emplace_back(LogHistogram::HighOf(i), histogram.bucket(i));
    }
  }
  return buckets;
}

std::string RecordsOf(const Tally& tally) {
  static_assert(sizeof(Record) == 32);
  std::string bytes;
  bytes.reserve(tally.records().size() * sizeof(Record));
  for (const Record& record : tally.records()) {
    bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
  }
  return bytes;
}

}  // namespace leeboard::load
