-- 500,000 records of 200 companies of one tenant, with the words of a made-up language whose
-- frequencies fall as in a real one, indexed as the indexer does.
INSERT INTO connection (tenant, id, display_name, provider, region, state, create_time, update_time)
VALUES ('search', 'c1', 'IT Glue', 1, 1, 1, now(), now());
INSERT INTO connection_config (tenant, connection_id, documents_enabled, checklists_enabled, update_time)
VALUES ('search', 'c1', true, true, now());
INSERT INTO flexible_asset_type
    (tenant, connection_id, id, display_name, body, content_hash, enabled, chosen, discover_time)
VALUES ('search', 'c1', 7, 'Router', '{}', '', true, true, now());
INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)
SELECT 'search', 'company-' || i, 'Company ' || i, 'company ' || i, now(), now() FROM generate_series(1, 200) i;
INSERT INTO organization
    (tenant, connection_id, id, display_name, name_key, body, content_hash, discover_time, update_time)
SELECT 'search', 'c1', i, 'Company ' || i, 'company ' || i, '{}', '', now(), now() FROM generate_series(1, 200) i;
INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source, actor_subject,
    actor_display_name, actor_kind, create_time)
SELECT 'search', 'c1', i, 'company-' || i, 1, 'x', 'x', 1, now() FROM generate_series(1, 200) i;

SELECT setseed(0.5);
CREATE TEMPORARY TABLE made AS
SELECT i, CASE WHEN i % 5 < 2 THEN 4 WHEN i % 5 < 4 THEN 5 ELSE 6 END AS kind, 1 + i / 2500 AS organization_id,
       'host-' || i || '.example.net' AS title,
       (SELECT string_agg('w' || floor(20000 ^ random())::int, ' ') FROM generate_series(1, 60 + i % 40)) AS content
  FROM generate_series(0, 499999) i;
INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id, publish_time,
    update_time, body, content_hash, create_sequence, change_sequence)
SELECT 'search', 'c1', kind, i + 1, organization_id, title, CASE kind WHEN 5 THEN 7 ELSE 0 END, now(),
       now() - i * interval '1 minute', '{}', '', 1 + i / 500, 1 + i / 500 FROM made;
-- The index is made at once: row by row takes many times as long.
CREATE TEMPORARY TABLE definition AS SELECT pg_get_indexdef('search_entry_by_word'::regclass) AS sql;
DROP INDEX search_entry_by_word;
INSERT INTO search_entry
SELECT 'search', 'c1', kind, i + 1, organization_id, now() - i * interval '1 minute', content, fold(title),
       search_words(title, content) FROM made;
SET maintenance_work_mem = '512MB';
SELECT sql FROM definition \gexec
INSERT INTO record_change
SELECT 'search', 'c1', change_sequence, kind, array_agg(id), array_agg(DISTINCT organization_id)
  FROM record WHERE tenant = 'search' GROUP BY change_sequence, kind;
UPDATE record_sequence SET sequence = 1001 WHERE tenant = 'search';
UPDATE search_progress SET sequence = 1001, level_time = now() WHERE tenant = 'search';
DROP TABLE made;
ANALYZE;
