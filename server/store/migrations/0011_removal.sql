-- Deleting a connection: what is to be removed by whom, and what was.

-- Rows that are to go, in batches: of a whole connection, or of an account that its key was
-- changed from. Claimed like a sync_lease; the scheduler looks across tenants here too.
CREATE TABLE removal (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    whole boolean NOT NULL,                      -- the connection goes too
    owner text NOT NULL DEFAULT '',              -- '': nobody yet
    fence bigint NOT NULL DEFAULT 1,             -- grows with every change of owner
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CREATE INDEX removal_by_expiry ON removal (expire_time);
CALL protect_table('removal', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_scheduler ON removal TO docbridge_scheduler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON removal TO docbridge_scheduler;

-- Stays when the connection is gone: its id is never given to another.
CREATE TABLE deletion_receipt (
    tenant text NOT NULL CHECK (tenant <> ''),
    connection_id text NOT NULL,
    display_name text NOT NULL,
    provider smallint NOT NULL,
    actor_subject text NOT NULL,
    actor_display_name text NOT NULL,
    actor_kind smallint NOT NULL,
    cancelled_run_count integer NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz,                        -- NULL: rows are being removed
    PRIMARY KEY (tenant, connection_id)
);
CALL protect_table('deletion_receipt', 'SELECT, INSERT, UPDATE');

CREATE TABLE deletion_count (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    kind smallint NOT NULL,                      -- docbridge.v1.DeletionReceipt.Count.Kind
    count bigint NOT NULL CHECK (count > 0),
    PRIMARY KEY (tenant, connection_id, kind),
    FOREIGN KEY (tenant, connection_id) REFERENCES deletion_receipt
);
CALL protect_table('deletion_count', 'SELECT, INSERT, UPDATE');
