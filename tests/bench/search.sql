-- A tenant `search` with :companies companies and :records records, their words indexed as the indexer does.
--
-- Texts are of three paragraphs out of 5,000, whose words follow Zipf's law: the n-th of 20,000 has a share of 1/n.
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
SELECT setseed(0.5);
INSERT INTO connection (tenant, id, display_name, provider, region, state, sync_paused, psa_type, credential_version,
  inventory_time, create_time, update_time)
  VALUES ('search', 'search', 'IT Glue', 1, 1, 1, true, 1, 1, now(), now(), now());
INSERT INTO connection_config (tenant, connection_id, documents_enabled, checklists_enabled, update_time)
  VALUES ('search', 'search', true, true, now());
INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash, enabled, chosen,
  discover_time) VALUES ('search', 'search', 7, 'Server', '{}', '', true, true, now());
INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)
  SELECT 'search', 'c' || n, 'Company ' || n, 'company ' || n, now(), now() FROM generate_series(1, :companies) n;
INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body, content_hash, discover_time,
  update_time) SELECT 'search', 'search', n, 'Company ' || n, 'company ' || n, '{}', '', now(), now()
  FROM generate_series(1, :companies) n;
INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source, actor_subject, actor_display_name,
  actor_kind, create_time) SELECT 'search', 'search', n, 'c' || n, 1, '', '', 1, now()
  FROM generate_series(1, :companies) n;

CREATE TEMP TABLE word AS
  SELECT n, left(translate(md5(n::text), '0123456789', 'ghijklmnop'), 4 + n % 6) AS word FROM generate_series(1, 20000) n;
CREATE TEMP TABLE paragraph AS
  SELECT p AS n, string_agg(w.word, ' ') AS text FROM generate_series(1, 5000) p
  CROSS JOIN LATERAL (SELECT floor(exp(random() * ln(20000)))::int AS n FROM generate_series(1, 40 + p * 0)) d
  JOIN word w ON w.n = greatest(d.n, 1) GROUP BY p;
CREATE TEMP TABLE texts AS
  SELECT d.n, 1 + d.n % :companies AS organization_id,
    CASE WHEN d.n / :companies % 10 < 4 THEN 4 WHEN d.n / :companies % 10 < 9 THEN 5 ELSE 6 END AS kind,
    a.text || ' ' || b.text || ' ' || c.text || ' host' || d.n AS content,
    split_part(b.text, ' ', 1) || ' ' || split_part(c.text, ' ', 2) || ' srv-' || d.n || '.example.net' AS title
  FROM (SELECT n, 1 + floor(random() * 5000) AS a, 1 + floor(random() * 5000) AS b, 1 + floor(random() * 5000) AS c
    FROM generate_series(1, :records) n) d
  JOIN paragraph a ON a.n = d.a JOIN paragraph b ON b.n = d.b JOIN paragraph c ON c.n = d.c;
INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id, publish_time, update_time,
  body, content_hash)
  SELECT 'search', 'search', kind, n, organization_id, title, CASE kind WHEN 5 THEN 7 ELSE 0 END, now(),
  now() - n * interval '1 minute', jsonb_build_object('text', content), '' FROM texts;

-- All at once, the index is made last: put in one by one, half a million take many minutes.
SELECT pg_get_indexdef('search_entry_by_word'::regclass) AS definition \gset
DROP INDEX search_entry_by_word;
INSERT INTO search_entry (tenant, connection_id, kind, id, organization_id, update_time, content, fragments, words)
  SELECT 'search', 'search', kind, n, organization_id, now() - n * interval '1 minute', content, fold(title),
  search_words(title, content) FROM texts;
:definition;
UPDATE search_progress SET level_time = now() WHERE tenant = 'search';
VACUUM ANALYZE record, search_entry, mapping, company, organization;
