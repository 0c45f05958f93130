// What server reflection tells: the descriptors of our services, as the control plane
// gave them.
//
// Thread safety: immutable once it was given to a server.

#ifndef LEEBOARD_FRONT_REFLECTION_H_
#define LEEBOARD_FRONT_REFLECTION_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/messages.h"

namespace leeboard::front {

class Reflection {
 public:
  // A serialized FileDescriptorProto, the full names of what it defines, and the files
  // that it imports.
  struct File {
    std::string descriptor;
    std::vector<std::string> symbols;
    std::vector<std::string> imports;
  };

  void AddFile(const std::string& name, File file);
  void AddService(std::string name) { services_.push_back(std::move(name)); }

  // Appends the ServerReflectionResponse to a ServerReflectionRequest.
  Status Answer(wire::Bytes request, std::string* reply) const;

 private:
  void Collect(const std::string& name, std::vector<std::string>* names) const;

  std::map<std::string, File, std::less<>> files_;
  std::map<std::string, std::string, std::less<>> file_of_;  // By symbol.
  std::vector<std::string> services_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_REFLECTION_H_
