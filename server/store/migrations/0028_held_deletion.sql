-- Which rows a deletion guard holds, so that somebody can let them go at once.
ALTER TABLE sync_issue
    ADD held_kind smallint NOT NULL DEFAULT 0,   -- enum source_kind
    ADD held_ids bigint[] NOT NULL DEFAULT '{}',
    ADD held_sequence bigint NOT NULL DEFAULT 0; -- rows that changed after it are there again
