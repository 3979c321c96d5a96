-- Synced content: one table shaped like source.h's struct source_record, a partition a kind.
--
-- There is no column for a password's value, nor for its notes.

CREATE TABLE record (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    kind smallint NOT NULL,            -- enum source_kind
    id bigint NOT NULL,
    organization_id bigint NOT NULL,   -- 0: belongs to the account
    display_name text NOT NULL,
    web_url text NOT NULL DEFAULT '',
    type_id bigint NOT NULL DEFAULT 0,
    folder_id bigint NOT NULL DEFAULT 0,
    category_id bigint NOT NULL DEFAULT 0,
    restricted boolean NOT NULL DEFAULT false,
    archived boolean NOT NULL DEFAULT false,
    vaulted boolean NOT NULL DEFAULT false,
    personal boolean NOT NULL DEFAULT false,
    create_time timestamptz,
    update_time timestamptz,
    publish_time timestamptz,
    password_update_time timestamptz,
    body jsonb NOT NULL,
    content_hash bytea NOT NULL,
    PRIMARY KEY (tenant, connection_id, kind, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
) PARTITION BY LIST (kind);

CREATE TABLE record_document_folder PARTITION OF record FOR VALUES IN (3);
CREATE TABLE record_document PARTITION OF record FOR VALUES IN (4);
CREATE TABLE record_flexible_asset PARTITION OF record FOR VALUES IN (5);
CREATE TABLE record_checklist PARTITION OF record FOR VALUES IN (6);
CREATE TABLE record_checklist_template PARTITION OF record FOR VALUES IN (7);
CREATE TABLE record_password_folder PARTITION OF record FOR VALUES IN (8);
CREATE TABLE record_password PARTITION OF record FOR VALUES IN (9);

-- Lists go by name; a name can be long, so its first part is the key (store/documentation.c). Without
-- the id, which would let the planner take this index where the primary key belongs.
CREATE INDEX record_by_organization ON record
    (tenant, connection_id, kind, organization_id, (left(display_name, 96)));
CALL protect_table('record', 'SELECT, INSERT, UPDATE, DELETE');
CALL protect_table('record_document_folder', 'SELECT');
CALL protect_table('record_document', 'SELECT');
CALL protect_table('record_flexible_asset', 'SELECT');
CALL protect_table('record_checklist', 'SELECT');
CALL protect_table('record_checklist_template', 'SELECT');
CALL protect_table('record_password_folder', 'SELECT');
CALL protect_table('record_password', 'SELECT');
