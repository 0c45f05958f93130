// The messages of gRPC server reflection (v1 and v1alpha are the same on the wire).
//
// Source: grpc.reflection.v1.ServerReflection.

#include "wire/messages.h"
#include "wire/proto_reader.h"
#include "wire/proto_writer.h"
#include "wire/text.h"

namespace leeboard::wire {
namespace {

constexpr std::uint32_t kOriginalRequest = 2;
constexpr std::uint32_t kFileResponse = 4;
constexpr std::uint32_t kServicesResponse = 6;
constexpr std::uint32_t kErrorResponse = 7;

void AppendRequest(Bytes request, std::string* out) {
  AppendLength(kOriginalRequest, request.size(), out);
  out->append(reinterpret_cast<const char*>(request.data()), request.size());
}

}  // namespace

Status ParseReflectionRequest(Bytes message, ReflectionRequest* out) {
  using Wish = ReflectionRequest::Wish;
  *out = {};
  ProtoReader reader(message);
  while (reader.Next()) {
    Wish wish = Wish::kNothing;
    switch (reader.tag()) {
      case TextTag(3):
        wish = Wish::kFile;
        break;
      case TextTag(4):
        wish = Wish::kSymbol;
        break;
      case TextTag(5):
      case TextTag(6):
        wish = Wish::kExtension;
        break;
      case TextTag(7):
        wish = Wish::kServices;
        break;
      default:
        continue;
    }
    *out = {wish, reader.text()};
  }
  if (!IsUtf8(out->text)) {
    return NotUtf8("ServerReflectionRequest");
  }
  return reader.ok() ? Status() : Malformed("ServerReflectionRequest", reader.error());
}

void AppendReflectedFiles(Bytes request, std::span<const std::string_view> files,
                          std::string* out) {
  AppendRequest(request, out);
  std::uint64_t size = 0;
  for (const std::string_view file : files) {
    size += LengthFieldSize(file.size());
  }
  AppendLength(kFileResponse, size, out);
  for (const std::string_view file : files) {
    AppendText(1, file, out);
  }
}

void AppendReflectedServices(Bytes request, std::span<const std::string> names,
                             std::string* out) {
  AppendRequest(request, out);
  std::uint64_t size = 0;
  for (const std::string& name : names) {
    size += LengthFieldSize(TextFieldSize(name));
  }
  AppendLength(kServicesResponse, size, out);
  for (const std::string& name : names) {
    AppendLength(1, TextFieldSize(name), out);
    AppendText(1, name, out);
  }
}

void AppendReflectedError(Bytes request, const Status& status, std::string* out) {
  AppendRequest(request, out);
  const auto code = static_cast<std::uint64_t>(status.code());
  AppendLength(kErrorResponse, VarintFieldSize(code) + TextFieldSize(status.message()),
               out);
  AppendVarintField(1, code, out);
  AppendText(2, status.message(), out);
}

}  // namespace leeboard::wire
