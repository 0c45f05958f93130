// A message as protobuf reads it, by field number: the oracle of wire_fuzz.cc.
//
// The types come out of runtime/protos/inference.binpb when the process starts, so no
// code has to be generated. The path is LEEBOARD_DESCRIPTORS, set by the build.
//
// Thread safety: none.

#ifndef LEEBOARD_TESTS_FUZZ_PROTOBUF_VIEW_H_
#define LEEBOARD_TESTS_FUZZ_PROTOBUF_VIEW_H_

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <climits>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"

namespace leeboard::fuzz {

namespace pb = google::protobuf;

// The types of one FileDescriptorSet. Made once and never destroyed: messages of its
// factory may outlive main.
class Types {
 public:
  static Types& Get() {
    static auto* types = new Types();
    return *types;
  }

  // Null when protobuf refuses the bytes.
  std::unique_ptr<pb::Message> Parse(const std::string& type, const void* data,
                                     std::size_t size) {
    std::unique_ptr<pb::Message> message(Prototype(type)->New());
    const bool accepted = message->ParsePartialFromArray(data, static_cast<int>(size));
    return accepted ? std::move(message) : nullptr;
  }

 private:
  Types() {
    std::ifstream stream(LEEBOARD_DESCRIPTORS, std::ios::binary);
    pb::FileDescriptorSet set;
    Require(set.ParseFromIstream(&stream), "the descriptor set can be read");
    for (const pb::FileDescriptorProto& file : set.file()) {
      Require(pool_.BuildFile(file) != nullptr, "the descriptor set is whole");
    }
    pb::SetLogHandler(nullptr);  // One line for each text that is not UTF-8.
  }

  const pb::Message* Prototype(const std::string& type) {
    const pb::Descriptor* descriptor = pool_.FindMessageTypeByName(type);
    Require(descriptor != nullptr, "the type is in the descriptor set");
    return factory_.GetPrototype(descriptor);
  }

  pb::DescriptorPool pool_;
  pb::DynamicMessageFactory factory_;
};

// Reads fields of a message by number. REQUIRES: the message outlives the view.
class View {
 public:
  explicit View(const pb::Message& message) : message_(&message) {}

  [[nodiscard]] std::string Text(int field) const {
    return reflection().GetString(*message_, Field(field));
  }
  [[nodiscard]] bool Bool(int field) const {
    return reflection().GetBool(*message_, Field(field));
  }
  [[nodiscard]] bool Has(int field) const {
    return reflection().HasField(*message_, Field(field));
  }
  [[nodiscard]] int Count(int field) const {
    return reflection().FieldSize(*message_, Field(field));
  }
  [[nodiscard]] View At(int field, int index) const {
    return View(reflection().GetRepeatedMessage(*message_, Field(field), index));
  }
  [[nodiscard]] View Nested(int field) const {
    return View(reflection().GetMessage(*message_, Field(field)));
  }
  [[nodiscard]] std::string TextAt(int field, int index) const {
    return reflection().GetRepeatedString(*message_, Field(field), index);
  }
  [[nodiscard]] std::int64_t Int64(int field) const {
    return reflection().GetInt64(*message_, Field(field));
  }
  [[nodiscard]] std::uint64_t Uint64(int field) const {
    return reflection().GetUInt64(*message_, Field(field));
  }
  // The bytes of an element of a repeated field: numbers as they lie in memory.
  [[nodiscard]] std::string ElementAt(int field, int index) const {
    const pb::FieldDescriptor* number = Field(field);
    const pb::Reflection& r = reflection();
    switch (number->cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return BytesOf(r.GetRepeatedBool(*message_, number, index));
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return BytesOf(r.GetRepeatedInt32(*message_, number, index));
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return BytesOf(r.GetRepeatedInt64(*message_, number, index));
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return BytesOf(r.GetRepeatedUInt32(*message_, number, index));
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        return BytesOf(r.GetRepeatedUInt64(*message_, number, index));
      case pb::FieldDescriptor::CPPTYPE_FLOAT:
        return BytesOf(r.GetRepeatedFloat(*message_, number, index));
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        return BytesOf(r.GetRepeatedDouble(*message_, number, index));
      default:
        return r.GetRepeatedString(*message_, number, index);
    }
  }

 private:
  template <typename T>
  static std::string BytesOf(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  [[nodiscard]] const pb::Reflection& reflection() const {
    return *message_->GetReflection();
  }
  [[nodiscard]] const pb::FieldDescriptor* Field(int number) const {
    return message_->GetDescriptor()->FindFieldByNumber(number);
  }

  const pb::Message* message_;
};

}  // namespace leeboard::fuzz

#endif  // LEEBOARD_TESTS_FUZZ_PROTOBUF_VIEW_H_
