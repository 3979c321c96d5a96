-- When each connection is synced, and how old its data may get. The scheduler looks across tenants
-- here too.

-- Arrays go by docbridge.v1.SyncTaskKind, from 1. NULL in them: as by default.
CREATE TABLE sync_schedule (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    look_time timestamptz NOT NULL,              -- when what is due is judged
    interval_seconds bigint[] NOT NULL DEFAULT array_fill(NULL::bigint, ARRAY[5]),
    objective_seconds bigint[] NOT NULL DEFAULT array_fill(NULL::bigint, ARRAY[5]),
    due_times timestamptz[] NOT NULL,
    breach_times timestamptz[] NOT NULL DEFAULT array_fill(NULL::timestamptz, ARRAY[5]),
    since_times timestamptz[] NOT NULL DEFAULT array_fill(NULL::timestamptz, ARRAY[5]), -- meant to be fresh
    full_interval_seconds bigint,
    full_due_time timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CREATE INDEX sync_schedule_by_time ON sync_schedule (look_time);
CALL protect_table('sync_schedule', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_scheduler ON sync_schedule TO docbridge_scheduler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON sync_schedule TO docbridge_scheduler;

-- Those that are there already spread over the first hour, and over the first day.
WITH spread AS (SELECT tenant, id, now() + random() * interval '1 hour' AS due FROM connection)
INSERT INTO sync_schedule (tenant, connection_id, look_time, due_times, full_due_time)
SELECT tenant, id, due, array_fill(due, ARRAY[5]), now() + random() * interval '1 day' FROM spread;

-- Who wished for what a live run does not do; 0: nobody.
ALTER TABLE sync_run ADD wish_trigger smallint NOT NULL DEFAULT 0;  -- docbridge.v1.SyncRun.Trigger
