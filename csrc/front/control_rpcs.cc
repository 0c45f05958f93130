// The small methods, answered from the snapshot while Python may be busy: liveness,
// readiness, metadata, configuration, statistics, index, health.

#include <array>
#include <string_view>

#include "front/server.h"
#include "wire/messages.h"

namespace leeboard::front {
namespace {

enum Method : int {
  kModelInfer = Server::kModelInfer,
  kServerLive,
  kServerReady,
  kModelReady,
  kServerMetadata,
  kModelMetadata,
  kModelConfig,
  kModelStatistics,
  kRepositoryIndex,
  kSystemUnregister,
  kCudaUnregister,
  kHealthCheck,
  kFirstHanded,  // What is handed over counts from here.
};

struct Named {
  std::string_view path;
  Method method;
};

constexpr std::array<Named, 12> kMethods = {{
    {"/inference.GRPCInferenceService/ModelInfer", kModelInfer},
    {"/inference.GRPCInferenceService/ServerLive", kServerLive},
    {"/inference.GRPCInferenceService/ServerReady", kServerReady},
    {"/inference.GRPCInferenceService/ModelReady", kModelReady},
    {"/inference.GRPCInferenceService/ServerMetadata", kServerMetadata},
    {"/inference.GRPCInferenceService/ModelMetadata", kModelMetadata},
    {"/inference.GRPCInferenceService/ModelConfig", kModelConfig},
    {"/inference.GRPCInferenceService/ModelStatistics", kModelStatistics},
    {"/inference.GRPCInferenceService/RepositoryIndex", kRepositoryIndex},
    {"/inference.GRPCInferenceService/SystemSharedMemoryUnregister", kSystemUnregister},
    {"/inference.GRPCInferenceService/CudaSharedMemoryUnregister", kCudaUnregister},
    {"/grpc.health.v1.Health/Check", kHealthCheck},
}};

struct Handed {
  std::string_view path;
  std::string_view name;  // What the control plane hears.
};

// Methods that the control plane answers.
constexpr std::array<Handed, 2> kHanded = {{
    {"/inference.GRPCInferenceService/RepositoryModelLoad", "RepositoryModelLoad"},
    {"/inference.GRPCInferenceService/RepositoryModelUnload", "RepositoryModelUnload"},
}};

wire::Duration Sum(std::uint64_t count, const Counter& ns) {
  return {count, ns.get()};
}

void AppendStatistics(const route::Version& version, std::string* reply) {
  auto* queue = static_cast<batch::VersionQueue*>(version.context);
  wire::ModelStatistics statistics;
  statistics.name = version.model;
  statistics.version = version.version;
  if (queue == nullptr) {
    wire::AppendModelStatistics(statistics, reply);
    return;
  }
  const batch::VersionCounters& counters = queue->counters();
  const std::uint64_t ok = counters.requests_ok.get();
  std::uint64_t failed = 0;
  for (const Counter& reason : counters.failed) {
    failed += reason.get();
  }
  statistics.last_inference_ms = counters.last_inference_ms.get();
  statistics.inference_count = counters.rows.get();
  statistics.execution_count = counters.batches.get();
  statistics.success = {ok, counters.total.sum()};
  statistics.fail.count = failed;
  statistics.queue = Sum(ok, counters.queue_ns);
  statistics.compute_input = Sum(ok, counters.input_ns);
  statistics.compute_infer = Sum(ok, counters.infer_ns);
  statistics.compute_output = Sum(ok, counters.output_ns);
  std::vector<wire::BatchStatistics> sizes;
  for (std::size_t rows = 0; rows < counters.by_size.size(); ++rows) {
    const batch::SizeCounters& size = counters.by_size[rows];
    const std::uint64_t batches = size.batches.get();
    if (batches > 0) {
      sizes.push_back({rows, Sum(batches, size.input_ns), Sum(batches, size.infer_ns),
                       Sum(batches, size.output_ns)});
    }
  }
  statistics.batches = sizes;
  wire::AppendModelStatistics(statistics, reply);
}

Status Unknown(const wire::NameVersion& wanted) {
  std::string text = "Request for unknown model: '" + std::string(wanted.name) + "'";
  if (!wanted.version.empty()) {
    text += " version " + std::string(wanted.version);
  }
  return Status::NotFound(text + " is not found");
}

Status UnregisterNothing(const wire::NameVersion& wanted) {
  if (!wanted.name.empty()) {
    return Status::NotFound("Unable to find shared memory region: '" +
                            std::string(wanted.name) + "'");
  }
  return {};
}

}  // namespace

int Server::MethodOf(std::string_view path) {
  for (const Named& named : kMethods) {
    if (named.path == path) {
      return named.method;
    }
  }
  for (std::size_t i = 0; i < kHanded.size(); ++i) {
    if (kHanded[i].path == path) {
      return kFirstHanded + static_cast<int>(i);
    }
  }
  return -1;
}

std::string_view Server::HandedName(int method) {
  return method < kFirstHanded
             ? std::string_view()
             : kHanded[static_cast<std::size_t>(method - kFirstHanded)].name;
}

bool Server::Ready() const {
  return table_->ready() && !draining_;
}

Status Server::Describe(const wire::NameVersion& wanted,
                        std::string route::Version::* text, std::string* reply) const {
  const route::Version* version = nullptr;
  Status status = table_->Find(wanted.name, wanted.version, &version);
  if (status.ok()) {
    *reply = version->*text;
  }
  return status;
}

Status Server::Statistics(const wire::NameVersion& wanted, std::string* reply) const {
  if (!wanted.name.empty() && table_->Look(wanted.name, wanted.version) == nullptr) {
    return Unknown(wanted);
  }
  for (const auto& version : table_->all()) {
    if ((wanted.name.empty() || wanted.name == version->model) &&
        (wanted.version.empty() || wanted.version == version->version)) {
      AppendStatistics(*version, reply);
    }
  }
  return {};
}

void Server::Index(const wire::IndexRequest& wanted, std::string* reply) const {
  for (const auto& version : table_->all()) {
    if (!wanted.ready_only || version->state == route::State::kReady) {
      wire::AppendIndexEntry({version->model, version->version,
                              route::StateName(version->state), version->reason},
                             reply);
    }
  }
}

Status Server::AnswerControl(int method, wire::Bytes message,
                             std::string* reply) const {
  if (method == kRepositoryIndex) {
    wire::IndexRequest wanted;
    Status status = wire::ParseIndexRequest(message, &wanted);
    if (status.ok()) {
      Index(wanted, reply);
    }
    return status;
  }
  wire::NameVersion wanted;
  Status status = wire::ParseNameVersion(message, &wanted);
  if (!status.ok()) {
    return status;
  }
  switch (method) {
    case kServerLive:
      wire::AppendBool(true, reply);
      return {};
    case kServerReady:
      wire::AppendBool(Ready(), reply);
      return {};
    case kModelReady: {
      const route::Version* version = table_->Look(wanted.name, wanted.version);
      wire::AppendBool(
          !draining_ && version != nullptr && version->state == route::State::kReady,
          reply);
      return {};
    }
    case kServerMetadata:
      *reply = table_->server_metadata();
      return {};
    case kModelMetadata:
      return Describe(wanted, &route::Version::metadata, reply);
    case kModelConfig:
      return Describe(wanted, &route::Version::config, reply);
    case kModelStatistics:
      return Statistics(wanted, reply);
    case kHealthCheck: {
      // The empty service is the server; any other is a model by name.
      const route::Version* version =
          wanted.name.empty() ? nullptr : table_->Look(wanted.name, "");
      if (!wanted.name.empty() && version == nullptr) {
        return Status::NotFound("unknown service '" + std::string(wanted.name) + "'");
      }
      const bool serving = version == nullptr
                               ? Ready()
                               : !draining_ && version->state == route::State::kReady;
      wire::AppendHealth(serving ? wire::Serving::kServing : wire::Serving::kNotServing,
                         reply);
      return {};
    }
    default:
      return UnregisterNothing(wanted);
  }
}

}  // namespace leeboard::front
