-- Roles, the tenant of a transaction, and the audit trail.
--
-- Every table's key starts with its tenant, and row-level security compares that with the setting
-- docbridge.tenant, which each transaction begins with. An unset tenant sees nothing.

-- Roles belong to the cluster, so another database may have made them already, perhaps just now.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['docbridge_server', 'docbridge_scheduler', 'docbridge_janitor'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

CREATE FUNCTION current_tenant() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT current_setting('docbridge.tenant', true) $$;

-- Row-level security and the serving role's rights on a table, in one word.
CREATE PROCEDURE protect_table(name regclass, rights text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY of_tenant ON %s TO docbridge_server
                    USING (tenant = current_tenant()) WITH CHECK (tenant = current_tenant())', name);
    EXECUTE format('GRANT %s ON %s TO docbridge_server', rights, name);
END
$$;

CREATE TABLE audit_event (
    tenant text NOT NULL CHECK (tenant <> ''),
    sequence bigint NOT NULL CHECK (sequence > 0),
    event_time timestamptz NOT NULL,
    type smallint NOT NULL,
    phase smallint NOT NULL CHECK (phase IN (1, 2, 3)),
    outcome smallint NOT NULL CHECK (outcome BETWEEN 0 AND 4),
    error_reason text NOT NULL DEFAULT '',
    actor_subject text NOT NULL,
    actor_display_name text NOT NULL,
    actor_kind smallint NOT NULL,
    resource text NOT NULL DEFAULT '',
    resource_display_name text NOT NULL DEFAULT '',
    company_id text NOT NULL DEFAULT '',
    company_display_name text NOT NULL DEFAULT '',
    organization text NOT NULL DEFAULT '',
    password_category_display_name text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    ticket text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    peer text NOT NULL DEFAULT '',
    upstream_status integer NOT NULL DEFAULT 0,
    upstream_served boolean NOT NULL DEFAULT false,
    policy_version bigint NOT NULL DEFAULT 0,
    intent_sequence bigint NOT NULL DEFAULT 0,
    -- [{"field": ..., "old": ..., "new": ...}], exactly the bytes that were hashed
    changes text NOT NULL DEFAULT '[]',
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, sequence)
);
CREATE INDEX audit_event_by_time ON audit_event (tenant, event_time);
CREATE INDEX audit_event_by_resource ON audit_event (tenant, resource);
CREATE INDEX audit_event_intent ON audit_event (tenant, intent_sequence) WHERE intent_sequence <> 0;
CALL protect_table('audit_event', 'SELECT, INSERT');

-- The end of each tenant's chain. Locked by whoever appends.
CREATE TABLE audit_head (
    tenant text PRIMARY KEY,
    sequence bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
CALL protect_table('audit_head', 'SELECT, INSERT, UPDATE');
