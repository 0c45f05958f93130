// Generators against a scripted server, and what must hold after any run of theirs.

#ifndef LEEBOARD_TESTS_NATIVE_LOAD_GENERATOR_RUNS_H_
#define LEEBOARD_TESTS_NATIVE_LOAD_GENERATOR_RUNS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "load/generator.h"
#include "load/scripted_server.h"
#include "load/snapshot.h"

namespace leeboard::load {

inline constexpr Nanos kMs = 1'000'000;
inline constexpr Nanos kSecond = 1'000 * kMs;
inline constexpr Nanos kPatience = 20 * kSecond;

inline LoadOptions OptionsFor(std::uint16_t port) {
  LoadOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.authority = "test";
  options.method = "/inference.GRPCInferenceService/ModelInfer";
  options.in_flight = 4;
  options.poisson = false;
  options.duration = 200 * kMs;
  options.timeout = 5 * kSecond;
  options.connect_timeout = 5 * kSecond;
  return options;
}

inline LoadOptions OpenLoop(std::uint16_t port, double rate) {
  LoadOptions options = OptionsFor(port);
  options.rate = rate;
  options.in_flight = 1000;
  return options;
}

inline LoadOptions CountOf(std::uint16_t port, std::uint64_t requests) {
  LoadOptions options = OptionsFor(port);
  options.requests = requests;
  return options;
}

inline Script Always(Act act) {
  return [act](const Asked&) { return act; };
}

inline std::map<std::string, std::uint64_t> Counts(const Generator& generator) {
  return CountsOf(generator);
}

// What must hold after every run, whatever the server did.
inline void ExpectBalanced(const Generator& generator, const LoadOptions& options) {
  const Tally& tally = generator.tally();
  const Totals& totals = tally.totals();
  EXPECT_EQ(generator.phase(), Phase::kOver);
  EXPECT_EQ(totals.sent.get(), totals.answered.get());
  EXPECT_EQ(totals.answered.get(),
            totals.ok.get() + totals.wrong.get() + totals.failed.get());
  EXPECT_EQ(generator.in_flight(), 0u);
  std::map<std::string, std::uint64_t> counts = Counts(generator);
  EXPECT_EQ(tally.latency().count(), counts["ok"]);
  EXPECT_LE(counts["answered_ok"], counts["answered"]);
  EXPECT_LE(tally.lag().count() + tally.held_back(), counts["requests"]);
  std::uint64_t in_series = 0;
  for (const Second& second : tally.series()) {
    in_series += second.ok + second.failed;
  }
  EXPECT_LE(in_series, totals.answered.get());
  if (options.rate > 0 && !options.poisson && options.requests == 0 &&
      generator.ended() == End::kTime) {
    const double due = options.rate * static_cast<double>(options.duration) * 1e-9;
    EXPECT_NEAR(static_cast<double>(counts["requests"]), due, 1.0);
  }
  if (options.requests > 0 && generator.ended() == End::kCount) {
    EXPECT_EQ(counts["answered"], options.requests);
  }
}

// Runs to the end and checks what must hold.
inline std::unique_ptr<Generator> Finished(const LoadOptions& options,
                                           std::vector<std::string> messages = {"ask"},
                                           std::vector<Golden> goldens = {}) {
  auto generator =
      std::make_unique<Generator>(options, std::move(messages), std::move(goldens));
  const Status status = generator->Start();
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(generator->Wait(kPatience)) << "it hangs";
  ExpectBalanced(*generator, options);
  return generator;
}

}  // namespace leeboard::load

#endif  // LEEBOARD_TESTS_NATIVE_LOAD_GENERATOR_RUNS_H_
