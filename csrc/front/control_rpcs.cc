#include "front/control_rpcs.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "batch/version_queue.h"

namespace leeboard::front {
namespace {

constexpr Needs kAnyone = Needs::Nothing();
constexpr Needs kInferers = Needs::AnyOf(kInfer);
constexpr Needs kReaders = Needs::AnyOf(kViewer | kInfer);
constexpr Needs kOperators = Needs::AnyOf(kOperator);

struct Named {
  std::string_view path;
  Method method;
  Needs needs;
  bool is_stream = false;  // Each of its messages is a request of its own.
};

constexpr std::array<Named, 16> kMethods = {{
    {"/inference.GRPCInferenceService/ModelInfer", kModelInfer, kInferers},
    {"/inference.GRPCInferenceService/ModelStreamInfer", kModelStreamInfer, kInferers,
     true},
    {"/inference.GRPCInferenceService/ServerLive", kServerLive, kAnyone},
    {"/inference.GRPCInferenceService/ServerReady", kServerReady, kAnyone},
    {"/inference.GRPCInferenceService/ModelReady", kModelReady, kAnyone},
    {"/inference.GRPCInferenceService/ServerMetadata", kServerMetadata, kReaders},
    {"/inference.GRPCInferenceService/ModelMetadata", kModelMetadata, kReaders},
    {"/inference.GRPCInferenceService/ModelConfig", kModelConfig, kReaders},
    {"/inference.GRPCInferenceService/ModelStatistics", kModelStatistics, kReaders},
    {"/inference.GRPCInferenceService/RepositoryIndex", kRepositoryIndex, kReaders},
    {"/inference.GRPCInferenceService/SystemSharedMemoryUnregister", kSystemUnregister,
     kOperators},
    {"/inference.GRPCInferenceService/CudaSharedMemoryUnregister", kCudaUnregister,
     kOperators},
    {"/grpc.health.v1.Health/Check", kHealthCheck, kAnyone},
    {"/grpc.health.v1.Health/Watch", kHealthWatch, kAnyone},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", kReflection, kAnyone},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kReflection,
     kAnyone},
}};

struct Handed {
  std::string_view path;
  std::string_view name;  // What the control plane hears.
  Needs needs;
};

// Methods that the control plane answers.
constexpr std::array<Handed, 2> kHanded = {{
    {"/inference.GRPCInferenceService/RepositoryModelLoad", "RepositoryModelLoad",
     kOperators},
    {"/inference.GRPCInferenceService/RepositoryModelUnload", "RepositoryModelUnload",
     kOperators},
}};

// "/inference.GRPCInferenceService/ModelInfer" -> "ModelInfer".
constexpr std::string_view LastPart(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

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

int MethodOf(std::string_view path) {
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

AskedMethod Asked(int method) {
  if (method >= kFirstHanded) {
    const Handed& handed = kHanded[static_cast<std::size_t>(method - kFirstHanded)];
    return {handed.name, handed.needs};
  }
  const auto* named =
      std::find_if(kMethods.begin(), kMethods.end(),
                   [method](const Named& each) { return each.method == method; });
  return {LastPart(named->path), named->needs, named->is_stream};
}

std::map<std::string, Roles> MethodRoles() {
  std::map<std::string, Roles> roles;
  for (const Named& named : kMethods) {
    roles.emplace(named.path, named.needs.roles());
  }
  for (const Handed& handed : kHanded) {
    roles.emplace(handed.path, handed.needs.roles());
  }
  return roles;
}

std::string_view HandedName(int method) {
  return method < kFirstHanded
             ? std::string_view()
             : kHanded[static_cast<std::size_t>(method - kFirstHanded)].name;
}

wire::Serving SmallMethods::ServingOf(std::string_view service) const {
  const route::Version* version = service.empty() ? nullptr : table_.Look(service, "");
  if (!service.empty() && version == nullptr) {
    return wire::Serving::kServiceUnknown;
  }
  const bool serving = version == nullptr
                           ? is_ready()
                           : !is_draining_ && version->state == route::State::kReady;
  return serving ? wire::Serving::kServing : wire::Serving::kNotServing;
}

Status SmallMethods::Describe(const wire::NameVersion& wanted,
                              std::string route::Version::* text,
                              std::string* reply) const {
  const route::Version* version = nullptr;
  Status status = table_.Find(wanted.name, wanted.version, &version);
  if (status.ok()) {
    *reply = version->*text;
  }
  return status;
}

Status SmallMethods::Statistics(const wire::NameVersion& wanted,
                                std::string* reply) const {
  if (!wanted.name.empty() && table_.Look(wanted.name, wanted.version) == nullptr) {
    return Unknown(wanted);
  }
  for (const auto& version : table_.all()) {
    if ((wanted.name.empty() || wanted.name == version->model) &&
        (wanted.version.empty() || wanted.version == version->version)) {
      AppendStatistics(*version, reply);
    }
  }
  return {};
}

void SmallMethods::Index(const wire::IndexRequest& wanted, std::string* reply) const {
  for (const auto& version : table_.all()) {
    if (!wanted.ready_only || version->state == route::State::kReady) {
      wire::AppendIndexEntry({version->model, version->version,
                              route::StateName(version->state), version->reason},
                             reply);
    }
  }
}

Status SmallMethods::Answer(int method, wire::Bytes message, std::string* reply) const {
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
      wire::AppendBool(is_ready(), reply);
      return {};
    case kModelReady: {
      const route::Version* version = table_.Look(wanted.name, wanted.version);
      wire::AppendBool(
          !is_draining_ && version != nullptr && version->state == route::State::kReady,
          reply);
      return {};
    }
    case kServerMetadata:
      *reply = table_.server_metadata();
      return {};
    case kModelMetadata:
      return Describe(wanted, &route::Version::metadata, reply);
    case kModelConfig:
      return Describe(wanted, &route::Version::config, reply);
    case kModelStatistics:
      return Statistics(wanted, reply);
    case kHealthCheck: {
      const wire::Serving serving = ServingOf(wanted.name);
      if (serving == wire::Serving::kServiceUnknown) {
        return Status::NotFound("unknown service '" + std::string(wanted.name) + "'");
      }
      wire::AppendHealth(serving, reply);
      return {};
    }
    default:
      return UnregisterNothing(wanted);
  }
}

}  // namespace leeboard::front
