// Who may do what on the gRPC port: identities, their credentials, models and quotas.
//
// The control plane builds a table and posts it to the I/O thread, as it does with
// routes; a table is never changed after that. What an identity has used so far
// (counters, the fill of its bucket, its open calls) lives in IdentityUse, which the
// next table takes over by name.
//
// Thread safety: a table is immutable once posted. Of IdentityUse the I/O thread owns
// the bucket; its counters may be read on any thread.

#ifndef LEEBOARD_FRONT_ACCESS_TABLE_H_
#define LEEBOARD_FRONT_ACCESS_TABLE_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/histogram.h"
#include "base/token_bucket.h"

namespace leeboard::front {

// A set of roles. The numbers are those of runtime/access/roles.py.
using Roles = std::uint8_t;
inline constexpr Roles kInfer = 1;
inline constexpr Roles kViewer = 2;
inline constexpr Roles kLabeler = 4;
inline constexpr Roles kOperator = 8;
inline constexpr Roles kApprover = 16;

// "infer, viewer".
std::string RoleNames(Roles roles);

// What a method asks of its caller. There is no default: a method whose needs nobody
// has stated does not compile.
class Needs {
 public:
  // Any one of `roles`.
  static constexpr Needs AnyOf(Roles roles) { return Needs(roles); }
  // Nothing: probes carry no credentials. Where a table says that health is not open,
  // any identity.
  static constexpr Needs Nothing() { return Needs(0); }

  [[nodiscard]] constexpr bool is_open() const { return roles_ == 0; }
  [[nodiscard]] constexpr Roles roles() const { return roles_; }

 private:
  constexpr explicit Needs(Roles roles) : roles_(roles) {}
  Roles roles_;
};

// Zero is no bound.
struct Quota {
  double requests_per_s = 0;
  double burst = 0;              // At most this many at once; at least 1 with a rate.
  std::uint32_t concurrent = 0;  // Calls open at the same time; a stream is one.
};

enum class Refusal : std::uint8_t { kRole, kModel, kRate, kConcurrent, kExpired };
inline constexpr std::size_t kRefusals = 5;

struct IdentityUse {
  Counter allowed;
  std::array<Counter, kRefusals> refused;
  Counter open;        // Gauge: calls that count for Quota::concurrent.
  TokenBucket bucket;  // The I/O thread's.
};

struct ModelPattern {
  std::string text;
  bool is_prefix = false;  // "team-a-*", without the star.
};

struct Identity {
  std::string name;
  Roles roles = 0;
  std::vector<ModelPattern> models;  // Empty: all.
  Quota quota;
  std::shared_ptr<IdentityUse> use;  // Set when the table is posted.

  [[nodiscard]] bool MayUse(std::string_view model) const;
};

using Digest = std::array<std::uint8_t, 32>;

// SHA-256; false when OpenSSL cannot.
[[nodiscard]] bool DigestOf(std::string_view text, Digest* out);

class AccessTable {
 public:
  // What a credential stands for. Points into the table's identities.
  struct Match {
    std::shared_ptr<const Identity> identity;  // Null: unknown.
    std::int64_t expires_at = 0;               // Unix seconds; 0: never.
  };

  // Building.
  void Add(std::shared_ptr<Identity> identity);
  // Of the identity that was added last. `expires_at` is in Unix seconds; 0: never.
  void AddToken(const Digest& digest, std::int64_t expires_at);
  void AddSubject(std::string subject);
  void set_health_open(bool open) { health_open_ = open; }
  // Sorts the tokens. Call it once, after the last Add.
  void Finish();

  // Looking up. Takes the same time wherever the digests begin to differ.
  [[nodiscard]] Match FindToken(const Digest& digest) const;
  [[nodiscard]] Match FindSubject(const std::string& subject) const;
  [[nodiscard]] bool health_open() const { return health_open_; }
  [[nodiscard]] const std::vector<std::shared_ptr<Identity>>& identities() const {
    return identities_;
  }

 private:
  struct Token {
    Digest digest{};
    std::int64_t expires_at = 0;
    std::size_t identity = 0;
  };

  std::vector<std::shared_ptr<Identity>> identities_;
  std::vector<Token> tokens_;
  std::unordered_map<std::string, std::size_t> subjects_;
  bool health_open_ = true;
};

// What the identities of the last table have used.
//
// Thread safety: any thread.
class IdentityUses {
 public:
  // Gives each identity of a table the use that its name had before, and forgets names
  // that are not in it. Null: an empty table.
  void Adopt(AccessTable* table);
  [[nodiscard]] std::map<std::string, std::shared_ptr<const IdentityUse>> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<IdentityUse>> uses_;  // Under mutex_.
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_ACCESS_TABLE_H_
