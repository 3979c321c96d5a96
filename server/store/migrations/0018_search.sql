-- In which order records changed, and an index of their words that follows behind.

-- Comes with Postgres and is trusted, as the others are.
CREATE EXTENSION IF NOT EXISTS unaccent;

-- Words as they are in any language: no stemming, no stop words, case and accents folded.
CREATE TEXT SEARCH CONFIGURATION folded (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION folded
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, simple;
CREATE FUNCTION fold(plain text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE STRICT AS
    $$ SELECT lower(unaccent(plain)) $$;

-- Counts the transactions that changed records of a connection. Each of them writes it, so they
-- follow one another here: who sees a number sees everything that was done up to it.
CREATE TABLE record_sequence (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    sequence bigint NOT NULL DEFAULT 0,
    forgotten_sequence bigint NOT NULL DEFAULT 0,  -- tombstones up to it are no longer kept
    PRIMARY KEY (tenant, connection_id)
);
CALL protect_table('record_sequence', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_scheduler ON record_sequence TO docbridge_scheduler USING (true);
GRANT SELECT ON record_sequence TO docbridge_scheduler;

-- Up to where the words of a connection's records are indexed, and who is at it. Claimed like a
-- removal. Apart from record_sequence, so that neither waits for the other.
CREATE TABLE search_progress (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    sequence bigint NOT NULL DEFAULT 0,
    level_time timestamptz,                        -- when it last had everything; NULL: never
    owner text NOT NULL DEFAULT '',                -- '': nobody
    fence bigint NOT NULL DEFAULT 1,               -- grows with every change of owner
    expire_time timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant, connection_id)
);
CALL protect_table('search_progress', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_scheduler ON search_progress TO docbridge_scheduler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON search_progress TO docbridge_scheduler;

-- Both come and go with the connection. A foreign key would have who changes such a row twice in a
-- transaction wait for the connection's, and so for whoever deletes it and waits for this one.
CREATE FUNCTION keep_record_sequence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO record_sequence (tenant, connection_id) VALUES (NEW.tenant, NEW.id);
        INSERT INTO search_progress (tenant, connection_id) VALUES (NEW.tenant, NEW.id);
    ELSE
        DELETE FROM record_sequence WHERE tenant = OLD.tenant AND connection_id = OLD.id;
        DELETE FROM search_progress WHERE tenant = OLD.tenant AND connection_id = OLD.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_record_sequence AFTER INSERT OR DELETE ON connection
    FOR EACH ROW EXECUTE FUNCTION keep_record_sequence();

ALTER TABLE record ADD create_sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE record ADD change_sequence bigint NOT NULL DEFAULT 0;
-- What is there counts as having come in portions like those of a sync.
UPDATE record r SET create_sequence = n.sequence, change_sequence = n.sequence
  FROM (SELECT tenant, connection_id, kind, id, 1 + (row_number() OVER
          (PARTITION BY tenant, connection_id ORDER BY kind, id) - 1) / 500 AS sequence
          FROM record) n
 WHERE n.tenant = r.tenant AND n.connection_id = r.connection_id AND n.kind = r.kind AND n.id = r.id;
INSERT INTO record_sequence (tenant, connection_id, sequence)
SELECT c.tenant, c.id, coalesce((SELECT max(r.change_sequence) FROM record r
         WHERE r.tenant = c.tenant AND r.connection_id = c.id), 0) FROM connection c;
INSERT INTO search_progress (tenant, connection_id) SELECT tenant, id FROM connection;

-- Of the kinds that readers are told of, and of document folders, which hide what is in them. Rows
-- of one transaction and organization have one key, which keeps these small.
CREATE INDEX record_document_folder_by_change ON record_document_folder
    (tenant, connection_id, change_sequence, organization_id);
CREATE INDEX record_document_by_change ON record_document
    (tenant, connection_id, change_sequence, organization_id);
CREATE INDEX record_flexible_asset_by_change ON record_flexible_asset
    (tenant, connection_id, change_sequence, organization_id);
CREATE INDEX record_checklist_by_change ON record_checklist
    (tenant, connection_id, change_sequence, organization_id);
CREATE INDEX record_checklist_template_by_change ON record_checklist_template
    (tenant, connection_id, change_sequence, organization_id);

-- Which records an organization had and has no longer. As the records, they go before their
-- connection does, so nothing asks for its row.
CREATE TABLE record_tombstone (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    change_sequence bigint NOT NULL,
    organization_id bigint NOT NULL,
    kind smallint NOT NULL,
    id bigint NOT NULL,
    delete_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, connection_id, change_sequence, organization_id, kind, id)
);
CALL protect_table('record_tombstone', 'SELECT, INSERT, DELETE');

-- A record that moves to another organization is gone from its former one.
CREATE FUNCTION leave_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_tombstone (tenant, connection_id, change_sequence, organization_id, kind, id)
    VALUES (OLD.tenant, OLD.connection_id, NEW.change_sequence, OLD.organization_id, OLD.kind, OLD.id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER leave_tombstone AFTER UPDATE OF organization_id ON record FOR EACH ROW
    WHEN (OLD.organization_id <> NEW.organization_id) EXECUTE FUNCTION leave_tombstone();

-- The words of a record. Whether it may be shown is the record's to say, which it is joined with.
CREATE TABLE search_entry (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    kind smallint NOT NULL,
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    update_time timestamptz,
    content text NOT NULL,       -- plain, at most 256 KB
    fragments text NOT NULL,     -- title and short fields, folded: where pieces of words are found
    words tsvector NOT NULL,
    PRIMARY KEY (tenant, connection_id, kind, id),
    FOREIGN KEY (tenant, connection_id, kind, id) REFERENCES record ON DELETE CASCADE
);
CALL protect_table('search_entry', 'SELECT, INSERT, UPDATE, DELETE');

-- One key of the index for an organization, and -1 for a whole connection: a search intersects its
-- list with that of each word. Keys that happen to be equal are told apart in the row.
CREATE FUNCTION search_key(tenant text, connection_id text, organization_id bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS
    $$ SELECT hashtextextended(tenant || '/' || connection_id, organization_id) $$;
CREATE INDEX search_entry_by_word ON search_entry USING gin
    (search_key(tenant, connection_id, organization_id), search_key(tenant, connection_id, -1),
     words, fragments gin_trgm_ops) WITH (fastupdate = off);

-- The words of a title and a content. A vector has a limit of its own, which only a content made for
-- it can reach: of such a one fewer words are kept.
CREATE FUNCTION search_words(title text, content text) RETURNS tsvector LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN setweight(to_tsvector('folded', title), 'A')
        || setweight(to_tsvector('folded', content), 'D');
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN search_words(left(title, 1000), left(content, length(content) / 2));
END
$$;

-- A query as people type them. Postgres gives up on very many operators one within the other, which
-- nobody means: then words are all that counts.
CREATE FUNCTION search_query(typed text) RETURNS tsquery LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN websearch_to_tsquery('folded', typed);
EXCEPTION WHEN internal_error THEN
    RETURN plainto_tsquery('folded', typed);
END
$$;

-- What of some organizations has the words or, without a query, the piece of a word (a pattern of
-- LIKE); the newest of each organization if there are few, of all of them if there are many. As with
-- company_like, row-level security would keep the serving role from the index: so this runs as the
-- owner, and keeps to the tenant itself. Planned for each query: how common its words are decides.
CREATE FUNCTION search_find(connection text, organizations bigint[], kinds smallint[],
                            query tsquery, piece text, most bigint)
    RETURNS TABLE (kind smallint, id bigint, organization_id bigint, update_time timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    of_all constant boolean := cardinality(organizations) > 4;
    sql constant text :=
        'SELECT e.kind, e.id, e.organization_id, e.update_time FROM search_entry e'
        ' WHERE e.tenant = current_tenant() AND e.connection_id = $1'
        ' AND search_key(e.tenant, e.connection_id, '
        || CASE WHEN of_all THEN '-1' ELSE 'e.organization_id' END || ')'
        ' = search_key(current_tenant(), $1, ' || CASE WHEN of_all THEN '-1' ELSE '$2[1]' END || ')'
        ' AND e.organization_id = ANY ($2) AND e.kind = ANY ($3)'
        || CASE WHEN query IS NULL THEN ' AND e.fragments LIKE $5' ELSE ' AND e.words @@ $4' END
        || ' ORDER BY e.update_time DESC NULLS LAST LIMIT $6';
    organization bigint;
BEGIN
    IF of_all THEN
        RETURN QUERY EXECUTE sql USING connection, organizations, kinds, query, piece, most;
        RETURN;
    END IF;
    FOREACH organization IN ARRAY organizations LOOP
        RETURN QUERY EXECUTE sql USING connection, ARRAY[organization], kinds, query, piece, most;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION search_find(text, bigint[], smallint[], tsquery, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_find(text, bigint[], smallint[], tsquery, text, bigint)
    TO docbridge_server;
