-- How many distinct secrets may be revealed in a time, and who has had too many.

-- A limit of 0 is no budget.
ALTER TABLE reveal_policy
    ADD user_limit integer NOT NULL DEFAULT 0,
    ADD user_window_s integer NOT NULL DEFAULT 0,
    ADD user_freezes boolean NOT NULL DEFAULT false,
    ADD company_limit integer NOT NULL DEFAULT 0,
    ADD company_window_s integer NOT NULL DEFAULT 0,
    ADD company_freezes boolean NOT NULL DEFAULT false,
    ADD tenant_limit integer NOT NULL DEFAULT 0,
    ADD tenant_window_s integer NOT NULL DEFAULT 0,
    ADD tenant_freezes boolean NOT NULL DEFAULT false;

-- When a secret was last asked for within a budget. Scopes: 1 a user, by subject; 2 a company, by
-- id; 3 the tenant, ''.
CREATE TABLE reveal_use (
    tenant text NOT NULL CHECK (tenant <> ''),
    scope smallint NOT NULL CHECK (scope BETWEEN 1 AND 3),
    scope_id text NOT NULL,
    connection_id text NOT NULL,
    password_id bigint NOT NULL,
    use_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, scope, scope_id, connection_id, password_id)
);
CREATE INDEX reveal_use_by_time ON reveal_use (tenant, scope, scope_id, use_time);
CALL protect_table('reveal_use', 'SELECT, INSERT, UPDATE, DELETE');

-- Whoever has used up a budget that freezes, until a person ends it.
CREATE TABLE reveal_freeze (
    tenant text NOT NULL CHECK (tenant <> ''),
    scope smallint NOT NULL CHECK (scope BETWEEN 1 AND 3),
    scope_id text NOT NULL,
    id text NOT NULL,
    scope_display_name text NOT NULL,            -- as it was then
    cause_subject text NOT NULL,                 -- whose reveal was one too many
    cause_display_name text NOT NULL,
    cause_kind smallint NOT NULL,                -- docbridge.v1.Actor.Kind
    secret_limit integer NOT NULL,
    window_s integer NOT NULL,
    freeze_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, scope, scope_id),
    UNIQUE (tenant, id)
);
CALL protect_table('reveal_freeze', 'SELECT, INSERT, DELETE');

-- Counts a secret in each of the scopes, all or none. Gives the first scope that has no room for
-- it, and in how many milliseconds it has; no row if all have. A secret that is in a window already
-- takes no room in it. `take` false only looks.
--
-- Those who share a scope stand in line from here to the end of their transactions, on whichever
-- server: what each counts is what the others have committed. Each statement of a volatile function
-- sees what was committed before it, so the count comes after the wait.
CREATE FUNCTION take_reveal_budget(of_tenant text, of_connection text, of_password bigint,
                                   scopes bigint[], scope_ids text[], limits bigint[],
                                   windows_s bigint[], take boolean)
RETURNS TABLE (full_scope bigint, retry_ms bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    i integer;
    since timestamptz;
    room_time timestamptz;
BEGIN
    FOR i IN 1 .. CASE WHEN take THEN cardinality(scopes) ELSE 0 END LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(
            format('reveal %L %s %L', of_tenant, scopes[i], scope_ids[i]), 0));
    END LOOP;
    FOR i IN 1 .. cardinality(scopes) LOOP
        since := clock_timestamp() - make_interval(secs => windows_s[i]);
        CONTINUE WHEN EXISTS (SELECT FROM reveal_use u
            WHERE u.tenant = of_tenant AND u.scope = scopes[i] AND u.scope_id = scope_ids[i]
                AND u.connection_id = of_connection AND u.password_id = of_password
                AND u.use_time > since);
        -- The use that must leave the window before there is room.
        SELECT u.use_time INTO room_time FROM reveal_use u
            WHERE u.tenant = of_tenant AND u.scope = scopes[i] AND u.scope_id = scope_ids[i]
                AND u.use_time > since
            ORDER BY u.use_time DESC OFFSET limits[i] - 1 LIMIT 1;
        IF FOUND THEN
            full_scope := scopes[i];
            retry_ms := ceil(extract(epoch FROM room_time - since) * 1000);
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;
    FOR i IN 1 .. CASE WHEN take THEN cardinality(scopes) ELSE 0 END LOOP
        DELETE FROM reveal_use u
            WHERE u.tenant = of_tenant AND u.scope = scopes[i] AND u.scope_id = scope_ids[i]
                AND u.use_time <= clock_timestamp() - make_interval(secs => windows_s[i]);
        INSERT INTO reveal_use AS u
            VALUES (of_tenant, scopes[i], scope_ids[i], of_connection, of_password,
                    clock_timestamp())
            ON CONFLICT (tenant, scope, scope_id, connection_id, password_id)
            DO UPDATE SET use_time = excluded.use_time;
    END LOOP;
END
$$;
