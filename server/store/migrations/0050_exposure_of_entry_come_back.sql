-- An entry that was gone and comes back with a later value closes what was seen of it: its row is a
-- new one, of which close_exposures() is not told. Once for a page of rows, so that a first sync
-- pays next to nothing.
CREATE FUNCTION close_exposures_of_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM update_exposures(a.tenant)
        FROM (SELECT DISTINCT tenant FROM added WHERE password_update_time IS NOT NULL) a;
    UPDATE exposure e SET rotate_time = a.password_update_time FROM added a
        WHERE e.tenant = a.tenant AND e.connection_id = a.connection_id
            AND e.password_id = a.id AND e.rotate_time IS NULL
            AND a.password_update_time > coalesce(e.seen_update_time, e.last_reveal_time);
    RETURN NULL;
END
$$;
CREATE TRIGGER close_exposures_of_added AFTER INSERT ON record_password
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION close_exposures_of_added();
