#include "front/access_table.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

namespace leeboard::front {
namespace {

constexpr std::array<std::string_view, 5> kRoleNames = {"infer", "viewer", "labeler",
                                                        "operator", "approver"};

// Where a digest stands among the others. Eight of 32 bytes may steer a search: they
// are the digest's, so knowing them tells nothing of the token.
std::uint64_t PlaceOf(const Digest& digest) {
  std::uint64_t place = 0;
  std::memcpy(&place, digest.data(), sizeof place);
  return place;
}

}  // namespace

std::string RoleNames(Roles roles) {
  std::string names;
  for (std::size_t i = 0; i < kRoleNames.size(); ++i) {
    if ((roles & (1U << i)) != 0) {
      names.append(names.empty() ? "" : ", ").append(kRoleNames[i]);
    }
  }
  return names.empty() ? "none" : names;
}

bool Identity::MayUse(std::string_view model) const {
  return models.empty() ||
         std::any_of(models.begin(), models.end(), [model](const auto& pattern) {
           return pattern.is_prefix ? model.starts_with(pattern.text)
                                    : model == pattern.text;
         });
}

bool DigestOf(std::string_view text, Digest* out) {
  unsigned int size = 0;
  return EVP_Digest(text.data(), text.size(), out->data(), &size, EVP_sha256(),
                    nullptr) == 1 &&
         size == out->size();
}

void AccessTable::Add(std::shared_ptr<Identity> identity) {
  identities_.push_back(std::move(identity));
}

void AccessTable::AddToken(const Digest& digest, std::int64_t expires_at) {
  tokens_.push_back({digest, expires_at, identities_.size() - 1});
}

void AccessTable::AddSubject(std::string subject) {
  subjects_.emplace(std::move(subject), identities_.size() - 1);
}

void AccessTable::Finish() {
  std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) {
    return PlaceOf(a.digest) < PlaceOf(b.digest);
  });
}

AccessTable::Match AccessTable::FindToken(const Digest& digest) const {
  const std::uint64_t place = PlaceOf(digest);
  auto token = std::lower_bound(
      tokens_.begin(), tokens_.end(), place,
      [](const Token& a, std::uint64_t wanted) { return PlaceOf(a.digest) < wanted; });
  Match match;
  for (; token != tokens_.end() && PlaceOf(token->digest) == place; ++token) {
    if (CRYPTO_memcmp(token->digest.data(), digest.data(), digest.size()) == 0) {
      match = {identities_[token->identity], token->expires_at};
    }
  }
  return match;
}

AccessTable::Match AccessTable::FindSubject(const std::string& subject) const {
  const auto found = subjects_.find(subject);
  return found == subjects_.end() ? Match{} : Match{identities_[found->second], 0};
}

void IdentityUses::Adopt(AccessTable* table) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<IdentityUse>> uses;
  if (table != nullptr) {
    for (const auto& identity : table->identities()) {
      const auto before = uses_.find(identity->name);
      identity->use =
          before == uses_.end() ? std::make_shared<IdentityUse>() : before->second;
      uses.emplace(identity->name, identity->use);
    }
  }
  uses_ = std::move(uses);
}

std::map<std::string, std::shared_ptr<const IdentityUse>> IdentityUses::all() const {
  const std::lock_guard lock(mutex_);
  return {uses_.begin(), uses_.end()};
}

}  // namespace leeboard::front
