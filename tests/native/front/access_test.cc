// Who may call what, from tables made by hand and calls that never touched a socket.

#include "front/access.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <thread>
#include <vector>

namespace leeboard::front {
namespace {

std::int64_t wall_clock = 1000;

class FakeCall final : public http2::Call {
 public:
  FakeCall() = default;
  explicit FakeCall(const std::string& token) {
    sent.authorization = "Bearer " + token;
  }
  [[nodiscard]] std::string_view method() const override { return ""; }
  [[nodiscard]] const http2::CallHeaders& headers() const override { return sent; }
  [[nodiscard]] const http2::Peer& peer() const override { return from; }
  [[nodiscard]] Nanos deadline() const override { return kNever; }
  void SetTraceparent(std::string /*value*/) override {}
  void Reply(http2::ReplyBody&& /*body*/) override {}
  void Fail(const Status& /*status*/) override {}
  void BeginStream() override {}
  void Send(http2::ReplyBody&& /*body*/) override {}
  void Finish(const Status& /*status*/) override {}
  [[nodiscard]] std::size_t unsent() const override { return 0; }
  [[nodiscard]] std::uint64_t taken() const override { return 0; }
  void Release(std::uint64_t /*bytes*/) override {}
  void Charge(std::uint64_t /*bytes*/) override {}
  void Pause() override {}
  void Resume() override {}
  [[nodiscard]] std::uint32_t* connection_count() override { return &count; }

  std::uint32_t count = 0;
  http2::CallHeaders sent;
  http2::Peer from;
};

constexpr AskedMethod kAskInfer{"ModelInfer", Needs::AnyOf(kInfer)};
constexpr AskedMethod kStream{"ModelStreamInfer", Needs::AnyOf(kInfer), true};
constexpr AskedMethod kLoad{"RepositoryModelLoad", Needs::AnyOf(kOperator)};
constexpr AskedMethod kLive{"ServerLive", Needs::Nothing()};

class AccessTest : public testing::Test {
 protected:
  struct Wanted {
    std::string name;
    Roles roles = kInfer;
    Quota quota = {};
    std::vector<std::pair<std::string, std::int64_t>> tokens;
    std::vector<std::string> subjects;
  };

  // Posts a table as a server does.
  void Post(std::initializer_list<Wanted> identities, bool health_open = true) {
    auto table = std::make_shared<AccessTable>();
    table->set_health_open(health_open);
    for (const Wanted& wanted : identities) {
      auto identity = std::make_shared<Identity>();
      identity->name = wanted.name;
      identity->roles = wanted.roles;
      identity->quota = wanted.quota;
      table->Add(identity);
      for (const auto& [token, expires_at] : wanted.tokens) {
        Digest digest{};
        ASSERT_TRUE(DigestOf(token, &digest));
        table->AddToken(digest, expires_at);
      }
      for (const std::string& subject : wanted.subjects) {
        table->AddSubject(subject);
      }
    }
    table->Finish();
    uses.Adopt(table.get());
    access.Set(table);
  }
  // A call from its start to its end.
  Code Ask(const FakeCall& call, const AskedMethod& method = kAskInfer) {
    CallAccess state;
    said = access.Begin(call, method, now, &state);
    who = state.name();
    access.End(&state);
    return said.code();
  }
  std::uint64_t Refused(const std::string& name, Refusal reason) {
    return uses.all().at(name)->refused[static_cast<std::size_t>(reason)].get();
  }
  std::uint64_t Allowed(const std::string& name) {
    return uses.all().at(name)->allowed.get();
  }

  IdentityUses uses;
  Access access{[] { return wall_clock; }};
  Nanos now = 1;
  Status said;
  std::string who;
};

TEST_F(AccessTest, EveryRoleMeetsEveryNeed) {
  const std::vector<Roles> roles = {kInfer, kViewer, kLabeler, kOperator, kApprover};
  for (const Roles held : roles) {
    Post({{"x", held, {}, {{"t", 0}}, {}}});
    for (const Roles asked : roles) {
      EXPECT_EQ(Ask(FakeCall("t"), {"M", Needs::AnyOf(asked)}),
                held == asked ? Code::kOk : Code::kPermissionDenied);
    }
    EXPECT_EQ(Ask(FakeCall("t"), {"M", Needs::AnyOf(kViewer | kInfer)}),
              held == kViewer || held == kInfer ? Code::kOk : Code::kPermissionDenied);
    EXPECT_EQ(Ask(FakeCall("t"), kLive), Code::kOk);
  }
}

TEST_F(AccessTest, ARefusalNamesTheIdentityItsRolesAndWhatWasAsked) {
  Post({{"ci", kInfer | kViewer, {}, {{"t", 0}}, {}}});
  Ask(FakeCall("t"), kLoad);
  EXPECT_EQ(said.message(),
            "identity 'ci' (infer, viewer) may not call RepositoryModelLoad; it needs "
            "one of: operator");
  EXPECT_EQ(Refused("ci", Refusal::kRole), 1u);
  EXPECT_EQ(Allowed("ci"), 0u);
}

TEST_F(AccessTest, WhoIsNotKnownIsRefusedAndCounted) {
  Post({{"x", kInfer, {}, {{"t", 0}}, {}}});
  EXPECT_EQ(Ask(FakeCall()), Code::kUnauthenticated);
  EXPECT_EQ(Ask(FakeCall("u")), Code::kUnauthenticated);
  EXPECT_EQ(said.message().find('u' + std::string("'")), std::string::npos);
  for (const char* header :
       {"Bearer ", "Bearer", "Basic t", "t", "bearert", "Bearer t "}) {
    FakeCall call;
    call.sent.authorization = header;
    EXPECT_EQ(Ask(call), Code::kUnauthenticated) << header;
  }
  FakeCall lower;
  lower.sent.authorization = "bEARER t";
  EXPECT_EQ(Ask(lower), Code::kOk);
  EXPECT_EQ(Ask(FakeCall(std::string(5000, 't'))), Code::kUnauthenticated);
  EXPECT_EQ(access.unauthenticated(), 9u);
}

TEST_F(AccessTest, HealthIsOpenUnlessATableSaysOtherwise) {
  Post({{"x", kLabeler, {}, {{"t", 0}}, {}}});
  EXPECT_EQ(Ask(FakeCall(), kLive), Code::kOk);
  EXPECT_EQ(Ask(FakeCall("unknown"), kLive), Code::kOk);
  Post({{"x", kLabeler, {}, {{"t", 0}}, {}}}, false);
  EXPECT_EQ(Ask(FakeCall(), kLive), Code::kUnauthenticated);
  EXPECT_EQ(Ask(FakeCall("t"), kLive), Code::kOk);
}

TEST_F(AccessTest, ATokenEndsByTheWallClockThoughItIsRemembered) {
  Post({{"x", kInfer, {}, {{"t", 1500}}, {}}});
  const FakeCall call("t");
  wall_clock = 1499;
  EXPECT_EQ(Ask(call), Code::kOk);
  wall_clock = 1500;
  EXPECT_EQ(Ask(call), Code::kUnauthenticated);
  EXPECT_NE(said.message().find("has expired"), std::string::npos);
  EXPECT_EQ(Refused("x", Refusal::kExpired), 1u);
  wall_clock = 1000;
}

TEST_F(AccessTest, SeveralTokensOfOneIdentityAreValidAtOnce) {
  Post({{"x", kInfer, {}, {{"old", 0}, {"new", 0}}, {}},
        {"y", kInfer, {}, {{"z", 0}}, {}}});
  for (const auto& [token, name] : {std::pair{"old", "x"}, {"new", "x"}, {"z", "y"}}) {
    EXPECT_EQ(Ask(FakeCall(token)), Code::kOk);
    EXPECT_EQ(access.is_on(), true);
  }
  EXPECT_EQ(Allowed("x"), 2u);
  EXPECT_EQ(Allowed("y"), 1u);
}

TEST_F(AccessTest, ManyTokensAreEachFound) {
  Wanted many{"x", kInfer, {}, {}, {}};
  for (int i = 0; i < 300; ++i) {
    many.tokens.emplace_back("token" + std::to_string(i), 0);
  }
  Post({many});
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Ask(FakeCall("token" + std::to_string(i))), Code::kOk);
  }
  EXPECT_EQ(Ask(FakeCall("token300")), Code::kUnauthenticated);
}

TEST_F(AccessTest, ARevokedTokenEndsOnAConnectionThatStaysOpen) {
  Post({{"x", kInfer, {}, {{"t", 0}}, {}}});
  const FakeCall call("t");
  EXPECT_EQ(Ask(call), Code::kOk);
  Post({{"x", kInfer, {}, {{"other", 0}}, {}}});
  EXPECT_EQ(Ask(call), Code::kUnauthenticated);
}

TEST_F(AccessTest, TheHeaderOfTheSameConnectionMayChange) {
  Post({{"x", kInfer, {}, {{"t", 0}}, {}}, {"y", kOperator, {}, {{"u", 0}}, {}}});
  FakeCall call("t");
  EXPECT_EQ(Ask(call), Code::kOk);
  call.sent.authorization = "Bearer u";
  EXPECT_EQ(Ask(call), Code::kPermissionDenied);
  EXPECT_EQ(Ask(call, kLoad), Code::kOk);
  call.sent.authorization = "Bearer v";
  EXPECT_EQ(Ask(call), Code::kUnauthenticated);
  call.sent.authorization = "Bearer t";
  EXPECT_EQ(Ask(call), Code::kOk);
}

TEST_F(AccessTest, ACertificateNamesItsIdentity) {
  Post({{"x", kInfer, {}, {}, {"CN=batch,O=acme"}},
        {"y", kOperator, {}, {}, {"spiffe://acme/ops"}},
        {"z", kViewer, {}, {{"t", 0}}, {}}});
  FakeCall call;
  call.from.subject = "CN=batch,O=acme";
  EXPECT_EQ(Ask(call), Code::kUnauthenticated) << "a subject without TLS is nobody's";
  call.from.is_tls = true;
  EXPECT_EQ(Ask(call), Code::kOk);
  call.from.subject = "CN=batch,O=acme2";
  EXPECT_EQ(Ask(call), Code::kUnauthenticated);
  call.from.names = {"dns.name", "spiffe://acme/ops"};
  EXPECT_EQ(Ask(call, kLoad), Code::kOk);
  call.sent.authorization = "Bearer t";
  EXPECT_EQ(Ask(call, kLoad), Code::kPermissionDenied)
      << "the token that is sent decides";
  call.sent.authorization = "Bearer unknown";
  EXPECT_EQ(Ask(call, kLoad), Code::kUnauthenticated);
}

TEST_F(AccessTest, TheRateLetsExactlyTheBurstThroughAndThenFills) {
  Post({{"x", kInfer, {2, 5, 0}, {{"t", 0}}, {}}});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Ask(FakeCall("t")), Code::kOk);
  }
  EXPECT_EQ(Ask(FakeCall("t")), Code::kResourceExhausted);
  EXPECT_EQ(said.message(),
            "identity 'x' is over its quota of 2 requests/s; retry-after-ms: 500");
  now += 500'000'000;
  EXPECT_EQ(Ask(FakeCall("t")), Code::kOk);
  EXPECT_EQ(Ask(FakeCall("t")), Code::kResourceExhausted);
  now += 3'600'000'000'000;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Ask(FakeCall("t")), Code::kOk);
  }
  EXPECT_EQ(Ask(FakeCall("t")), Code::kResourceExhausted);
  EXPECT_EQ(Allowed("x"), 11u);
  EXPECT_EQ(Refused("x", Refusal::kRate), 3u);
}

TEST_F(AccessTest, OnlySoManyCallsAreOpenAtOnce) {
  Post({{"x", kInfer, {0, 0, 2}, {{"t", 0}}, {}}});
  const FakeCall call("t");
  CallAccess first;
  CallAccess second;
  EXPECT_TRUE(access.Begin(call, kAskInfer, now, &first).ok());
  EXPECT_TRUE(access.Begin(call, kStream, now, &second).ok());
  EXPECT_EQ(Ask(call), Code::kResourceExhausted);
  EXPECT_EQ(said.message(),
            "identity 'x' has 2 calls open, as many as its quota allows");
  access.End(&second);
  EXPECT_EQ(Ask(call), Code::kOk);
  access.End(&first);
  access.End(&first);
  EXPECT_EQ(uses.all().at("x")->open.get(), 0u);
  EXPECT_EQ(Refused("x", Refusal::kConcurrent), 1u);
}

TEST_F(AccessTest, CountsAndQuotasGoOnInTheNextTable) {
  Post({{"x", kInfer, {0.001, 2, 1}, {{"t", 0}}, {}}});
  const FakeCall call("t");
  CallAccess open;
  EXPECT_TRUE(access.Begin(call, kAskInfer, now, &open).ok());
  Post({{"x", kInfer, {0.001, 2, 1}, {{"t", 0}}, {}}, {"y", kInfer, {}, {}, {}}});
  EXPECT_EQ(Ask(call), Code::kResourceExhausted) << "the open call still counts";
  access.End(&open);
  EXPECT_EQ(Ask(call), Code::kOk);
  EXPECT_EQ(Ask(call), Code::kResourceExhausted) << "the bucket is what it was";
  EXPECT_EQ(Allowed("x"), 2u);
  Post({{"y", kInfer, {}, {}, {}}});
  EXPECT_EQ(uses.all().size(), 1u);
}

TEST_F(AccessTest, AStreamIsOneCallAndEachMessageARequest) {
  Post({{"x", kInfer, {0.001, 3, 1}, {{"t", 0}}, {}}});
  const FakeCall call("t");
  CallAccess stream;
  ASSERT_TRUE(access.Begin(call, kStream, now, &stream).ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(access.TakeRequest(call, kStream, now, &stream).ok());
  }
  EXPECT_EQ(access.TakeRequest(call, kStream, now, &stream).code(),
            Code::kResourceExhausted);
  access.End(&stream);
  EXPECT_EQ(Allowed("x"), 3u);
  EXPECT_EQ(Refused("x", Refusal::kRate), 1u);
  EXPECT_EQ(uses.all().at("x")->open.get(), 0u);
}

TEST_F(AccessTest, AStreamEndsWithItsToken) {
  Post({{"x", kInfer, {0, 0, 1}, {{"t", 0}, {"u", 2000}}, {}}});
  const FakeCall revoked("t");
  const FakeCall expiring("u");
  CallAccess stream;
  ASSERT_TRUE(access.Begin(revoked, kStream, now, &stream).ok());
  Post({{"x", kInfer, {0, 0, 1}, {{"t", 0}, {"u", 2000}}, {}}});
  EXPECT_TRUE(access.TakeRequest(revoked, kStream, now, &stream).ok());
  Post({{"x", kInfer, {0, 0, 1}, {{"u", 2000}}, {}}});
  EXPECT_EQ(access.TakeRequest(revoked, kStream, now, &stream).code(),
            Code::kUnauthenticated);
  access.End(&stream);
  ASSERT_TRUE(access.Begin(expiring, kStream, now, &stream).ok());
  EXPECT_TRUE(access.TakeRequest(expiring, kStream, now, &stream).ok());
  wall_clock = 2000;
  EXPECT_EQ(access.TakeRequest(expiring, kStream, now, &stream).code(),
            Code::kUnauthenticated);
  wall_clock = 1000;
  Post({{"x", kViewer, {0, 0, 1}, {{"u", 2000}}, {}}});
  EXPECT_EQ(access.TakeRequest(expiring, kStream, now, &stream).code(),
            Code::kPermissionDenied);
  access.End(&stream);
  EXPECT_EQ(uses.all().at("x")->open.get(), 0u);
}

TEST_F(AccessTest, AStreamFromBeforeTheFirstTableNeedsATokenAfterIt) {
  const FakeCall call;
  CallAccess stream;
  EXPECT_TRUE(access.TakeRequest(call, kStream, now, &stream).ok());
  Post({{"x", kInfer, {}, {{"t", 0}}, {}}});
  EXPECT_EQ(access.TakeRequest(call, kStream, now, &stream).code(),
            Code::kUnauthenticated);
  access.Set(nullptr);
  EXPECT_TRUE(access.TakeRequest(call, kStream, now, &stream).ok());
  access.End(&stream);
}

TEST_F(AccessTest, AStreamThatWasRefusedOnceIsRefusedUntilThatChanges) {
  const FakeCall call("t");
  CallAccess stream;
  Post({{"x", kInfer, {0, 0, 1}, {{"t", 0}}, {}}});
  ASSERT_TRUE(access.Begin(call, kStream, now, &stream).ok());
  const auto ask = [&] { return access.TakeRequest(call, kStream, now, &stream); };
  Post({{"x", kInfer, {0, 0, 1}, {{"other", 0}}, {}}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask().code(), Code::kUnauthenticated);
  }
  Post({{"x", kViewer, {0, 0, 1}, {{"t", 0}}, {}}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask().code(), Code::kPermissionDenied);
  }
  Post({{"x", kInfer, {0, 0, 1}, {{"other", 0}}, {}},
        {"y", kInfer, {0, 0, 1}, {{"t", 0}, {"u", 0}}, {}}});
  CallAccess full;
  const FakeCall same("u");
  ASSERT_TRUE(access.Begin(same, kStream, now, &full).ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask().code(), Code::kResourceExhausted);
  }
  access.End(&full);
  EXPECT_TRUE(ask().ok());
  access.End(&stream);
  EXPECT_EQ(uses.all().at("x")->open.get(), 0u);
  EXPECT_EQ(uses.all().at("y")->open.get(), 0u);
  EXPECT_EQ(Allowed("y"), 1u);
}

TEST_F(AccessTest, AModelThatIsRefusedIsNotCountedAsAllowed) {
  Post({{"x", kInfer, {}, {{"t", 0}}, {}}});
  CallAccess state;
  ASSERT_TRUE(access.Begin(FakeCall("t"), kAskInfer, now, &state).ok());
  EXPECT_EQ(ModelRefused(*state.identity, "m").message(),
            "identity 'x' may not use the model 'm'");
  access.CountModelRefused(&state);
  access.End(&state);
  EXPECT_EQ(Allowed("x"), 0u);
  EXPECT_EQ(Refused("x", Refusal::kModel), 1u);
}

}  // namespace
}  // namespace leeboard::front
