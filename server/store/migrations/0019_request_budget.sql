-- The requests of each credential within its window, as all processes count them.

CREATE TABLE request_budget (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    credential_version bigint NOT NULL,          -- that the counts are of
    -- When requests leave the window, ascending, and how many: of syncs, of all else.
    leave_times timestamptz[] NOT NULL DEFAULT '{}',
    sync_counts bigint[] NOT NULL DEFAULT '{}',
    other_counts bigint[] NOT NULL DEFAULT '{}',
    closed_until timestamptz,                    -- upstream asked for a pause
    refusal_count integer NOT NULL DEFAULT 0,    -- in a row
    -- Requests that others must have made with the key, when upstream last refused one of ours.
    foreign_count bigint NOT NULL DEFAULT 0,
    foreign_time timestamptz,
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('request_budget', 'SELECT, INSERT, UPDATE, DELETE');

-- How thorough the runs that joiners wish for are to be.
ALTER TABLE sync_run ADD wish_mode smallint NOT NULL DEFAULT 0;  -- docbridge.v1.SyncMode; 0: there is none
