// A client on grpc-core: writes one message many times on a stream, reads as many
// answers, half-closes and waits for the status.
//
//   grpc_core_stream ADDRESS METHOD MESSAGE_FILE COUNT [CA_FILE]
//
// Prints "ANSWERS BYTES STATUS". With CA_FILE the connection is TLS and the server is
// held to it.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Waits for the next event; its tag, or -1 when it failed.
std::intptr_t Next(grpc::CompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  if (!queue->Next(&tag, &ok)) {
    return -1;
  }
  return ok ? reinterpret_cast<std::intptr_t>(tag) : -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: grpc_core_stream ADDRESS METHOD FILE COUNT [CA]\n");
    return 2;
  }
  const int count = std::atoi(argv[4]);
  std::shared_ptr<grpc::ChannelCredentials> credentials =
      grpc::InsecureChannelCredentials();
  if (argc > 5) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(argv[5]);
    credentials = grpc::SslCredentials(options);
  }
  grpc::GenericStub stub(grpc::CreateChannel(argv[1], credentials));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(&context, argv[2], &queue);
  void* const step = reinterpret_cast<void*>(1);
  call->StartCall(step);
  bool fine = Next(&queue) == 1;
  grpc::Slice slice(ReadFile(argv[3]));
  const grpc::ByteBuffer message(&slice, 1);
  for (int i = 0; fine && i < count; ++i) {
    call->Write(message, step);
    fine = Next(&queue) == 1;
  }
  if (fine) {
    call->WritesDone(step);
    fine = Next(&queue) == 1;
  }
  int answers = 0;
  std::size_t bytes = 0;
  for (grpc::ByteBuffer reply; fine; ++answers, bytes += reply.Length()) {
    call->Read(&reply, step);
    if (Next(&queue) != 1) {
      break;
    }
  }
  grpc::Status status;
  call->Finish(&status, step);
  Next(&queue);
  std::printf("%d %zu %d\n", answers, bytes, static_cast<int>(status.error_code()));
  return 0;
}
