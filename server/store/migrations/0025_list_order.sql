-- Pages of organizations are looked up where they begin. Under row-level security an index serves a
-- comparison of columns, but not one of left(...), which might tell what it was given.
ALTER TABLE organization
    ADD sort_name text NOT NULL GENERATED ALWAYS AS (left(display_name, 96)) STORED;
DROP INDEX organization_by_name;
CREATE INDEX organization_by_name ON organization (tenant, connection_id, sort_name, id);
