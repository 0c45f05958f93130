// A whole server that asks who calls.

#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

http2::Fields As(const std::string& token) {
  return {{"authorization", "Bearer " + token}};
}

class GuardedServer : public ServerTest {
 protected:
  struct Wanted {
    std::string token;
    Roles roles = kInfer;
    std::vector<ModelPattern> models;
    Quota quota;
  };

  void Guard(const std::vector<Wanted>& identities) {
    auto table = std::make_shared<AccessTable>();
    for (const Wanted& wanted : identities) {
      auto identity = std::make_shared<Identity>();
      identity->name = "the " + wanted.token;
      identity->roles = wanted.roles;
      identity->models = wanted.models;
      identity->quota = wanted.quota;
      table->Add(identity);
      Digest digest{};
      ASSERT_TRUE(DigestOf(wanted.token, &digest));
      table->AddToken(digest, 0);
    }
    table->Finish();
    server->SetAccess(table);
  }
  std::string CodeOf(Loopback* client, std::string_view method,
                     std::string_view message, const http2::Fields& fields) {
    const http2::Response& response =
        client->Wait(client->Start(method, message, fields));
    words = response.field("grpc-message");
    return std::string(response.grpc_status());
  }

  std::string words;
};

TEST_F(GuardedServer, EveryMethodSaysWhatItNeeds) {
  const std::map<std::string, Roles> roles = MethodRoles();
  const std::string service = kService;
  const std::map<std::string, Roles> expected = {
      {service + "ModelInfer", kInfer},
      {service + "ServerLive", 0},
      {service + "ServerReady", 0},
      {service + "ModelReady", 0},
      {service + "ServerMetadata", kViewer | kInfer},
      {service + "ModelMetadata", kViewer | kInfer},
      {service + "ModelConfig", kViewer | kInfer},
      {service + "ModelStatistics", kViewer | kInfer},
      {service + "RepositoryIndex", kViewer | kInfer},
      {service + "SystemSharedMemoryUnregister", kOperator},
      {service + "CudaSharedMemoryUnregister", kOperator},
      {service + "RepositoryModelLoad", kOperator},
      {service + "RepositoryModelUnload", kOperator},
      {"/grpc.health.v1.Health/Check", 0},
  };
  for (const auto& [path, needed] : expected) {
    ASSERT_TRUE(roles.contains(path)) << path;
    EXPECT_EQ(roles.at(path), needed) << path;
  }
}

TEST_F(GuardedServer, RolesAreHeldToOnOneConnection) {
  Start();
  AddInlineWorker();
  Guard({{"client", kInfer, {}, {}}, {"watcher", kViewer, {}, {}}});
  Loopback client(server->port());
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), {}), "16");
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("client")), "0");
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("watcher")), "7");
  EXPECT_EQ(CodeOf(&client, "RepositoryIndex", "", As("watcher")), "0");
  EXPECT_EQ(CodeOf(&client, "RepositoryModelLoad", "", As("watcher")), "7");
  EXPECT_EQ(CodeOf(&client, "ServerLive", "", {}), "0");
  EXPECT_EQ(CodeOf(&client, "NoSuchMethod", "", {}), "12");
  const auto uses = server->identity_uses().all();
  EXPECT_EQ(uses.at("the client")->allowed.get(), 1u);
  EXPECT_EQ(uses.at("the watcher")->allowed.get(), 1u);
  EXPECT_EQ(uses.at("the watcher")->open.get(), 0u);
  EXPECT_EQ(server->unauthenticated(), 1u);
  ExpectIdle();
}

TEST_F(GuardedServer, RefusalsAreToldWithoutTheToken) {
  Start();
  Guard({{"watcher", kViewer, {}, {}}});
  Loopback client(server->port());
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("s3cret")), "16");
  const Notice notice = NextNotice();
  EXPECT_EQ(notice.kind, Notice::Kind::kRefused);
  EXPECT_EQ(notice.text.find("s3cret"), std::string::npos);
  EXPECT_NE(notice.text.find("127.0.0.1:"), std::string::npos);
  EXPECT_NE(notice.text.find(", ModelInfer: "), std::string::npos);
}

TEST_F(GuardedServer, ATableTakesEffectOnOpenConnectionsAndCanBeTakenAway) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), {}), "0");
  Guard({{"one", kInfer, {}, {}}});
  client.Settle();
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("one")), "0");
  Guard({{"two", kInfer, {}, {}}});
  client.Settle();
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("one")), "16");
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("two")), "0");
  server->SetAccess(nullptr);
  client.Settle();
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), {}), "0");
}

TEST_F(GuardedServer, ModelsAreHeldToHoweverLargeTheMessage) {
  Start();
  AddInlineWorker();
  Guard({{"a", kInfer, {{"m", false}}, {}}, {"b", kInfer, {{"n", true}}, {}}});
  Loopback client(server->port());
  for (const std::size_t size : {3U, 300'000U}) {
    const std::string message = AskRows(std::string(size, 'x'));
    EXPECT_EQ(CodeOf(&client, "ModelInfer", message, As("a")), "0");
    EXPECT_EQ(CodeOf(&client, "ModelInfer", message, As("b")), "7");
    EXPECT_EQ(words, "identity 'the b' may not use the model 'm'");
  }
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("x", 1, "other"), As("a")), "7");
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("x", 1, "nn"), As("b")), "5");
  EXPECT_EQ(
      CodeOf(&client, "ModelMetadata", wire::Message().Text(1, "m").str(), As("b")),
      "0");
  const auto uses = server->identity_uses().all();
  EXPECT_EQ(uses.at("the a")->allowed.get(), 2u);
  EXPECT_EQ(uses.at("the a")->refused[1].get(), 1u);
  EXPECT_EQ(uses.at("the b")->refused[1].get(), 2u);
  EXPECT_EQ(server->counters().malformed.get(), 0u);
  ExpectIdle();
}

TEST_F(GuardedServer, AStreamWhoseTokenIsRevokedIsRefusedMessageByMessage) {
  Start();
  AddInlineWorker();
  Guard({{"one", kInfer, {}, {}}});
  Loopback client(server->port());
  http2::Fields fields = As("one");
  fields.emplace_back(":path", std::string(kService) + "ModelStreamInfer");
  const std::string ask = http2::Framed(AskRows("abc"));
  const std::int32_t stream =
      client.client.Start(http2::CallFields(fields), ask, /*leave_open=*/true);
  client.Settle();
  Guard({{"two", kInfer, {}, {}}});
  client.Settle();
  client.client.Send(stream, ask + ask + ask, /*leave_open=*/false);
  EXPECT_EQ(client.Wait(stream).grpc_status(), "0");
  EXPECT_EQ(client.client.response(stream).messages().size(), 4u);
  EXPECT_EQ(server->unauthenticated(), 3u);
  EXPECT_EQ(model.counters().requests_ok.get(), 1u);
  ExpectIdle();
}

TEST_F(GuardedServer, AHandedCallCarriesItsCaller) {
  Start();
  Guard({{"ops", kOperator, {}, {}}});
  Loopback client(server->port());
  const std::int32_t call = client.Start("RepositoryModelLoad", "1", As("ops"));
  client.Settle();
  const std::vector<HandedCall> calls = server->TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].identity, "the ops");
  server->Answer(calls[0].id, {}, "");
  EXPECT_EQ(client.Wait(call).grpc_status(), "0");
  EXPECT_EQ(server->identity_uses().all().at("the ops")->open.get(), 0u);
}

TEST_F(GuardedServer, PlacesComeBackHoweverCallsEnd) {
  Start();
  Guard({{"a", kInfer, {}, {0, 0, 2}}});
  Loopback client(server->port());
  const std::int32_t first = client.Infer(AskRows("abc"), As("a"));
  const std::int32_t second = client.Infer(AskRows("abc"), As("a"));
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("a")), "8");
  client.Reset(first);
  client.Settle();
  EXPECT_EQ(server->identity_uses().all().at("the a")->open.get(), 1u);
  {
    Loopback gone(server->port());
    gone.Infer(AskRows("abc"), As("a"));
    gone.Settle();
    EXPECT_EQ(server->identity_uses().all().at("the a")->open.get(), 2u);
  }
  while (server->identity_uses().all().at("the a")->open.get() > 1) {
    client.Settle();
  }
  AddInlineWorker();
  EXPECT_EQ(client.Wait(second).grpc_status(), "0");
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("abc"), As("a")), "0");
  ExpectIdle();
}

TEST_F(GuardedServer, ErrorsAreOneLineWhateverTheModelIsCalled) {
  Start();
  Loopback client(server->port());
  EXPECT_EQ(CodeOf(&client, "ModelInfer", AskRows("x", 1, "a\n\x1b[2Jb\xc2\x9b"), {}),
            "5");
  EXPECT_NE(words.find("a\\n\\x1B[2Jb\\x9B"), std::string::npos) << words;
}

}  // namespace
}  // namespace leeboard::front
