#include "front/reflection.h"

#include <algorithm>
#include <utility>

namespace leeboard::front {

void Reflection::AddFile(const std::string& name, File file) {
  for (const std::string& symbol : file.symbols) {
    file_of_.emplace(symbol, name);
  }
  files_.emplace(name, std::move(file));
}

// A file before what it imports; each once.
void Reflection::Collect(const std::string& name,
                         std::vector<std::string>* names) const {
  const auto found = files_.find(name);
  if (found == files_.end() ||
      std::find(names->begin(), names->end(), name) != names->end()) {
    return;
  }
  names->push_back(name);
  for (const std::string& import : found->second.imports) {
    Collect(import, names);
  }
}

Status Reflection::Answer(wire::Bytes request, std::string* reply) const {
  using Wish = wire::ReflectionRequest::Wish;
  wire::ReflectionRequest wanted;
  Status status = wire::ParseReflectionRequest(request, &wanted);
  if (!status.ok()) {
    return status;
  }
  if (wanted.wish == Wish::kServices) {
    wire::AppendReflectedServices(request, services_, reply);
    return {};
  }
  std::string name(wanted.text);
  if (wanted.wish == Wish::kSymbol) {
    const auto found = file_of_.find(wanted.text);
    name = found == file_of_.end() ? std::string() : found->second;
  }
  std::vector<std::string> names;
  if (wanted.wish == Wish::kSymbol || wanted.wish == Wish::kFile) {
    Collect(name, &names);
  }
  if (names.empty()) {
    wire::AppendReflectedError(
        request,
        Status::NotFound("no file or symbol '" + std::string(wanted.text) +
                         "' is served here"),
        reply);
    return {};
  }
  std::vector<std::string_view> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& each : names) {
    descriptors.push_back(files_.find(each)->second.descriptor);
  }
  wire::AppendReflectedFiles(request, descriptors, reply);
  return {};
}

}  // namespace leeboard::front
