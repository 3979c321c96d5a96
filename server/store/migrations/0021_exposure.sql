-- Who has seen which secret, and whether it is still the same.

-- A row for each person and secret, however often it was seen. Names are as they were then. It stays
-- when the connection, the company or the entry goes: what somebody knows does not.
CREATE TABLE exposure (
    tenant text NOT NULL CHECK (tenant <> ''),
    connection_id text NOT NULL,
    password_id bigint NOT NULL,
    subject text NOT NULL,
    id text NOT NULL,
    display_name text NOT NULL,                  -- of the subject
    actor_kind smallint NOT NULL,                -- docbridge.v1.Actor.Kind
    company_id text NOT NULL,
    company_display_name text NOT NULL,
    password_display_name text NOT NULL,
    reveal_count bigint NOT NULL DEFAULT 1,
    first_reveal_time timestamptz NOT NULL,
    last_reveal_time timestamptz NOT NULL,
    -- When the value that was seen last had come to be, by upstream's clock; NULL: it did not say.
    seen_update_time timestamptz,
    -- When it was replaced upstream.
    rotate_time timestamptz,
    -- Somebody said that it is dealt with.
    resolve_time timestamptz,
    resolver_subject text NOT NULL DEFAULT '',
    resolver_display_name text NOT NULL DEFAULT '',
    resolver_kind smallint NOT NULL DEFAULT 0,
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, connection_id, password_id, subject),
    UNIQUE (tenant, id)
);
CREATE INDEX exposure_by_time ON exposure (tenant, last_reveal_time, id);
CREATE INDEX exposure_by_subject ON exposure (tenant, subject, last_reveal_time, id);
CALL protect_table('exposure', 'SELECT, INSERT, UPDATE');

-- A value that came to be after the one that was seen closes what was seen, whichever sync brings
-- the news, in its transaction.
CREATE FUNCTION close_exposures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE exposure e SET rotate_time = NEW.password_update_time
        WHERE e.tenant = NEW.tenant AND e.connection_id = NEW.connection_id
            AND e.password_id = NEW.id AND e.rotate_time IS NULL
            AND NEW.password_update_time > coalesce(e.seen_update_time, e.last_reveal_time);
    RETURN NULL;
END
$$;
CREATE TRIGGER close_exposures AFTER UPDATE ON record_password FOR EACH ROW
    WHEN (NEW.password_update_time IS DISTINCT FROM OLD.password_update_time)
    EXECUTE FUNCTION close_exposures();
