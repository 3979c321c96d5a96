-- Companies of the host portal, organizations of upstream, and which is which.

CREATE TABLE company (
    tenant text NOT NULL CHECK (tenant <> ''),
    id text NOT NULL CHECK (id <> ''),
    display_name text NOT NULL,
    -- The name under NFKC, case folding and collapsed white space (base/name_key.h).
    name_key text NOT NULL,
    psa_type smallint NOT NULL DEFAULT 0,
    psa_external_id text NOT NULL DEFAULT '',
    revision bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX company_by_name ON company (tenant, display_name, id);
CREATE INDEX company_by_name_key ON company (tenant, name_key);
CREATE INDEX company_by_psa ON company (tenant, psa_type, psa_external_id) WHERE psa_type <> 0;
CALL protect_table('company', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE organization (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    id bigint NOT NULL,
    display_name text NOT NULL,
    -- The name before the last rename; '' if never renamed.
    previous_display_name text NOT NULL DEFAULT '',
    name_key text NOT NULL,
    web_url text NOT NULL DEFAULT '',
    psa_ids text[] NOT NULL DEFAULT '{}',
    body jsonb NOT NULL,
    content_hash bytea NOT NULL,
    gone boolean NOT NULL DEFAULT false,      -- no longer upstream
    ignored boolean NOT NULL DEFAULT false,   -- set aside by a person
    discover_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, connection_id, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CREATE INDEX organization_by_name ON organization (tenant, connection_id, display_name);
CREATE INDEX organization_by_name_key ON organization (tenant, connection_id, name_key);
CALL protect_table('organization', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE mapping (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    organization_id bigint NOT NULL,
    company_id text NOT NULL,
    source smallint NOT NULL CHECK (source IN (1, 2, 3)),       -- docbridge.v1.Mapping.Source
    actor_subject text NOT NULL,
    actor_display_name text NOT NULL,
    actor_kind smallint NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id, organization_id),
    CONSTRAINT mapping_one_organization UNIQUE (tenant, connection_id, company_id),
    CONSTRAINT mapping_organization FOREIGN KEY (tenant, connection_id, organization_id)
        REFERENCES organization ON DELETE CASCADE,
    CONSTRAINT mapping_company FOREIGN KEY (tenant, company_id) REFERENCES company
);
CREATE INDEX mapping_by_company ON mapping (tenant, company_id);
CALL protect_table('mapping', 'SELECT, INSERT, UPDATE, DELETE');

-- Which passwords of a company may be seen. No row: NO_ACCESS.
CREATE TABLE company_password_access (
    tenant text NOT NULL,
    company_id text NOT NULL,
    level smallint NOT NULL CHECK (level IN (1, 2, 3)), -- docbridge.v1.CompanyPasswordAccess.Level
    include_uncategorized boolean NOT NULL DEFAULT false,
    revision bigint NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, company_id),
    FOREIGN KEY (tenant, company_id) REFERENCES company ON DELETE CASCADE
);
CALL protect_table('company_password_access', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE company_password_category (
    tenant text NOT NULL,
    company_id text NOT NULL,
    connection_id text NOT NULL,
    category_id bigint NOT NULL,
    PRIMARY KEY (tenant, company_id, connection_id, category_id),
    FOREIGN KEY (tenant, company_id) REFERENCES company_password_access ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id, category_id) REFERENCES password_category ON DELETE CASCADE
);
CALL protect_table('company_password_category', 'SELECT, INSERT, UPDATE, DELETE');
