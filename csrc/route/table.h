// Which version answers a request: one immutable snapshot of all that is served.
//
// The control plane builds a table, posts it, and never touches it again; the I/O
// thread reads one for each message and frees the old one when it takes a new one.
//
// Thread safety: immutable once built, except for what `Version::context` points at.

#ifndef LEEBOARD_ROUTE_TABLE_H_
#define LEEBOARD_ROUTE_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "route/signature.h"

namespace leeboard::route {

enum class State : std::uint8_t { kLoading, kReady, kUnavailable };

// "READY" and so on, as RepositoryIndex names them.
std::string_view StateName(State state);

struct Version {
  std::string model;
  std::string version;  // A decimal number: clients read it as one.
  State state = State::kLoading;
  std::string reason;      // Why it is not ready.
  bool preferred = false;  // Answers those who name no version, while it is ready.
  Signature signature;
  std::string metadata;  // ModelMetadataResponse, serialised.
  std::string config;    // ModelConfigResponse, serialised.
  void* context =
      nullptr;  // The front end's queue for it; null unless it was ever ready.
};

class Table {
 public:
  // Later calls add to the same table. Versions of a model may come in any order.
  void Add(std::shared_ptr<const Version> version);
  void set_server_metadata(std::string message) {
    server_metadata_ = std::move(message);
  }
  void set_ready(bool ready) { ready_ = ready; }

  // The version that answers: the named one, or the preferred one, or the highest; of
  // these two only one that is ready.
  Status Find(std::string_view model, std::string_view version,
              const Version** out) const;
  // The same for questions about a version whatever its state; null when unknown.
  [[nodiscard]] const Version* Look(std::string_view model,
                                    std::string_view version) const;

  [[nodiscard]] const std::vector<std::shared_ptr<const Version>>& all() const {
    return all_;
  }
  [[nodiscard]] const std::string& server_metadata() const { return server_metadata_; }
  // Every wanted model has a ready version.
  [[nodiscard]] bool ready() const { return ready_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Model {
    std::vector<const Version*> versions;
    // The preferred version where it is ready, else the highest that is, else the
    // highest.
    const Version* best = nullptr;
  };

  std::vector<std::shared_ptr<const Version>> all_;
  std::unordered_map<std::string, Model, Hash, std::equal_to<>> models_;
  std::string server_metadata_;
  bool ready_ = false;
};

}  // namespace leeboard::route

#endif  // LEEBOARD_ROUTE_TABLE_H_
