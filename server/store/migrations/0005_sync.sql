-- Sync runs: tasks, checkpoints, issues, and the lease that lets one process at a time run one.

CREATE TABLE sync_run (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    id text NOT NULL,
    state smallint NOT NULL,                     -- docbridge.v1.SyncRun.State
    trigger smallint NOT NULL,                   -- docbridge.v1.SyncRun.Trigger
    mode smallint NOT NULL,                      -- docbridge.v1.SyncMode
    organization_ids bigint[] NOT NULL DEFAULT '{}', -- empty: all that are mapped
    cancel_requested boolean NOT NULL DEFAULT false,
    request_count integer NOT NULL DEFAULT 0,
    resume_time timestamptz,                     -- when a wait for quota ends
    actor_subject text NOT NULL,
    actor_display_name text NOT NULL,
    actor_kind smallint NOT NULL,
    request_id text NOT NULL DEFAULT '',         -- the caller's, for idempotence
    create_time timestamptz NOT NULL,
    start_time timestamptz,
    end_time timestamptz,
    checkpoint_time timestamptz,
    PRIMARY KEY (tenant, connection_id, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
-- One live run a connection: QUEUED, RUNNING, WAITING_FOR_QUOTA, CANCELLING.
CREATE UNIQUE INDEX sync_run_live ON sync_run (tenant, connection_id) WHERE state IN (1, 2, 3, 4);
CREATE INDEX sync_run_by_time ON sync_run (tenant, connection_id, create_time DESC, id);
CREATE UNIQUE INDEX sync_run_by_request ON sync_run (tenant, connection_id, request_id) WHERE request_id <> '';
CALL protect_table('sync_run', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE sync_task (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    run_id text NOT NULL,
    kind smallint NOT NULL,                      -- docbridge.v1.SyncTaskKind
    state smallint NOT NULL,                     -- docbridge.v1.SyncTask.State
    done_count bigint NOT NULL DEFAULT 0,
    total_count bigint NOT NULL DEFAULT 0,
    created_count bigint NOT NULL DEFAULT 0,
    updated_count bigint NOT NULL DEFAULT 0,
    unchanged_count bigint NOT NULL DEFAULT 0,
    deleted_count bigint NOT NULL DEFAULT 0,
    failed_count bigint NOT NULL DEFAULT 0,
    error_reason text NOT NULL DEFAULT '',
    error_message text NOT NULL DEFAULT '',
    organization_id bigint NOT NULL DEFAULT 0,   -- the one at hand
    -- Where the walk goes on, in the words of sync/; written with the rows of each page.
    checkpoint text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, connection_id, run_id, kind),
    FOREIGN KEY (tenant, connection_id, run_id) REFERENCES sync_run ON DELETE CASCADE
);
CALL protect_table('sync_task', 'SELECT, INSERT, UPDATE, DELETE');

-- The ids that a walk has seen, a row a page: what a complete walk did not see is gone upstream.
CREATE TABLE sync_page (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    run_id text NOT NULL,
    kind smallint NOT NULL,                      -- enum source_kind
    scope text NOT NULL,                         -- the walk, such as an organization's or a type's id
    page integer NOT NULL,
    ids bigint[] NOT NULL,
    PRIMARY KEY (tenant, connection_id, run_id, kind, scope, page),
    FOREIGN KEY (tenant, connection_id, run_id) REFERENCES sync_run ON DELETE CASCADE
);
CALL protect_table('sync_page', 'SELECT, INSERT, UPDATE, DELETE');

-- When each task was last complete: what readers are told as as_of_time.
CREATE TABLE sync_freshness (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    kind smallint NOT NULL,                      -- docbridge.v1.SyncTaskKind
    organization_id bigint NOT NULL,             -- 0: for all that are mapped
    complete_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id, kind, organization_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('sync_freshness', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE sync_issue (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    id text NOT NULL,
    kind smallint NOT NULL,                      -- docbridge.v1.SyncIssue.Kind
    state smallint NOT NULL,                     -- docbridge.v1.SyncIssue.State
    run_id text NOT NULL,
    task_kind smallint NOT NULL,
    subject text NOT NULL,                       -- "passwords/778201"
    message text NOT NULL,
    held_deletion_count bigint NOT NULL DEFAULT 0,
    scope_record_count bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    resolve_time timestamptz,
    revision bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, connection_id, id),
    FOREIGN KEY (tenant, connection_id, run_id) REFERENCES sync_run ON DELETE CASCADE
);
CREATE INDEX sync_issue_by_time ON sync_issue (tenant, connection_id, create_time DESC, id);
-- The same trouble with the same record is one open issue, however often it is seen.
CREATE UNIQUE INDEX sync_issue_open ON sync_issue (tenant, connection_id, kind, task_kind, subject)
    WHERE state = 1;
CALL protect_table('sync_issue', 'SELECT, INSERT, UPDATE, DELETE');

-- Who runs what. The scheduler looks across tenants here, and only here.
CREATE TABLE sync_lease (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    run_id text NOT NULL,
    owner text NOT NULL,                         -- '': nobody yet
    fence bigint NOT NULL,                       -- grows with every change of owner
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id, run_id) REFERENCES sync_run ON DELETE CASCADE
);
CREATE INDEX sync_lease_by_expiry ON sync_lease (expire_time);
CALL protect_table('sync_lease', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_scheduler ON sync_lease TO docbridge_scheduler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON sync_lease TO docbridge_scheduler;
