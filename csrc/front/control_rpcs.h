// The small methods, answered from the snapshot while Python may be busy: liveness,
// readiness, metadata, configuration, statistics, index, health.
//
// Thread safety: none; the I/O thread makes one for each call.

#ifndef LEEBOARD_FRONT_CONTROL_RPCS_H_
#define LEEBOARD_FRONT_CONTROL_RPCS_H_

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "front/access.h"
#include "route/table.h"
#include "wire/messages.h"

namespace leeboard::front {

// The methods that are answered here; what is handed over counts from the last one on.
enum Method : int {
  kModelInfer,
  kModelStreamInfer,
  kHealthWatch,
  kReflection,
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
  kFirstHanded,
};

// The method of a ":path", or -1.
int MethodOf(std::string_view path);
// What the control plane calls a method that it answers; empty for all others.
std::string_view HandedName(int method);
// A method as access control sees it.
AskedMethod Asked(int method);
// What each method asks: its path and the roles of which one is needed, 0 for none.
std::map<std::string, Roles> MethodRoles();
// Calls with many messages.
constexpr bool IsStreaming(int method) {
  return method == kModelStreamInfer || method == kHealthWatch || method == kReflection;
}

class SmallMethods {
 public:
  SmallMethods(const route::Table& table, bool is_draining)
      : table_(table), is_draining_(is_draining) {}

  // Appends the reply to a whole message.
  Status Answer(int method, wire::Bytes message, std::string* reply) const;
  // The health of a service: the server where it is empty, else a model.
  [[nodiscard]] wire::Serving ServingOf(std::string_view service) const;

 private:
  Status Statistics(const wire::NameVersion& wanted, std::string* reply) const;
  void Index(const wire::IndexRequest& wanted, std::string* reply) const;
  Status Describe(const wire::NameVersion& wanted, std::string route::Version::* text,
                  std::string* reply) const;
  [[nodiscard]] bool is_ready() const { return table_.ready() && !is_draining_; }

  const route::Table& table_;
  bool is_draining_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_CONTROL_RPCS_H_
