-- Where records hold credentials that somebody pasted into their texts: that there is one, never
-- what it is. Written beside the index of words, from the same texts.
CREATE TABLE embedded_secret (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    kind smallint NOT NULL,        -- of the record
    id bigint NOT NULL,
    place int NOT NULL,            -- which one of the record, from 1
    secret_kind smallint NOT NULL, -- enum embedded_secret_kind
    keyed_hash bytea NOT NULL,     -- tells equal ones; says nothing without the master key
    discover_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, connection_id, kind, id, place),
    FOREIGN KEY (tenant, connection_id, kind, id) REFERENCES record ON DELETE CASCADE
);
CALL protect_table('embedded_secret', 'SELECT, INSERT, UPDATE, DELETE');
CREATE INDEX embedded_secret_by_hash ON embedded_secret (tenant, connection_id, keyed_hash);

-- What was indexed before holds its credentials: all of it is looked at again.
UPDATE search_progress SET sequence = 0, level_time = NULL;
