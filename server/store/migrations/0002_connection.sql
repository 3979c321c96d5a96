-- Connections, their sealed credentials and their settings.

CREATE TABLE connection (
    tenant text NOT NULL CHECK (tenant <> ''),
    id text NOT NULL CHECK (id <> ''),
    display_name text NOT NULL,
    provider smallint NOT NULL CHECK (provider IN (1, 2)),      -- docbridge.v1.Provider
    region smallint NOT NULL CHECK (region BETWEEN 0 AND 3),     -- docbridge.v1.Region; 0: none
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),       -- docbridge.v1.Connection.State
    sync_paused boolean NOT NULL DEFAULT false,
    reveals_paused boolean NOT NULL DEFAULT false,
    psa_type smallint NOT NULL DEFAULT 0,                        -- docbridge.v1.PsaType; 0: unknown
    -- What is known of the credential; the credential itself is in vault_record.
    credential_version bigint NOT NULL DEFAULT 0,                -- 0: there is none
    key_last4 text NOT NULL DEFAULT '',
    key_fingerprint text NOT NULL DEFAULT '',
    key_create_time timestamptz,
    key_last_success_time timestamptz,
    account_subdomain text NOT NULL DEFAULT '',
    account_primary_organization_id bigint NOT NULL DEFAULT 0,
    -- [{"kind": 1, "grant": 1, "detail": "..."}]
    capabilities jsonb NOT NULL DEFAULT '[]',
    problem_reason text NOT NULL DEFAULT '',
    problem_message text NOT NULL DEFAULT '',
    problem_time timestamptz,
    -- Organizations: when the list was last fetched whole, and why it could not be.
    inventory_time timestamptz,
    inventory_denied boolean NOT NULL DEFAULT false,
    -- Flexible asset types and password categories.
    types_refresh_time timestamptz,
    -- The form of the document filter that returns foldered documents; 0: not probed yet.
    folder_filter smallint NOT NULL DEFAULT 0,
    revision bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- One documentation provider at a time: whoever is ACTIVE or in ERROR holds the tenant's one slot.
CREATE UNIQUE INDEX connection_slot ON connection (tenant) WHERE state IN (1, 2);
CALL protect_table('connection', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE vault_record (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('api-key')),
    version bigint NOT NULL CHECK (version > 0),
    scheme text NOT NULL CHECK (scheme IN ('xchacha20poly1305-v1')),
    master_key_id text NOT NULL,
    wrapped_key bytea NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (tenant, connection_id, purpose, version),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('vault_record', 'SELECT, INSERT, UPDATE, DELETE');

-- What a connection syncs and shares. All off at first.
CREATE TABLE connection_config (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    documents_enabled boolean NOT NULL DEFAULT false,
    checklists_enabled boolean NOT NULL DEFAULT false,
    password_sharing_enabled boolean NOT NULL DEFAULT false,
    revision bigint NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('connection_config', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE flexible_asset_type (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    id bigint NOT NULL,
    display_name text NOT NULL,
    -- Description, icon and fields as source.h says.
    body jsonb NOT NULL,
    content_hash bytea NOT NULL,
    enabled boolean NOT NULL DEFAULT false,
    -- Whether someone has chosen since it was discovered: until then it is NEW.
    chosen boolean NOT NULL DEFAULT false,
    upstream_state smallint NOT NULL DEFAULT 1 CHECK (upstream_state BETWEEN 1 AND 3), -- on, off, gone
    discover_time timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, connection_id, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('flexible_asset_type', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE password_category (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    id bigint NOT NULL,
    display_name text NOT NULL,
    upstream_state smallint NOT NULL DEFAULT 1 CHECK (upstream_state IN (1, 3)), -- there, gone
    discover_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CALL protect_table('password_category', 'SELECT, INSERT, UPDATE, DELETE');
