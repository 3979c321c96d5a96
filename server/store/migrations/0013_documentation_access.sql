-- What of a company's documentation is not shared although the connection syncs it. No row: nothing.

CREATE TABLE company_documentation_access (
    tenant text NOT NULL,
    company_id text NOT NULL,
    documents_hidden boolean NOT NULL DEFAULT false,
    checklists_hidden boolean NOT NULL DEFAULT false,
    revision bigint NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, company_id),
    FOREIGN KEY (tenant, company_id) REFERENCES company ON DELETE CASCADE
);
CALL protect_table('company_documentation_access', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE company_hidden_type (
    tenant text NOT NULL,
    company_id text NOT NULL,
    connection_id text NOT NULL,
    type_id bigint NOT NULL,
    PRIMARY KEY (tenant, company_id, connection_id, type_id),
    FOREIGN KEY (tenant, company_id) REFERENCES company_documentation_access ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id, type_id) REFERENCES flexible_asset_type ON DELETE CASCADE
);
CALL protect_table('company_hidden_type', 'SELECT, INSERT, UPDATE, DELETE');

-- The fields of a type as they were when somebody last chose: what differs since is told.
ALTER TABLE flexible_asset_type ADD chosen_fields jsonb;
UPDATE flexible_asset_type SET chosen_fields = body -> 'fields' WHERE chosen;
