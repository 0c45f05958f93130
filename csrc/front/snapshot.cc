#include "front/snapshot.h"

#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>

#include <array>

namespace leeboard::front {
namespace {

constexpr std::array<const char*, batch::kReasons> kReasonNames = {
    "invalid",     "rejected",    "deadline",    "cancelled",
    "model_error", "worker_lost", "unavailable", "timeout"};

constexpr std::array<const char*, batch::kDeaths> kDeathNames = {
    "killed", "crashed", "hung", "memory", "broke"};

constexpr std::array<const char*, kRefusals> kRefusalNames = {"role", "model", "rate",
                                                              "concurrent", "expired"};

template <std::size_t N>
std::vector<std::uint64_t> Values(const Histogram<N>& histogram) {
  std::vector<std::uint64_t> values;
  values.reserve(N + 2);
  for (std::size_t i = 0; i <= N; ++i) {
    values.push_back(histogram.bucket(i));
  }
  values.push_back(histogram.sum());
  return values;
}

}  // namespace

Counts CountsOf(const batch::VersionCounters& counters) {
  Counts counts = {
      {"requests_ok", counters.requests_ok.get()},
      {"responses", counters.responses.get()},
      {"rows", counters.rows.get()},
      {"batches", counters.batches.get()},
      {"dead_rows_pruned", counters.dead_rows_pruned.get()},
      {"dead_rows_computed", counters.dead_rows_computed.get()},
      {"reruns", counters.reruns.get()},
      {"quarantined", counters.quarantined.get()},
      {"guilty", counters.guilty.get()},
      {"queued", counters.queued.get()},
      {"open_batches", counters.open_batches.get()},
      {"shapes", counters.shapes.get()},
      {"input_bytes_used", counters.input_bytes_used.get()},
      {"output_grants", counters.output_grants.get()},
      {"workers", counters.workers.get()},
      {"queue_ns", counters.queue_ns.get()},
      {"input_ns", counters.input_ns.get()},
      {"infer_ns", counters.infer_ns.get()},
      {"output_ns", counters.output_ns.get()},
  };
  for (std::size_t i = 0; i < batch::kDeaths; ++i) {
    counts[std::string("deaths_") + kDeathNames[i]] = counters.deaths[i].get();
  }
  for (std::size_t i = 0; i < batch::kReasons; ++i) {
    counts[std::string("failed_") + kReasonNames[i]] = counters.failed[i].get();
  }
  return counts;
}

std::map<std::string, Counts> IdentityCounts(const Server& server) {
  std::map<std::string, Counts> all;
  for (const auto& [name, use] : server.identity_uses().all()) {
    Counts& counts = all[name];
    counts["allowed"] = use->allowed.get();
    counts["open"] = use->open.get();
    for (std::size_t i = 0; i < kRefusals; ++i) {
      counts[kRefusalNames[i]] = use->refused[i].get();
    }
  }
  return all;
}

Histograms HistogramsOf(const batch::VersionCounters& counters) {
  return {{"queue", Values(counters.queue)},
          {"compute", Values(counters.compute)},
          {"total", Values(counters.total)},
          {"batch_rows", Values(counters.batch_rows)}};
}

Counts CountsOf(const Server& server) {
  const ServerCounters& counters = server.counters();
  const http2::Counters& wire = server.wire_counters();
  const TraceCounters& traces = server.trace_counters();
  return {
      {"requests", counters.requests.get()},
      {"live_calls", counters.live_calls.get()},
      {"unknown_model", counters.unknown_model.get()},
      {"malformed", counters.malformed.get()},
      {"connections", counters.connections.get()},
      {"streams", counters.streams.get()},
      {"refused_connections", counters.refused_connections.get()},
      {"tables", counters.tables.get()},
      {"table_ns", counters.table_ns.get()},
      {"table_most_ns", counters.table_most_ns.get()},
      {"traces_sampled", traces.sampled.get()},
      {"traces_over_rate", traces.over_rate.get()},
      {"traces_dropped", traces.dropped.get()},
      {"slow_requests", traces.slow.get()},
      {"slow_requests_unsaid", traces.slow_unsaid.get()},
      {"calls_started", wire.calls_started.load(std::memory_order_relaxed)},
      {"calls_finished", wire.calls_finished.load(std::memory_order_relaxed)},
      {"calls_gone", wire.calls_gone.load(std::memory_order_relaxed)},
      {"bytes_received", wire.bytes_received.load(std::memory_order_relaxed)},
      {"bytes_sent", wire.bytes_sent.load(std::memory_order_relaxed)},
      {"connections_silent", wire.connections_silent.load(std::memory_order_relaxed)},
      {"tls_handshakes", wire.tls_handshakes.load(std::memory_order_relaxed)},
      {"tls_handshakes_failed",
       wire.tls_handshakes_failed.load(std::memory_order_relaxed)},
      {"unauthenticated", server.unauthenticated()},
      {"connections_abused", wire.connections_abused.load(std::memory_order_relaxed)},
  };
}

std::map<std::string, std::string> LibraryVersions() {
  return {{"nghttp2", nghttp2_version(0)->version_str},
          {"openssl", std::to_string(OPENSSL_version_major()) + "." +
                          std::to_string(OPENSSL_version_minor()) + "." +
                          std::to_string(OPENSSL_version_patch())}};
}

std::vector<std::uint64_t> LatencyBounds() {
  return {kLatencyBoundsNs.begin(), kLatencyBoundsNs.end()};
}

std::vector<std::uint64_t> RowBounds() {
  return {kRowBounds.begin(), kRowBounds.end()};
}

}  // namespace leeboard::front
