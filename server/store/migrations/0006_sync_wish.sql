-- What was asked of a live run that it does not do: a run of its own when that one ends.
ALTER TABLE sync_run
    ADD wish_tasks integer NOT NULL DEFAULT 0,            -- bits of docbridge.v1.SyncTaskKind; 0: none
    ADD wish_organization_ids bigint[] NOT NULL DEFAULT '{}'; -- empty: all that are mapped
