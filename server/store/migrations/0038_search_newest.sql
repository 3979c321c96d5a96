-- A word that very many texts have is looked for among the newest, one after the other, until there
-- are as many as are ranked, instead of in all that have it.
CREATE INDEX search_entry_by_time ON search_entry
    (tenant, connection_id, update_time DESC NULLS LAST);

-- As before (0032), but the hits of many organizations too are ranked where they are found, if they
-- are not too many.
CREATE OR REPLACE FUNCTION search_find(connection text, organizations bigint[], kinds smallint[],
                                       query tsquery, piece text, most bigint)
    RETURNS TABLE (kind smallint, id bigint, organization_id bigint, update_time timestamptz,
                   rank real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    of_all constant boolean := cardinality(organizations) > 4;
    sql constant text :=
        'SELECT e.kind, e.id, e.organization_id, e.update_time, '
        || CASE WHEN of_all AND most > 10000 THEN 'NULL::real'
           WHEN query IS NULL THEN 'similarity(e.fragments, $5)' ELSE 'ts_rank(e.words, $4, 1)' END
        || ' FROM search_entry e WHERE e.tenant = current_tenant() AND e.connection_id = $1'
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
