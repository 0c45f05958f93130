// Runs a fuzz target over every file given or found in the folders given: the kept
// corpus, and what a fuzzer has found. Linked where libFuzzer's own main is not (g++ in
// CI). An input that breaks a promise ends the process; its name is said then.

#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::string current;  // The file being replayed.

void SayWhich() {
  std::fprintf(stderr, "INPUT: %s\n", current.c_str());
}

std::vector<fs::path> FilesOf(const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    if (!fs::is_directory(name)) {
      files.emplace_back(name);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(name)) {
      if (entry.is_regular_file()) {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<fs::path> files =
      FilesOf(std::vector<std::string>(arguments + 1, arguments + count));
  if (files.empty()) {
    std::fprintf(stderr, "usage: %s FILE_OR_FOLDER...\n", arguments[0]);
    return 2;
  }
  std::signal(SIGABRT, [](int) { SayWhich(); });  // Require.
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_set_death_callback(SayWhich);
#endif
  for (const fs::path& file : files) {
    current = file;
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
      std::fprintf(stderr, "cannot read %s\n", file.c_str());
      return 2;
    }
    // A copy of exactly its size: one byte too far is seen by AddressSanitizer.
    std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
    bytes.shrink_to_fit();
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::fprintf(stdout, "%zu inputs replayed, no promise broken\n", files.size());
  return 0;
}
