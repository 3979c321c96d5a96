// One call by a real client: call.js ADDRESS PATH REQUEST [TOKEN-FILE] writes the encoded response to
// standard output, or fails with the status. REQUEST is the encoded request in hex.
'use strict';

const fs = require('fs');
const path = require('path');
const grpc = require(path.join(process.cwd(), 'node_modules', '@grpc/grpc-js'));

const [address, method, request, tokenFile] = process.argv.slice(2);
const bytes = (value) => value;
const metadata = new grpc.Metadata();
if (tokenFile) {
  metadata.set('authorization', `Bearer ${fs.readFileSync(tokenFile, 'utf8').trim()}`);
}
const client = new grpc.Client(address, grpc.credentials.createInsecure());
client.makeUnaryRequest(
  method,
  bytes,
  bytes,
  Buffer.from(request, 'hex'),
  metadata,
  { deadline: Date.now() + 10000 },
  (error, response) => {
    client.close();
    if (error) {
      console.error(`${method}: ${error.message}`);
      process.exitCode = 1;
      return;
    }
    fs.writeSync(1, response);
  },
);
