// A client on @grpc/grpc-js: asks HOW MANY times at once and prints what came back.
//
//   node client.js ADDRESS PROTO REQUEST.json COUNT [CA.pem]
//
// PROTO is the service's .proto; REQUEST.json is the ModelInferRequest as JSON with
// raw_input_contents in base64. Prints one JSON object: answers (base64), errors (codes).
"use strict";

const fs = require("fs");
const path = require("path");

const [address, proto, requestPath, count, authority] = process.argv.slice(2);
const modules = path.join(process.cwd(), "node_modules");
const grpc = require(path.join(modules, "@grpc/grpc-js"));
const loader = require(path.join(modules, "@grpc/proto-loader"));

const definition = loader.loadSync(proto, {
  keepCase: true,
  longs: Number,
  includeDirs: [path.dirname(proto)],
});
const { inference } = grpc.loadPackageDefinition(definition);
const credentials = authority
  ? grpc.credentials.createSsl(fs.readFileSync(authority))
  : grpc.credentials.createInsecure();
const client = new inference.GRPCInferenceService(address, credentials);

const request = JSON.parse(fs.readFileSync(requestPath, "utf8"));
request.raw_input_contents = request.raw_input_contents.map((text) =>
  Buffer.from(text, "base64"),
);

function ask() {
  return new Promise((resolve) => {
    const deadline = Date.now() + 30_000;
    client.ModelInfer(request, { deadline }, (error, response) => {
      resolve(
        error
          ? { error: error.code }
          : { answer: response.raw_output_contents[0].toString("base64") },
      );
    });
  });
}

Promise.all(Array.from({ length: Number(count) }, ask)).then((found) => {
  client.close();
  process.stdout.write(
    JSON.stringify({
      answers: found.filter((one) => one.answer).map((one) => one.answer),
      errors: found.filter((one) => "error" in one).map((one) => one.error),
    }),
  );
});
