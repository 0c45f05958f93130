#include "batch/guilty.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace leeboard::batch {

struct Digester::State {
  struct Deleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Deleter> context{EVP_MD_CTX_new()};
};

Digester::Digester() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr);
}

Digester::~Digester() = default;

void Digester::Add(std::span<const std::uint8_t> bytes) {
  EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
}

Digest Digester::Finish() {
  Digest digest{};
  EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr);
  return digest;
}

bool Guilty::MayKnow(std::uint64_t size) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [size](const Entry& entry) { return entry.size == size; });
}

const Deed* Guilty::Find(const Digest& digest, Nanos now) {
  while (!entries_.empty() && now - entries_.front().since > kRemembered) {
    entries_.pop_front();
  }
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const Entry& entry) { return entry.digest == digest; });
  return found == entries_.end() ? nullptr : &found->deed;
}

void Guilty::Add(const Digest& digest, std::uint64_t size, Deed deed, Nanos now) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.digest == digest; });
  if (entries_.size() == kMost) {
    entries_.pop_front();
  }
  entries_.push_back({digest, size, std::move(deed), now});
}

}  // namespace leeboard::batch
