// A small tap as one writes it with Node: fetch, JSON.parse, pg with an upsert of a page by unnest.
// It walks the same lists as docbridged's sync, keeps each record's attributes as jsonb, and prints
// how many rows it stored, in how many seconds, with how much CPU.
'use strict';

const fs = require('fs');
const path = require('path');
const { Client } = require(path.join(process.cwd(), 'node_modules', 'pg'));

const [base, keyFile, host, organizations] = process.argv.slice(2);
const headers = { 'x-api-key': fs.readFileSync(keyFile, 'utf8').trim() };

async function page(list, query, number, size) {
  const answer = await fetch(`${base}/${list}?${query}page[size]=${size}&page[number]=${number}`, { headers });
  if (!answer.ok) {
    throw new Error(`${list}: ${answer.status}`);
  }
  return answer.json();
}

async function* pages(list, query, size) {
  for (let number = 1; number; ) {
    const body = await page(list, query, number, size);
    yield body.data;
    number = body.meta['next-page'];
  }
}

async function main() {
  const client = new Client({ host, user: 'postgres', database: 'docbridge' });
  await client.connect();
  await client.query('DROP TABLE IF EXISTS bench_tap');
  await client.query(
    'CREATE TABLE bench_tap (kind text, id bigint, organization_id bigint, name text, body jsonb, PRIMARY KEY (kind, id))',
  );
  await client.query('CREATE INDEX ON bench_tap (organization_id, name)');
  let rows = 0;
  async function store(kind, records) {
    await client.query({
      name: 'upsert',
      text: `INSERT INTO bench_tap AS t SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::jsonb[])
        ON CONFLICT (kind, id) DO UPDATE SET organization_id = excluded.organization_id, name = excluded.name,
        body = excluded.body WHERE t.body IS DISTINCT FROM excluded.body`,
      values: [
        kind,
        records.map((one) => one.id),
        records.map((one) => one.attributes['organization-id']),
        records.map((one) => one.attributes.name),
        records.map((one) => JSON.stringify(one.attributes)),
      ],
    });
    rows += records.length;
  }
  const began = process.hrtime.bigint();
  const before = process.cpuUsage();
  const lists = [
    ['passwords', '', 1000],
    ['checklists', 'include=checklist_tasks&', 1000],
  ];
  for await (const types of pages('flexible_asset_types', '', 1000)) {
    lists.push(...types.map((type) => ['flexible_assets', `filter[flexible-asset-type-id]=${type.id}&`, 1000]));
  }
  for (const id of organizations.split(',')) {
    lists.push([`organizations/${id}/relationships/documents`, 'filter[document_folder_id]=null&', 100]);
  }
  for (const [list, query, size] of lists) {
    for await (const records of pages(list, query, size)) {
      await store(list.replace(/^organizations.*\//, ''), records);
    }
  }
  const cpu = process.cpuUsage(before);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  await client.end();
  console.log(JSON.stringify({ rows, seconds, cpu: (cpu.user + cpu.system) / 1e6 }));
}

main();
