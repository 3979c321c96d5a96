-- Until when the changes of a list are stored, so that the next quick run asks for later ones only.
CREATE TABLE sync_cursor (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    kind smallint NOT NULL,                      -- enum source_kind
    type_id bigint NOT NULL,                     -- of flexible assets; 0: none
    -- Of these, all that changed until update_time (upstream's clock) is stored.
    organization_ids bigint[] NOT NULL,
    update_time timestamptz NOT NULL,
    basis text NOT NULL DEFAULT '',              -- what the rows were read by, such as a type's fields
    -- When upstream was seen to ignore the order or filter that was asked for.
    distrust_time timestamptz,
    PRIMARY KEY (tenant, connection_id, kind, type_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('sync_cursor', 'SELECT, INSERT, UPDATE, DELETE');
