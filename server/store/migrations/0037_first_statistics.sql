-- Tables that were filled and that nobody has counted yet: the planner takes them for nearly empty
-- until autovacuum has come by, which is after the first minute of an installation, just when an
-- administrator maps organizations. So the tables of that step are counted at once, the first time
-- only. Not others: one that a run fills and empties again would be taken for empty ever after.
-- As the owner: who serves may not ANALYZE. A table that another process counts is left to it.
CREATE FUNCTION make_first_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    uncounted regclass;
BEGIN
    FOR uncounted IN
        SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND relname IN ('company', 'organization', 'mapping')
            AND reltuples < 0 AND pg_relation_size(oid) > 65536
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', uncounted);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION make_first_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_first_statistics() TO docbridge_server;
