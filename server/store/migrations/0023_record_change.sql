-- Which records changed, a row a statement instead of a key a record: storing a page costs no more
-- than before, and who reads changes looks the records up.

DROP INDEX record_document_folder_by_change, record_document_by_change,
    record_flexible_asset_by_change, record_checklist_by_change, record_checklist_template_by_change;

-- The records that were stored under a number. Of one that changed again since, record.change_sequence
-- is a later one: this is then no longer news. As the records, they go before their connection does.
CREATE TABLE record_change (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    sequence bigint NOT NULL,
    kind smallint NOT NULL,
    ids bigint[] NOT NULL,
    organization_ids bigint[] NOT NULL,          -- whose they are, each once
    change_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, connection_id, sequence, kind)
);
CALL protect_table('record_change', 'SELECT, INSERT, DELETE');
INSERT INTO record_change (tenant, connection_id, sequence, kind, ids, organization_ids)
SELECT tenant, connection_id, change_sequence, kind, array_agg(id ORDER BY id),
       array_agg(DISTINCT organization_id)
  FROM record WHERE kind IN (3, 4, 5, 6, 7) GROUP BY 1, 2, 3, 4;
