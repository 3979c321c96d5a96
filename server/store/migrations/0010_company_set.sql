-- Sets of companies that tokens name in place of ids.

CREATE TABLE company_set (
    tenant text NOT NULL CHECK (tenant <> ''),
    id text NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    company_count integer NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CALL protect_table('company_set', 'SELECT, INSERT, UPDATE, DELETE');

-- Ids, as in a token: they need not be companies (yet).
CREATE TABLE company_set_member (
    tenant text NOT NULL,
    set_id text NOT NULL,
    company_id text NOT NULL,
    PRIMARY KEY (tenant, set_id, company_id),
    FOREIGN KEY (tenant, set_id) REFERENCES company_set ON DELETE CASCADE
);
CALL protect_table('company_set_member', 'SELECT, INSERT, DELETE');

-- The set that the caller of this transaction sees by; '' or NULL: by none.
CREATE FUNCTION current_company_set() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT current_setting('docbridge.company_set', true) $$;
