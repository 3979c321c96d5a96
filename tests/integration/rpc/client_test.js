// grpc-js against the server: a deadline, a refusal with details, retries, a stream. Prints JSON.
//
// Arguments: the folder of node_modules, the server's address, the descriptor set.
"use strict";
const fs = require("fs");
const [, , modules, target, descriptors] = process.argv;
const load = (name) => require(require.resolve(name, {paths: [modules]}));
const grpc = load("@grpc/grpc-js");
const loader = load("@grpc/proto-loader");

const api = grpc.loadPackageDefinition(
  loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors), {keepCase: true}));
const token = new grpc.Metadata();
token.set("authorization", "Bearer all");
const companies = new api.docbridge.v1.CompanyService(target, grpc.credentials.createInsecure());
const retryPolicy = {
  maxAttempts: 4, initialBackoff: "0.01s", maxBackoff: "0.01s", backoffMultiplier: 1,
  retryableStatusCodes: ["UNAVAILABLE"],
};
const patient = new api.docbridge.v1.CompanyService(target, grpc.credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify(
    {methodConfig: [{name: [{service: "docbridge.v1.CompanyService"}], retryPolicy}]}),
});
const runs = new api.docbridge.v1.SyncService(target, grpc.credentials.createInsecure());

const get = (name, options, client = companies) => new Promise((resolve) => {
  const start = Date.now();
  client.GetCompany({name}, token, options, (error, company) => {
    resolve({
      ms: Date.now() - start,
      code: error ? error.code : 0,
      text: error ? error.details : company.display_name,
      details: error && error.metadata ?
        error.metadata.get("grpc-status-details-bin").map((one) => one.toString("base64")) : [],
    });
  });
});

const watch = (name) => new Promise((resolve) => {
  let count = 0;
  const call = runs.WatchSyncRun({name}, token);
  call.on("data", () => count++);
  call.on("error", (error) => resolve({code: error.code, count}));
  call.on("end", () => resolve({code: 0, count}));
});

(async () => {
  console.log(JSON.stringify({
    ok: await get("companies/one", {deadline: Date.now() + 10000}),
    missing: await get("companies/missing", {deadline: Date.now() + 10000}),
    late: await get("companies/slow", {deadline: Date.now() + 300}),
    refused: await get("companies/flaky-1-0", {deadline: Date.now() + 10000}),
    retried: await get("companies/flaky-3-400", {deadline: Date.now() + 10000}, patient),
    stream: await watch("count-5"),
  }));
  companies.close();
  patient.close();
  runs.close();
})();
