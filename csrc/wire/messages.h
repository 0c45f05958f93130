// The small messages that the front end reads and writes itself: readiness, health,
// repository index and statistics. Metadata and configuration are made once for each
// version by the control plane and only copied here.
//
// Source: KServe v2 gRPC protocol, Triton's extensions, grpc.health.v1.
// Thread safety: pure functions.

#ifndef LEEBOARD_WIRE_MESSAGES_H_
#define LEEBOARD_WIRE_MESSAGES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "wire/infer_request.h"

namespace leeboard::wire {

// ModelReady, ModelMetadata, ModelConfig and ModelStatistics requests: {name = 1,
// version = 2}. Also reads {name = 1} (shared-memory Unregister, health's `service`).
struct NameVersion {
  std::string_view name;
  std::string_view version;
};
Status ParseNameVersion(Bytes message, NameVersion* out);

// RepositoryIndexRequest {repository_name = 1, ready = 2}.
struct IndexRequest {
  std::string_view repository_name;
  bool ready_only = false;
};
Status ParseIndexRequest(Bytes message, IndexRequest* out);

// {bool = 1}: ServerLive, ServerReady and ModelReady responses.
void AppendBool(bool value, std::string* out);

// HealthCheckResponse {status = 1}.
enum class Serving : std::uint8_t {
  kUnknown = 0,
  kServing = 1,
  kNotServing = 2,
  kServiceUnknown = 3
};
void AppendHealth(Serving status, std::string* out);

// ServerReflectionRequest {host = 1, oneof: file_by_filename = 3,
// file_containing_symbol = 4, file_containing_extension = 5,
// all_extension_numbers_of_type = 6, list_services = 7}. The oneof's last member
// counts.
struct ReflectionRequest {
  enum class Wish : std::uint8_t { kNothing, kFile, kSymbol, kExtension, kServices };
  Wish wish = Wish::kNothing;
  std::string_view text;
};
Status ParseReflectionRequest(Bytes message, ReflectionRequest* out);

// ServerReflectionResponse {original_request = 2, ...}.
// file_descriptor_response = 4 {file_descriptor_proto = 1}.
void AppendReflectedFiles(Bytes request, std::span<const std::string_view> files,
                          std::string* out);
// list_services_response = 6 {service = 1 {name = 1}}.
void AppendReflectedServices(Bytes request, std::span<const std::string> names,
                             std::string* out);
// error_response = 7 {error_code = 1, error_message = 2}.
void AppendReflectedError(Bytes request, const Status& status, std::string* out);

// One entry of RepositoryIndexResponse {models = 1 {name, version, state, reason}}.
struct IndexEntry {
  std::string_view name;
  std::string_view version;
  std::string_view state;
  std::string_view reason;
};
void AppendIndexEntry(const IndexEntry& entry, std::string* out);

struct Duration {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

struct BatchStatistics {
  std::uint64_t batch_size = 0;
  Duration compute_input, compute_infer, compute_output;
};

// Counters of one version since it was loaded, as ModelStatistics reports them.
struct ModelStatistics {
  std::string_view name;
  std::string_view version;
  std::uint64_t last_inference_ms = 0;  // Milliseconds since the epoch.
  std::uint64_t inference_count = 0;    // Rows.
  std::uint64_t execution_count = 0;    // Batches.
  Duration success, fail, queue, compute_input, compute_infer, compute_output;
  std::span<const BatchStatistics> batches;
};

// One entry of ModelStatisticsResponse {model_stats = 1}.
void AppendModelStatistics(const ModelStatistics& statistics, std::string* out);

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_MESSAGES_H_
