-- What a batch adds to the index of words is merged before it goes in: a word that a hundred of its
-- records have is written once, not a hundred times. That takes a fifth of the CPU, and a tenth of
-- the log, behind whose flush every commit stands in line. Searches look through what is not merged
-- yet, so it is little, and gone with the end of each batch.

ALTER INDEX search_entry_by_word SET (fastupdate = on, gin_pending_list_limit = 1024);

-- Only who owns an index may say when it is merged.
CREATE FUNCTION search_merge() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
BEGIN
    PERFORM gin_clean_pending_list('search_entry_by_word');
END
$$;
REVOKE ALL ON FUNCTION search_merge() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_merge() TO docbridge_server;
