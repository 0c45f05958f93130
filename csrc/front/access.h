// Decides about calls of the gRPC port: who calls, whether they may, and whether their
// quota has room. The I/O thread asks it at a call's start, for each message of a
// stream, and tells it of a call's end.
//
// A bearer token that is sent decides; without one the client certificate does. The
// last authorization header of each connection is remembered with its identity, so a
// token is hashed once for a connection and table, not for each request.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_FRONT_ACCESS_H_
#define LEEBOARD_FRONT_ACCESS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "front/access_table.h"
#include "http2/call.h"

namespace leeboard::front {

// What access control keeps of one call; part of its CallState.
struct CallAccess {
  std::shared_ptr<const Identity> identity;  // Null: nobody asked, or nobody known.
  std::uint64_t generation = 0;              // Of the table that said so.
  std::int64_t expires_at = 0;
  bool holds_place = false;  // Counted in IdentityUse::open.
  bool is_pending = false;   // A request that was let in and not yet counted.

  // The caller's name, empty when there is none.
  [[nodiscard]] std::string_view name() const {
    return identity == nullptr ? std::string_view() : identity->name;
  }
};

// A method as access control sees it.
struct AskedMethod {
  std::string_view name;  // "ModelInfer"; ours, never the client's text.
  Needs needs;
  bool is_stream = false;  // Its messages count for the rate, not its start.
};

class Access {
 public:
  // Seconds since the epoch; tests bring their own.
  using WallClock = std::int64_t (*)();

  Access();
  explicit Access(WallClock clock) : clock_(clock) {}

  // Null: everybody may do everything.
  void Set(std::shared_ptr<const AccessTable> table);
  [[nodiscard]] bool is_on() const { return table_ != nullptr; }

  // At a call's start: UNAUTHENTICATED, PERMISSION_DENIED, RESOURCE_EXHAUSTED, or OK.
  // Call End in every case. REQUIRES: is_on().
  Status Begin(const http2::Call& call, const AskedMethod& method, Nanos now,
               CallAccess* access);
  // For each message of a streaming call, before it is looked at. Sees a token that has
  // expired or was revoked since the stream began. Does nothing unless is_on().
  Status TakeRequest(const http2::Call& call, const AskedMethod& method, Nanos now,
                     CallAccess* access);
  // The request that was let in asked for a model that its identity may not use.
  void CountModelRefused(CallAccess* access);
  // The call is over.
  void End(CallAccess* access);

  // Calls without credentials, or with unknown ones.
  [[nodiscard]] std::uint64_t unauthenticated() const { return unauthenticated_.get(); }

 private:
  // The last header of a connection. A slot may be found by a connection that came to
  // the same address in memory: its header is compared, so that harms nobody.
  struct Remembered {
    std::uint64_t generation = 0;
    std::string header;
    AccessTable::Match match;
  };

  Status Identify(const http2::Call& call, const Needs& needs, CallAccess* access);
  [[nodiscard]] AccessTable::Match MatchHeader(const http2::Call& call);
  [[nodiscard]] AccessTable::Match MatchCertificate(const http2::Peer& peer) const;
  Status CheckRole(const AskedMethod& method, const CallAccess& access) const;
  Status TakePlace(CallAccess* access);
  Status TakeToken(Nanos now, CallAccess* access);
  static void Settle(CallAccess* access);

  WallClock clock_;
  std::shared_ptr<const AccessTable> table_;
  std::uint64_t generation_ = 0;
  Counter unauthenticated_;
  std::array<Remembered, 256> remembered_;
};

// Bounds what is said of refusals: ten a second, then only their number.
class RefusalLog {
 public:
  // `*unsaid`: how many were kept back since the last one that was said.
  [[nodiscard]] bool MaySay(Nanos now, std::uint64_t* unsaid);

 private:
  Nanos since_ = -1'000'000'000;
  std::uint32_t said_ = 0;
  std::uint64_t unsaid_ = 0;
};

// PERMISSION_DENIED for a model that an identity may not use.
Status ModelRefused(const Identity& identity, std::string_view model);

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_ACCESS_H_
