#include "front/access.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "wire/text.h"

namespace leeboard::front {
namespace {

constexpr std::string_view kScheme = "bearer ";  // RFC 7235: in any case.
constexpr std::size_t kLongestHeader = 1024;

std::int64_t SecondsSinceEpoch() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

// The token of "Bearer TOKEN", or nothing.
std::string_view TokenOf(std::string_view header) {
  const bool is_bearer =
      header.size() > kScheme.size() &&
      std::equal(kScheme.begin(), kScheme.end(), header.begin(),
                 [](char wanted, char c) { return (c | 0x20) == wanted; });
  return is_bearer && header.size() <= kLongestHeader ? header.substr(kScheme.size())
                                                      : std::string_view();
}

bool Equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Counter& Refused(const CallAccess& access, Refusal reason) {
  return access.identity->use->refused[static_cast<std::size_t>(reason)];
}

std::string Called(const Identity& identity) {
  return "identity '" + identity.name + "'";
}

std::string Number(double value) {
  const std::string text = std::to_string(value);
  const std::size_t last = text.find_last_not_of('0');
  return text.substr(0, text[last] == '.' ? last : last + 1);
}

}  // namespace

Status ModelRefused(const Identity& identity, std::string_view model) {
  return Status::PermissionDenied(Called(identity) + " may not use the model " +
                                  wire::Quoted(model));
}

Access::Access() : Access(SecondsSinceEpoch) {}

void Access::Set(std::shared_ptr<const AccessTable> table) {
  ++generation_;
  table_ = std::move(table);
}

AccessTable::Match Access::MatchHeader(const http2::Call& call) {
  const std::string& header = call.headers().authorization;
  const auto address = reinterpret_cast<std::uintptr_t>(&call.peer());
  Remembered& slot = remembered_[(address >> 6) % remembered_.size()];
  if (slot.generation == generation_ && Equal(slot.header, header)) {
    return slot.match;
  }
  const std::string_view token = TokenOf(header);
  Digest digest{};
  AccessTable::Match match;
  if (!token.empty() && DigestOf(token, &digest)) {
    match = table_->FindToken(digest);
  }
  if (match.identity != nullptr) {  // Others must not push it out by guessing.
    slot = {generation_, header, match};
  }
  return match;
}

AccessTable::Match Access::MatchCertificate(const http2::Peer& peer) const {
  AccessTable::Match match;
  if (!peer.is_tls) {
    return match;
  }
  if (!peer.subject.empty()) {
    match = table_->FindSubject(peer.subject);
  }
  for (std::size_t i = 0; match.identity == nullptr && i < peer.names.size(); ++i) {
    match = table_->FindSubject(peer.names[i]);
  }
  return match;
}

Status Access::Identify(const http2::Call& call, const Needs& needs,
                        CallAccess* access) {
  access->generation = generation_;
  if (needs.is_open() && table_->health_open()) {
    return {};
  }
  const bool has_header = !call.headers().authorization.empty();
  AccessTable::Match match =
      has_header ? MatchHeader(call) : MatchCertificate(call.peer());
  access->identity = std::move(match.identity);
  access->expires_at = match.expires_at;
  if (access->identity == nullptr) {
    unauthenticated_.Add();
    const bool is_known_peer = call.peer().is_tls && !call.peer().subject.empty();
    return Status::Unauthenticated(
        has_header ? "the authorization header holds no token that is known here; it "
                     "is 'Bearer ' and a token of `leeboard tokens new`"
        : is_known_peer
            ? "the client certificate's subject is not known here, and no token came"
            : "this server asks who calls: send 'authorization: Bearer TOKEN'");
  }
  if (access->expires_at != 0 && clock_() >= access->expires_at) {
    Refused(*access, Refusal::kExpired).Add();
    return Status::Unauthenticated("the token of " + Called(*access->identity) +
                                   " has expired; ask for another one");
  }
  return {};
}

Status Access::CheckRole(const AskedMethod& method, const CallAccess& access) const {
  if (method.needs.is_open() || (access.identity->roles & method.needs.roles()) != 0) {
    return {};
  }
  Refused(access, Refusal::kRole).Add();
  return Status::PermissionDenied(
      Called(*access.identity) + " (" + RoleNames(access.identity->roles) +
      ") may not call " + std::string(method.name) +
      "; it needs one of: " + RoleNames(method.needs.roles()));
}

Status Access::TakePlace(CallAccess* access) {
  const Identity& identity = *access->identity;
  const std::uint32_t most = identity.quota.concurrent;
  if (most != 0 && identity.use->open.get() >= most) {
    Refused(*access, Refusal::kConcurrent).Add();
    return Status::ResourceExhausted(Called(identity) + " has " + std::to_string(most) +
                                     " calls open, as many as its quota allows");
  }
  identity.use->open.Add();
  access->holds_place = true;
  return {};
}

Status Access::TakeToken(Nanos now, CallAccess* access) {
  const Quota& quota = access->identity->quota;
  if (quota.requests_per_s <= 0) {
    access->is_pending = true;
    return {};
  }
  const TokenRate rate{quota.requests_per_s, std::max(quota.burst, 1.0)};
  TokenBucket& bucket = access->identity->use->bucket;
  if (bucket.Take(rate, now)) {
    access->is_pending = true;
    return {};
  }
  Refused(*access, Refusal::kRate).Add();
  const double wait_ms = std::ceil(bucket.SecondsToNext(rate) * 1000);
  return Status::ResourceExhausted(
      Called(*access->identity) + " is over its quota of " +
      Number(quota.requests_per_s) + " requests/s; retry-after-ms: " +
      std::to_string(static_cast<std::uint64_t>(std::min(wait_ms, 1e12))));
}

Status Access::Begin(const http2::Call& call, const AskedMethod& method, Nanos now,
                     CallAccess* access) {
  Status status = Identify(call, method.needs, access);
  if (!status.ok() || (method.needs.is_open() && table_->health_open())) {
    return status;
  }
  status = CheckRole(method, *access);
  if (status.ok()) {
    status = TakePlace(access);
  }
  if (status.ok() && !method.is_stream) {
    status = TakeToken(now, access);
  }
  return status;
}

Status Access::TakeRequest(const http2::Call& call, const AskedMethod& method,
                           Nanos now, CallAccess* access) {
  Settle(access);
  if (!is_on()) {
    return {};
  }
  const bool expired = access->expires_at != 0 && clock_() >= access->expires_at;
  if (access->generation != generation_ || expired) {
    const std::shared_ptr<const Identity> before = access->identity;
    Status status = Identify(call, method.needs, access);
    const bool same = before != nullptr && access->identity != nullptr &&
                      before->use == access->identity->use;
    if (!same && access->holds_place) {
      before->use->open.Subtract();
      access->holds_place = false;
    }
    if (status.ok()) {
      status = CheckRole(method, *access);
    }
    if (status.ok() && !access->holds_place) {
      status = TakePlace(access);
    }
    if (!status.ok()) {
      access->generation = 0;  // No table's: the next message is asked the same.
      return status;
    }
  }
  return TakeToken(now, access);
}

void Access::CountModelRefused(CallAccess* access) {
  if (access->identity != nullptr) {
    Refused(*access, Refusal::kModel).Add();
    access->is_pending = false;
  }
}

bool RefusalLog::MaySay(Nanos now, std::uint64_t* unsaid) {
  constexpr Nanos kSecond = 1'000'000'000;
  constexpr std::uint32_t kEachSecond = 10;
  if (now - since_ >= kSecond) {
    since_ = now;
    said_ = 0;
  }
  if (said_ >= kEachSecond) {
    ++unsaid_;
    return false;
  }
  ++said_;
  *unsaid = std::exchange(unsaid_, 0);
  return true;
}

void Access::Settle(CallAccess* access) {
  if (access->is_pending) {
    access->identity->use->allowed.Add();
    access->is_pending = false;
  }
}

void Access::End(CallAccess* access) {
  if (access->identity == nullptr) {
    return;
  }
  Settle(access);
  if (access->holds_place) {
    access->identity->use->open.Subtract();
  }
  *access = {};
}

}  // namespace leeboard::front
