-- The records of a first run too, or whoever looks at them just then waits: of 90,000 passwords a
-- page of a company's took two seconds until autovacuum had come by. As in 0037 in all else.
CREATE OR REPLACE FUNCTION make_first_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    uncounted regclass;
BEGIN
    FOR uncounted IN
        SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND (relname IN ('company', 'organization', 'mapping')
                 OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'record'::regclass))
            AND reltuples < 0 AND pg_relation_size(oid) > 65536
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', uncounted);
    END LOOP;
END
$$;
