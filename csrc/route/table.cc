#include "route/table.h"

#include <algorithm>
#include <utility>

namespace leeboard::route {
namespace {

// Compares decimal numbers without leading zeros.
bool Lower(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

bool Better(const Version& a, const Version& b) {
  const bool a_ready = a.state == State::kReady;
  const bool b_ready = b.state == State::kReady;
  if (a_ready != b_ready) {
    return a_ready;
  }
  return a.preferred != b.preferred ? a.preferred : Lower(b.version, a.version);
}

std::string Named(std::string_view model, std::string_view version) {
  std::string text = "'" + std::string(model) + "'";
  return version.empty() ? text : text + " version " + std::string(version);
}

}  // namespace

std::string_view StateName(State state) {
  switch (state) {
    case State::kLoading:
      return "LOADING";
    case State::kReady:
      return "READY";
    case State::kUnavailable:
      return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

void Table::Add(std::shared_ptr<const Version> version) {
  Model& model = models_[version->model];
  model.versions.push_back(version.get());
  if (model.best == nullptr || Better(*version, *model.best)) {
    model.best = version.get();
  }
  all_.push_back(std::move(version));
}

const Version* Table::Look(std::string_view model, std::string_view version) const {
  const auto found = models_.find(model);
  if (found == models_.end()) {
    return nullptr;
  }
  if (version.empty()) {
    return found->second.best;
  }
  const auto& versions = found->second.versions;
  const auto named =
      std::find_if(versions.begin(), versions.end(),
                   [version](const Version* v) { return v->version == version; });
  return named == versions.end() ? nullptr : *named;
}

Status Table::Find(std::string_view model, std::string_view version,
                   const Version** out) const {
  const Version* found = Look(model, version);
  if (found == nullptr) {
    return Status::NotFound("Request for unknown model: " + Named(model, version) +
                            " is not found");
  }
  if (found->state != State::kReady) {
    std::string text = "Request for model " + Named(model, found->version) +
                       " cannot be served: it is not at ready state (" +
                       std::string(StateName(found->state));
    if (!found->reason.empty()) {
      text += ": " + found->reason;
    }
    return Status::Unavailable(text + ")");
  }
  *out = found;
  return {};
}

}  // namespace leeboard::route
