// The Node peer: grpc-js with the same contract; GetConnection reads with pg, in a transaction of the
// same four statements. pg has no pipeline: they go one after the other, as its users have them.
'use strict';

const fs = require('fs');
const path = require('path');
const modules = path.join(process.cwd(), 'node_modules');
const grpc = require(path.join(modules, '@grpc/grpc-js'));
const loader = require(path.join(modules, '@grpc/proto-loader'));
const { Pool } = require(path.join(modules, 'pg'));

// --name value, as the other peers have them, and --contracts for the FileDescriptorSet.
const options = {};
for (let i = 2; i + 1 < process.argv.length; i += 2) {
  options[process.argv[i].replace(/^--/, '')] = process.argv[i + 1];
}

const contracts = grpc.loadPackageDefinition(
  loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(options.contracts), { keepCase: true, longs: Number }),
);
const service = contracts.docbridge.v1.ConnectionService.service;
const regions = service.ListRegions.responseDeserialize(fs.readFileSync(options.regions));
const template = service.GetConnection.responseDeserialize(fs.readFileSync(options.connection));

// "host=DIR user=U dbname=D options='...'" to what pg wants.
function settings(dsn) {
  const found = {};
  for (const [, name, quoted, plain] of dsn.matchAll(/(\w+)=(?:'([^']*)'|(\S+))/g)) {
    found[name] = quoted ?? plain;
  }
  return { host: found.host, user: found.user, database: found.dbname, options: found.options };
}

const pool = options.dsn && new Pool({ ...settings(options.dsn), max: Number(options.workers) });
const sql = options.sql && fs.readFileSync(options.sql, 'utf8');
const opening = options.opening && fs.readFileSync(options.opening, 'utf8');

async function read(id) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const caller = [options.tenant, '61000', 'ada', '2026-01-01'];
    await client.query({ name: 'bench_open', text: opening, values: caller });
    const { rows } = await client.query({ name: 'bench_read', text: sql, values: [options.tenant, id] });
    await client.query('COMMIT');
    return rows[0];
  } finally {
    client.release();
  }
}

const server = new grpc.Server();
server.addService(contracts.grpc.health.v1.Health.service, {
  Check: (call, callback) => callback(null, { status: 'SERVING' }),
});
server.addService(service, {
  ListRegions: (call, callback) => callback(null, regions),
  GetConnection: (call, callback) => {
    const id = call.request.name.replace(/^connections\//, '');
    read(id).then(
      (row) =>
        row === undefined
          ? callback({ code: grpc.status.NOT_FOUND })
          : callback(null, { ...template, name: `connections/${row.id}`, display_name: row.display_name }),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  },
});
server.bindAsync(options.address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) {
    console.error(error.message);
    process.exit(1);
  }
  console.log('ready');
});
