-- Names that are alike: what an administrator is offered for organizations that did not match.
--
-- Both extensions come with Postgres and are trusted: the owner of the database may create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- A name_key without the legal form at its end ("acme" of "acme holding gmbh & co. kg"), cut to 255
-- characters. Forms: the commonest of ISO 20275 (GLEIF, Entity Legal Forms code list, 1.5), without
-- dots. The first word is never one.
CREATE FUNCTION name_core(name_key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT left(regexp_replace(translate(left(name_key, 500), '.', ''),
        '([ ,]+(&|and|und|et|co|company|corp|corporation|inc|incorporated|limited|ltd|llc|llp|lllp'
        '|lp|plc|pllc|pc|pty|pte|pvt|private|proprietary|gmbh|mbh|ag|kg|kgaa|ohg|ug|gbr|ev|eg|se'
        '|sa|sas|sasu|sarl|eurl|snc|scop|nv|bv|bvba|vof|cv|ab|as|asa|aps|oy|oyj|spa|srl|srls|sl'
        '|slu|sau|lda|ltda|sp zoo|sp z oo|zoo|sro|doo|dd|kft|zrt|kk|sdn|bhd))+$', ''), 255)
$$;

ALTER TABLE company ADD core text NOT NULL GENERATED ALWAYS AS (name_core(name_key)) STORED;
-- Without a list of pending entries, which every search would have to read through.
CREATE INDEX company_by_core ON company USING gin (tenant, core gin_trgm_ops)
    WITH (fastupdate = off);

-- For each name core, by its place: the companies of the transaction's tenant whose cores share the
-- most trigrams with it, at most five, none that has an organization of the connection. Row-level
-- security never lets the serving role use an index of trigrams, since their operators might tell
-- what they were given; so this runs as the owner, and keeps to the tenant itself.
CREATE FUNCTION company_like(connection text, cores text[])
    RETURNS TABLE (place bigint, company_id text, similarity real)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    SET pg_trgm.similarity_threshold = 0.4
AS $$
    SELECT w.place, k.id, k.similarity
    FROM unnest(cores) WITH ORDINALITY AS w (core, place)
    CROSS JOIN LATERAL (
        SELECT c.id, similarity(c.core, w.core) AS similarity FROM company c
        WHERE c.tenant = current_tenant() AND c.core % w.core
            AND NOT EXISTS (SELECT FROM mapping m WHERE m.tenant = c.tenant
                AND m.connection_id = connection AND m.company_id = c.id)
        ORDER BY 2 DESC, 1 LIMIT 5) AS k
$$;
REVOKE ALL ON FUNCTION company_like(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION company_like(text, text[]) TO docbridge_server;

-- Names that no index row can hold whole: lists go by the first part of a name, as those of records
-- do, and nothing looks a name_key up.
DROP INDEX organization_by_name;
DROP INDEX organization_by_name_key;
DROP INDEX company_by_name_key;
CREATE INDEX organization_by_name ON organization
    (tenant, connection_id, (left(display_name, 96)), id);
