-- A hit of few organizations is ranked where it is found, instead of being looked up once more.

-- What is ranked lies in its row rather than beside it, and the text, which few are shown of, makes
-- room. Rows that are there change when they are next written.
ALTER TABLE search_entry ALTER words SET STORAGE MAIN;

-- As before (0018), and how well each fits; NULL where there are many organizations, of whose hits
-- only the newest are to be ranked.
DROP FUNCTION search_find(text, bigint[], smallint[], tsquery, text, bigint);
CREATE FUNCTION search_find(connection text, organizations bigint[], kinds smallint[],
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
        || CASE WHEN of_all THEN 'NULL::real' WHEN query IS NULL THEN 'similarity(e.fragments, $5)'
           ELSE 'ts_rank(e.words, $4, 1)' END
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
REVOKE ALL ON FUNCTION search_find(text, bigint[], smallint[], tsquery, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_find(text, bigint[], smallint[], tsquery, text, bigint)
    TO docbridge_server;
